"""The server that is asked: nginx where it is installed with its Lua module, else a small one of our own on uvloop.

It has a process of its own on a core of its own, answers as Customer.io does, and logs when each request arrived and when its answer was
handed over, in microseconds of the machine's monotonic clock. nginx by itself logs milliseconds, which are too coarse; hence Lua.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from examples.benchmark.children import cpu_of, on_core
from examples.benchmark.plan import Plan, Seen

_MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/nginx/modules", "/etc/nginx/modules")
_PATIENCE = 10.0
_CONNECTED = "01"

_CONFIG = """
{modules}
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 16384; }}
http {{
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  keepalive_requests 1000000000; keepalive_timeout 600s; client_body_buffer_size 64k; default_type application/json;
  log_format times '$arrived $ended $status $connection $request_uri';
  init_by_lua_block {{
    local ffi = require "ffi"
    ffi.cdef "typedef struct {{ long s; long n; }} moment; int clock_gettime(int which, moment *into);"
    local into = ffi.new "moment"
    function microseconds() ffi.C.clock_gettime(1, into); return string.format("%d%06d", tonumber(into.s), tonumber(into.n) / 1000) end
    function delay(uri)
      local place = (tonumber(uri:match "(%d+)/?$") or 0) % 100
      return {delay} * (({mixed} == 0 or place < 94) and 1 or place < 98 and 3 or 6)
    end
  }}
  server {{
    listen 127.0.0.1:{port} backlog=16384;
    access_log {folder}/access.log times buffer=1m flush=1h;
    location / {{
      set_by_lua_block $arrived {{ return microseconds() }}
      set $ended 0;
      log_by_lua_block {{ if ngx.var.ended == "0" then ngx.var.ended = microseconds() end }}
      {answer}
    }}
  }}
}}
"""

_AT_ONCE = "return 200 '{}';"
_LATER = """content_by_lua_block {
        ngx.sleep(delay(ngx.var.uri)); ngx.header["Content-Length"] = 2; ngx.var.ended = microseconds(); ngx.print("{}")
      }"""


def nginx_modules() -> list[Path] | None:
    """nginx's modules for Lua, or None when nginx is not installed with them."""
    if shutil.which("nginx") is None:
        return None
    for folder in map(Path, _FOLDERS):
        found = [folder / name for name in _MODULES]
        if all(path.exists() for path in found):
            return found
    return None


class Server:
    """A server for one run, up from the beginning of a ``with`` to its end.

    Args:
        plan: how it answers.
        folder: for its configuration and log; its own.
        core: which core it runs on, or None for any.
        kind: "nginx" or "own".

    Attributes:
        url: where it is.
    """

    def __init__(self, plan: Plan, folder: Path, core: int | None, kind: str) -> None:
        self._plan, self._folder, self._kind = plan, folder, kind
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        with on_core(core):
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def _command(self) -> list[str]:
        plan = self._plan
        if self._kind != "nginx":
            log = self._folder / "access.log"
            return [sys.executable, "-m", "examples.benchmark.own_server", str(self._port), str(log), str(plan.delay), str(int(plan.mixed))]
        modules = "\n".join(f"load_module {path};" for path in nginx_modules() or ())
        answer = _LATER if plan.delay else _AT_ONCE
        config = self._folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(modules=modules, folder=self._folder, port=self._port, delay=plan.delay, mixed=int(plan.mixed), answer=answer)
        )
        return ["nginx", "-p", str(self._folder), "-c", str(config), "-e", str(self._folder / "error.log")]

    def __enter__(self) -> Self:
        until = time.monotonic() + _PATIENCE
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return self
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
                raise RuntimeError(f"server: got no {self._kind} on port {self._port}; expected it to start; it said: {said[-500:]}")
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
        self.stop()

    def stop(self) -> None:
        """End it; its log is complete afterwards."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT if self._kind == "nginx" else signal.SIGTERM)
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        return cpu_of(self._process.pid)

    def has_company(self) -> bool:
        """Whether anybody is connected to it."""
        port = f":{self._port:04X} "
        with suppress(OSError):
            rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
            return any(port in row[:21] and row.split()[3] == _CONNECTED for row in rows)
        return True

    def freeze(self) -> float:
        """Have it stand still. Returns when, on the monotonic clock."""
        os.kill(self._process.pid, signal.SIGSTOP)
        return time.monotonic()

    def thaw(self) -> float:
        """Have it go on. Returns when."""
        os.kill(self._process.pid, signal.SIGCONT)
        return time.monotonic()

    def seen(self) -> list[Seen]:
        """Every request of its log that has a number; to be asked once it has stopped."""
        log = self._folder / "access.log"
        return [] if not log.exists() else read_log(log.read_text(encoding="ascii", errors="replace"))


def read_log(text: str) -> list[Seen]:
    """The requests of a log whose path ends in a number; others are left out."""
    found = []
    for line in text.splitlines():
        arrived, ended, status, connection, path = line.split(" ", 4)
        name = path.rstrip("/").rpartition("/")[2].rpartition("-")[2]
        if name.isdigit():
            found.append(Seen(int(name), int(arrived) / 1e6, int(ended) / 1e6, int(status), int(connection)))
    return found
