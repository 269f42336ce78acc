"""Whatever a failing run prints and writes is searched for every key and for the value of an attribute: no hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    Stage = Any

SUITE = """
    import json, logging, os
    import pytest

    PLAN = "-".join(("nobody", "may", "read", "this"))
    KEYS = [os.environ[f"CIO_LOAD_{{name}}"] for name in ("SITE_ID", "API_KEY", "APP_KEY")]

    async def raises(cio, user):
        plan, keys = PLAN, list(KEYS)
        await cio.identify(user.id, plan=plan, tags={{"of": [plan]}})
        raise ValueError(f"no such plan: {{plan}}, {{keys}}")

    async def asserts(cio, user):
        person = {{"plan": PLAN, "keys": KEYS}}
        await cio.identify(user.id, **person)
        assert person == {{"plan": "pro"}}

    async def logs(cio, user):
        await cio.identify(user.id, plan=PLAN)
        logging.getLogger("app").warning("plan %s, keys %s", PLAN, KEYS)
        print(json.dumps({{"plan": PLAN, "keys": KEYS}}))
        raise KeyError(PLAN)

    async def causes(cio, user):
        await cio.track(user.id, "opened", {{"plan": PLAN}})
        try:
            raise OSError(PLAN)
        except OSError as error:
            raise RuntimeError(KEYS[1]) from error

    async def is_refused(cio, user):
        await cio.identify("ada-lovelace", plan=PLAN)

    async def is_too_large(cio, user):
        await cio.identify(user.id, plan=PLAN * 10_000)

    WAYS = [raises, asserts, logs, causes, is_refused, is_too_large]

    @pytest.mark.cio_load(rate=6, duration=1)
    async def test_awaited(cio, cio_load):
        for way in {ways}:
            plan = PLAN
            await way(cio, cio_load.user)

    @pytest.mark.cio_load(rate=5, duration=0.4)
    def test_blocking(cio_sync, cio_load):
        plan = PLAN
        cio_sync.identify(cio_load.user.id, plan=plan)
        raise ValueError(plan, KEYS)
"""
AROUND = """
    import logging, os
    import pytest

    PLAN = "-".join(("nobody", "may", "read", "this"))
    KEYS = [os.environ[f"CIO_LOAD_{name}"] for name in ("SITE_ID", "API_KEY", "APP_KEY")]

    @pytest.fixture
    def loud(cio):
        logging.getLogger("app").warning("before %s %s", PLAN, KEYS)
        yield cio
        print("after", PLAN, KEYS)
        raise RuntimeError(f"after {PLAN} {KEYS}")

    @pytest.mark.cio_load(rate=5, duration=0.6)
    async def test_around(loud, cio_load):
        await loud.identify(cio_load.user.id, plan=PLAN)
"""
FILES = ("--cio-json=runs.json", "--cio-html=runs.html", "--cio-markdown=runs.md", "--cio-csv=runs.csv", "--cio-k6-summary=k6.json")
EVERYTHING = ("-vv", "-l", "-rA", "--tb=long", "--junitxml=junit.xml", *FILES)


@pytest.mark.parametrize(("mode", "ways"), [("load", "[WAYS[cio_load.index]]"), ("once", "WAYS[1:2]"), ("once", "WAYS[2:3]")])
def test_nothing_gets_out(stage: Stage, pytester: pytest.Pytester, mode: str, ways: str) -> None:
    """Not by what the test raises, asserts, logs or prints, not by its locals, and not by what is written for machines."""
    pytester.makepyfile(SUITE.format(ways=ways))
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, *EVERYTHING, f"--cio-load-mode={mode}")
    assert played.code == 1, played.text
    assert {"junit.xml", "runs.json", "runs.html", "runs.md", "runs.csv", "k6.json"} <= set(played.written)
    assert "2 failed" in played.text
    assert played.secrets() == []
    assert stage.workspace("staging").people == {}


def test_nothing_gets_out_around_it(stage: Stage, pytester: pytest.Pytester) -> None:
    """Nor by what a fixture does before and after the test."""
    pytester.makepyfile(AROUND)
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, *EVERYTHING, "-o", "junit_logging=all")
    assert played.code == 1, played.text
    assert "RuntimeError: after" in played.text
    assert played.secrets() == []
