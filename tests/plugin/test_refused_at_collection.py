"""Every mistake in a contract is one clear message at collection, with the test's name, and no load is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE: dict[str, tuple[str, str]] = {
    # keywords
    "misspelt": ("rate=80, duration=60, p59=500", "p59=500: expected a keyword of cio_load; did you mean p95?"),
    "unknown": ("rate=80, duration=60, colour='red'", "colour='red': expected a keyword of cio_load"),
    "k6s_word": ("rate=80, duration=60, max_vus=50", "did you mean max_in_flight?"),
    "positional": ("80, 60", "cio_load(80, 60): expected keyword arguments only; did you mean cio_load(rate=80, duration=60)?"),
    # shape
    "rate_and_stages": ("rate=80, duration=60, stages=[(30, 50)]", "stages"),
    "neither": ("p95=500", "rate"),
    "no_duration": ("rate=80", "duration"),
    "no_rate": ("duration=60", "rate"),
    "zero": ("rate=0, duration=60", "rate=0: expected"),
    "negative": ("rate=-5, duration=60", "rate=-5: expected"),
    "nan": ("rate=float('nan'), duration=60", "rate=nan: expected"),
    "infinite": ("rate=float('inf'), duration=60", "rate=inf: expected"),
    "no_rate_at_all": ("rate='fast', duration=60", "rate='fast': expected"),
    "rate_without_unit": ("rate='80', duration=60", "80/s"),
    "rate_true": ("rate=True, duration=60", "rate=True: expected"),
    "duration_unit": ("rate=80, duration='1x'", "duration='1x': expected"),
    "duration_zero": ("rate=80, duration=0", "duration=0: expected"),
    "empty_stages": ("stages=[]", "stages=[]: expected"),
    "stages_swapped": ("stages=[(50, '30s')]", "'30s'"),
    "stages_of_nothing": ("stages=[('30s', 0)]", "stages"),
    "start_rate_alone": ("start_rate=5, duration=60", "start_rate"),
    "arrivals": ("rate=80, duration=60, arrivals='poison'", "did you mean poisson?"),
    # bounds
    "p95_text": ("rate=80, duration=60, p95='fast'", "p95='fast': expected"),
    "p95_negative": ("rate=80, duration=60, p95=-1", "p95=-1: expected"),
    "p95_none": ("rate=80, duration=60, p95=None", "p95=None: expected"),
    "errors_share": ("rate=80, duration=60, errors='1.5'", "errors='1.5': expected"),
    "over_100": ("rate=80, duration=60, thresholds={'response': 'p(101)<500'}", "expected a percentile from 0 to 100"),
    "no_parentheses": ("rate=80, duration=60, thresholds={'response': 'p95<500'}", "did you mean 'p(95)<500'?"),
    "no_operator": ("rate=80, duration=60, thresholds={'response': 'p(95)500'}", "did you mean 'p(95)<500'?"),
    "wrong_aggregation": ("rate=80, duration=60, thresholds={'errors': 'p(95)<5'}", "errors, a rate, has: rate or count"),
    "counter_avg": ("rate=80, duration=60, thresholds={'calls': 'avg<5'}", "calls, a counter, has: count or rate"),
    "mean": ("rate=80, duration=60, thresholds={'response': 'mean<500'}", "did you mean 'avg<500'?"),
    "percent_of_ms": ("rate=80, duration=60, thresholds={'response': 'p(95)<5%'}", "expected a time"),
    "ms_of_count": ("rate=80, duration=60, thresholds={'calls': 'count<5ms'}", "did you mean 'count<5'?"),
    "unknown_metric": ("rate=80, duration=60, thresholds={'identfy': 'p(95)<500'}", "did you mean identify?"),
    "metric_nobody_records": ("rate=80, duration=60, thresholds={'payload': 'p(95)<500'}", "metrics={'payload': 'trend'}"),
    "twice": ("rate=80, duration=60, thresholds={'response': ['p(95)<500', 'p(95)<400']}", "p(95)"),
    "twice_by_shorthand": ("rate=80, duration=60, p95=500, thresholds={'response': 'p(95)<400'}", "p95"),
    "thresholds_no_dict": ("rate=80, duration=60, thresholds='p(95)<500'", "thresholds='p(95)<500': expected"),
    "object_key": ("rate=80, duration=60, thresholds={'response': {'threshold': 'max<5', 'abortOnFial': True}}", "abortOnFail"),
    # the rest
    "no_slots": ("rate=80, duration=60, max_in_flight=0", "max_in_flight=0: expected"),
    "slots_text": ("rate=80, duration=60, max_in_flight='many'", "max_in_flight='many': expected"),
    "saturation": ("rate=80, duration=60, on_saturation='dropp'", "did you mean drop?"),
    "long_warmup": ("rate=80, duration=60, warmup='2m'", "warmup='2m': expected less than the whole duration, 1m"),
    "clock": ("rate=80, duration=60, clock='virtuell'", "did you mean virtual?"),
    "seed": ("rate=80, duration=60, seed=-1", "seed=-1: expected"),
    "timeout": ("rate=80, duration=60, timeout=0", "timeout=0: expected"),
    "not_loopback": ("rate=80, duration=60, target='https://track.customer.io'", "expected a server on loopback"),
    "a_name_like_loopback": ("rate=80, duration=60, target='http://127.example.com'", "'http://127.example.com': expected a server on"),
    "a_longer_name": ("rate=80, duration=60, target='http://localhost.example.com'", "load goes to this machine, or past"),
    "a_number_for_an_address": ("rate=80, duration=60, target='http://2130706433'", "expected a server on loopback"),
    "a_broken_url": ("rate=80, duration=60, target='http://[::1'", "target='http://[::1': expected 'mock', 'fake', 'staging', or"),
    "a_port_of_letters": ("rate=80, duration=60, target='http://127.0.0.1:port'", "'staging', or the URL of a server on loopback"),
    "a_port_too_high": ("rate=80, duration=60, target='http://127.0.0.1:99999'", "'staging', or the URL of a server on loopback"),
    "a_query": ("rate=80, duration=60, target='http://127.0.0.1:80?a=b'", "'staging', or the URL of a server on loopback"),
    "a_password": ("rate=80, duration=60, target='http://me:hunter2@127.0.0.1'", "target='…@…': expected 'mock', 'fake', 'staging'"),
    "no_target": ("rate=80, duration=60, target='production'", "target='production': expected 'mock', 'fake', 'staging', or the URL"),
    "latency": ("rate=80, duration=60, latency='lognorm(p50=40ms,p99=80ms)'", "lognormal"),
    "latency_unit": ("rate=80, duration=60, latency='40'", "'40ms'"),
}
ITERATES = 'open("iterated", "a").write("x")'


def _name(case: str) -> str:
    return f"test_{case}"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one collection of a suite with every mistake says."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("refused")
    tests = [f"@pytest.mark.cio_load({contract})\nasync def {_name(case)}(cio):\n    {ITERATES}\n" for case, (contract, _) in TABLE.items()]
    (folder / "test_suite.py").write_text("import pytest\n\n" + "\n\n".join(tests), encoding="utf-8")
    quiet = ["-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
    done = subprocess.run([sys.executable, "-m", "pytest", *quiet], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert not (folder / "iterated").exists()
    return done.stdout


def test_no_password_is_shown(told: str) -> None:
    """Not even where a message says what was got."""
    assert "hunter2" not in told


def test_there_are_enough_rows() -> None:
    """The table is a table."""
    assert len(TABLE) >= 40


@pytest.mark.parametrize("case", TABLE)
def test_refused(told: str, case: str) -> None:
    """One block per test, headed by its node id, in which the message stands."""
    found = re.search(rf"test_suite\.py::{_name(case)}: bad contract\n((?:  .*\n)+)", told)
    assert found is not None
    assert TABLE[case][1] in found[1]
    assert ": expected " in found[1]


REFUSED_BY_KIND = {
    "virtual clock on a sync test": (
        "@pytest.mark.cio_load(rate=80, duration=60, clock='virtual')\ndef test_it(): pass",
        "clock='virtual': expected an async test: threads cannot skip time",
    ),
    "virtual clock and a server": (
        "@pytest.mark.cio_load(rate=80, duration=60, clock='virtual', target='http://127.0.0.1:9')\nasync def test_it(cio): pass",
        "clock='virtual': expected the mock as target",
    ),
    "an async generator": (
        "@pytest.mark.cio_load(rate=80, duration=60)\nasync def test_it(): yield",
        "test_it: expected a coroutine function, not an async generator",
    ),
    "trio by marker": (
        "@pytest.mark.trio\n@pytest.mark.cio_load(rate=80, duration=60)\nasync def test_it(): pass",
        "test_it: expected a test on asyncio, not on trio",
    ),
    "trio by parameter": (
        "@pytest.mark.parametrize('anyio_backend', ['trio'])\n@pytest.mark.anyio\n@pytest.mark.cio_load(rate=80, duration=60)\n"
        "async def test_it(anyio_backend): pass",
        "expected a test on asyncio, not on trio",
    ),
    "uvloop by parameter": (
        "@pytest.mark.parametrize('anyio_backend', [('asyncio', {'use_uvloop': True})])\n@pytest.mark.anyio\n"
        "@pytest.mark.cio_load(rate=80, duration=60, clock='virtual')\nasync def test_it(anyio_backend): pass",
        "clock='virtual': expected asyncio's own event loop, not uvloop",
    ),
    "uvloop by policy": (
        "import uvloop\n@pytest.fixture\ndef event_loop_policy():\n    return uvloop.EventLoopPolicy()\n\n"
        "@pytest.mark.cio_load(rate=80, duration=60, clock='virtual')\nasync def test_it(cio): pass",
        "clock='virtual': expected asyncio's own event loop, not uvloop",
    ),
    "hypothesis": (
        "from hypothesis import given, strategies\n@pytest.mark.cio_load(rate=80, duration=60)\n@given(strategies.integers())\n"
        "def test_it(number): pass",
        "expected a plain test, not one that Hypothesis runs many times",
    ),
    "the async client in a sync test": (
        "@pytest.mark.cio_load(rate=80, duration=60)\ndef test_it(cio): pass",
        "cio: expected an async test, which can await it; use cio_sync",
    ),
    "the blocking client in an async test": (
        "@pytest.mark.cio_load(rate=80, duration=60)\nasync def test_it(cio_sync): pass",
        "cio_sync: expected a sync test",
    ),
    "a workspace keyword": (
        "@pytest.mark.cio_workspace(limt=5)\n@pytest.mark.cio_load(rate=80, duration=60)\nasync def test_it(cio): pass",
        "cio_workspace(limt)=5: expected one of limit, pace, over_budget, region, timeout, workspaces, processing_lag; did you mean limit?",
    ),
    "a workspace limit": (
        "@pytest.mark.cio_workspace(limit=0)\n@pytest.mark.cio_load(rate=80, duration=60)\nasync def test_it(cio): pass",
        "cio_workspace(limit)=0: expected",
    ),
    "over the budget": (
        "@pytest.mark.cio_workspace(over_budget='rejct')\n@pytest.mark.cio_load(rate=80, duration=60)\nasync def test_it(cio): pass",
        "did you mean reject?",
    ),
}


@pytest.mark.parametrize("case", REFUSED_BY_KIND)
def test_refused_by_kind(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], case: str) -> None:
    """Contracts that the test they stand on cannot have."""
    source, message = REFUSED_BY_KIND[case]
    pytester.makepyfile(f"import pytest\n\n{source}\n")
    result = run("-p", "no:randomly", apart=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert re.search(r"::test_it.*: bad contract", result.stdout.str())
    assert message in result.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cio-clock=virtul"], "cio_clock='virtul': expected one of virtual, wall; did you mean virtual?"),
        (["--cio-seed=x"], "cio_seed='x': expected a whole number from 0 up"),
        (["--cio-workspace-limit=fast"], "cio_workspace_limit='fast': expected"),
        (["--cio-timeout=fast"], "cio_timeout='fast': expected"),
        (["--cio-region=mars"], "cio_region='mars': expected one of us, eu"),
        (["--cio-over-budget=x"], "cio_over_budget='x': expected one of accept, reject, throttle, drop"),
        (["--cio-target=http://example.com"], "target='http://example.com': expected a server on loopback"),
        (["--cio-latency=slow"], "latency='slow': expected a latency model"),
        (["-o", "cio_clock=virtul"], "cio_clock='virtul': expected"),
    ],
)
def test_bad_options(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], arguments: list[str], message: str
) -> None:
    """Options and ini values are checked with the contracts they bear on."""
    pytester.makepyfile("import pytest\n\n@pytest.mark.cio_load(rate=80, duration=60)\nasync def test_it(cio): pass\n")
    result = run(*arguments)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert message in result.stdout.str()


def test_all_problems_at_once(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """One run tells everything there is to mend, in every test of the file."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=0, duration="1x", p59=500)
        async def test_first(cio): pass

        @pytest.mark.cio_load(rate=80, duration=60, clock="virtual")
        def test_second(cio): pass
    """)
    result = run()
    result.stdout.fnmatch_lines(
        [
            "*::test_first: bad contract",
            "  *rate=0: expected*",
            "*::test_second: bad contract",
            "  cio: expected an async test*",
            "  clock='virtual': expected an async test*",
        ]
    )
    for mistake in ("p59=500", "rate=0", "duration='1x'"):
        assert mistake in result.stdout.str()


def test_under_xdist(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """The message comes home from the workers."""
    pytester.makepyfile("import pytest\n\n@pytest.mark.cio_load(rate=0, duration=60)\nasync def test_it(cio): pass\n")
    result = run("-n", "2", apart=True)
    assert result.ret != 0
    assert "test_it: bad contract" in result.stdout.str()


def test_own_metrics_are_found_in_the_source(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """In the test's file and in those of its fixtures, in groups too; what is made at run time is declared."""
    pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def helper(cio_load):
            return lambda: cio_load.counter("helped").add()
    """)
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(
            rate=20, duration=1,
            thresholds={
                "payload": "avg<10", "helped": "count==20", "group:outer/inner": "max<500ms", "check:fine": "rate==100%",
                "step_0": "max<5ms",
            },
            metrics={"step_0": "trend:ms"},
        )
        async def test_it(cio, cio_load, helper):
            helper()
            cio_load.trend("payload").add(5)
            cio_load.check("fine", True)
            for step in range(1):
                cio_load.trend(f"step_{step}", "ms").add(1)
            with cio_load.group("outer"):
                with cio_load.group("inner"):
                    await cio.track(cio_load.user.id, "opened")
    """)
    run().assert_outcomes(passed=1)
