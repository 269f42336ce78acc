"""What tests of the page share: documents with everything on them, the page as a reader has it, and a headless Chromium.

The browser is driven by its DevTools protocol: what a page says on its console, asks for, and measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from pytest_cio_load.reports.document import Document

VOID = {"meta", "input", "br", "link", "img", "wbr"}
OPTIONAL = {"tr", "td", "th"}


class Page(HTMLParser):
    """A page taken apart: its tags with their attributes, what is read on it, and whether every tag that must be is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.headings: list[tuple[int, str]] = []
        self.data: list[Any] = []
        self.scripts: list[str] = []
        self._script = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag == "script":
            self._script = dict(attrs).get("type") or "own"
        if tag not in VOID | OPTIONAL:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of one that must have an end."""
        if tag not in OPTIONAL:
            assert self.open.pop() == tag
        self._script = "" if tag == "script" else self._script

    def handle_data(self, data: str) -> None:
        """Note it, in its cell or heading too."""
        if self._script:
            (self.scripts.append(data) if self._script == "own" else self.data.append(json.loads(data)))
            return
        if "style" in self.open:
            return
        self.text += data
        if "tbody" in self.open or "thead" in self.open:
            if self.rows and self.rows[-1]:
                self.rows[-1][-1] += data.removesuffix("\n")
        elif self.headings and any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            level, said = self.headings[-1]
            self.headings[-1] = (level, said + data)

    def with_class(self, name: str) -> list[dict[str, str | None]]:
        """Attributes of every element of that class."""
        return [attributes for _, attributes in self.tags if name in (attributes.get("class") or "").split()]

    def specs(self) -> list[dict[str, Any]]:
        """Every chart's specification, with its columns."""
        return [one for one in self.data if isinstance(one, dict)]


@pytest.fixture(scope="session")
def page() -> Callable[[str], Page]:
    """Takes a page apart."""
    return Page


@pytest.fixture(scope="session")
def timeline() -> Callable[..., dict[str, Any]]:
    """Makes a timeline of so many intervals of half a second, with everything on it. *more* replaces keys."""

    def made(number: int = 120, **more: Any) -> dict[str, Any]:
        rising = [float(at + 1) for at in range(number)]
        return {
            **{"step": 0.5, "warmup": 2.0, "due": [40] * number, "done": [40] * number, "in_flight": [2] * number, "calls": [40] * number},
            **{"failed": [0] * (number - 1) + [3], "dropped": [0] * (number - 1) + [1], "rate_limited": [0] * (number - 1) + [2]},
            "response": {
                **{"p50": [at / 2 for at in rising], "p95": rising, "p99": [at * 2 for at in rising]},
                "max": [*(at * 3 for at in rising[:-1]), None],
            },
            **{"service": {"p95": rising}, "lag": {"max": rising}, "paced": {"max": rising}, "queue_depth": [7] * number},
            "marks": [{"at": 20.0, "kind": "fault", "text": "frozen"}, {"at": 2.0, "kind": "warmup", "text": "over"}],
        } | more

    return made


@pytest.fixture(scope="session")
def full(runs: Any, timeline: Callable[..., dict[str, Any]]) -> Callable[..., Document]:
    """Makes a document of a verdict, with everything a page may have to show. *more* replaces its keys."""
    how: dict[str, dict[str, Any]] = {
        "kept": {},
        "broken": {"ms": 600, "failed": 3, "notes": ("mind the gap",)},
        "inconclusive": {"late": 50},
    }

    def made(verdict: str = "kept", **more: Any) -> Document:
        run = how[verdict] | {"delivery": {"sent": 100, "applied": 99}, "cleanup": {"noted": 5, "deleted": 5}}
        doc: Document = json.loads(json.dumps(runs.document(**run)))
        assert doc["verdict"] == verdict
        return doc | {"timeline": timeline()} | more

    return made


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_PATIENCE = 60.0


class Tab:
    """One page. Everything it complained of is in ``complaints``, every address that it asked for in ``asked``."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session = ""
        self._number = 0

    async def listen(self) -> None:
        """Take what the browser sends, until it ends."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._heard(said["method"], said["params"])

    def _heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(str(params["entry"]["text"]))

    async def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """One command, and its result."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        where = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": self._number, "method": method, "params": params, **where})
        said = await asyncio.wait_for(answer, _PATIENCE)
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def attach(self) -> None:
        """Open an empty page."""
        made = await self.tell("Target.createTarget", url="about:blank")
        self._session = (await self.tell("Target.attachToTarget", targetId=made["targetId"], flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.tell(f"{domain}.enable")

    async def open(self, path: Path, *, width: int = 1280, scheme: str = "light", scripts: bool = True) -> None:
        """Open a file, and wait until its charts are drawn."""
        await self.tell("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        await self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.tell("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.complaints.clear()
        self.asked.clear()
        await self.tell("Page.navigate", url=path.resolve().as_uri())
        done = "document.documentElement?.dataset.drawn === 'yes'" if scripts else "document.readyState === 'complete'"
        await self.until(done)

    async def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(_PATIENCE):
            while not await self.read(condition):
                await asyncio.sleep(0.05)

    async def read(self, expression: str) -> Any:
        """The value of an expression."""
        said = await self.tell("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def press(self, key: str, code: int) -> None:
        """One key, down and up."""
        for kind in ("keyDown", "keyUp"):
            text = "\r" if key == "Enter" and kind == "keyDown" else ""
            await self.tell("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)


@contextlib.asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Tab]:
    """A browser of its own with its files in *folder*, ended afterwards."""
    assert CHROMIUM is not None
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0")
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *options, f"--user-data-dir={folder}", "about:blank", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        address = await _address(folder / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            tab = Tab(socket)
            listening = asyncio.create_task(tab.listen())
            try:
                await tab.attach()
                yield tab
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _address(file: Path, process: asyncio.subprocess.Process) -> str:
    """Where the browser listens, once it has written that down."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            assert process.returncode is None, "the browser ended"
            lines = file.read_text().split() if file.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    """A page in a browser of the module's own."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    async with browser(tmp_path_factory.mktemp("chromium", numbered=True)) as opened:
        yield opened
