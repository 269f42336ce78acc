"""k6's options as marked tests: what carries over, what is left over, and what makes no sense."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.contract.contract import Contract, build
from pytest_cio_load.errors import CioLoadError, ContractError, DocumentError
from pytest_cio_load.k6.from_options import Imported, from_k6, from_k6_file
from pytest_cio_load.k6.writing import WIDTH

STEADY = {"executor": "constant-arrival-rate", "rate": 80, "duration": "1m", "preAllocatedVUs": 20}
CLIMB = {
    "executor": "ramping-arrival-rate",
    "startRate": 10,
    "stages": [{"duration": "30s", "target": 50}, {"duration": 0, "target": 80}, {"duration": "1m", "target": 80}],
}


def imported(options: object, **how: Any) -> Imported:
    """What becomes of *options*."""
    return from_k6(json.dumps(options).encode(), "options.json", **how)


def keywords(text: str) -> dict[str, dict[str, Any]]:
    """The marker's keywords of every test in a file, by the test's name: the file is read, not run."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.AsyncFunctionDef):
            (call,) = node.decorator_list
            assert isinstance(call, ast.Call)
            found[node.name] = {each.arg: eval(ast.unparse(each.value), {"Fraction": Fraction}) for each in call.keywords if each.arg}
    return found


def contracts(text: str) -> dict[str, Contract]:
    """The contract of every test in a file."""
    return {name: build(stated) for name, stated in keywords(text).items()}


def only(options: object, **how: Any) -> Contract:
    """The contract of the one test that *options* make."""
    (contract,) = contracts(imported(options, **how).text).values()
    return contract


def clauses(contract: Contract) -> list[str]:
    """Those the options asked for."""
    return [f"{clause.metric} {clause.text}" for clause in contract.thresholds if clause.origin != "default"]


def promised(thresholds: object, **options: Any) -> list[str]:
    """What one scenario with *thresholds* promises."""
    return clauses(only({"scenarios": {"a": STEADY}, "thresholds": thresholds, **options}))


def left(options: object, **how: Any) -> list[str]:
    """What is left over, as told."""
    return [str(each) for each in imported(options, **how).leftovers]


# The load.


@pytest.mark.parametrize(
    ("scenario", "profile"),
    [
        (STEADY, "80/s for 1m"),
        (STEADY | {"rate": 300, "timeUnit": "1m"}, "5/s for 1m"),
        (STEADY | {"rate": 1, "timeUnit": 100, "duration": 1500}, "10/s for 1.5s"),
        (CLIMB, "10/s → 50/s in 30s → 80/s at once → 80/s in 1m"),
        ({key: value for key, value in CLIMB.items() if key != "startRate"}, "0/s → 50/s in 30s → 80/s at once → 80/s in 1m"),
        (CLIMB | {"timeUnit": "1m", "startRate": None}, "0/s → 50/m in 30s → 80/m at once → 80/m in 1m"),
    ],
)
def test_an_arrival_rate_carries_over(scenario: dict[str, Any], profile: str) -> None:
    """Rates are per time unit, and exact."""
    assert only({"scenarios": {"a": scenario}}).profile.describe().replace("0.83/s", "50/m").replace("1.33/s", "80/m") == profile


def test_an_odd_time_unit_is_exact() -> None:
    """10 in 7 s is no decimal."""
    assert only({"scenarios": {"a": STEADY | {"rate": 10, "timeUnit": "7s"}}}).profile.start_rate == Fraction(10, 7)


@pytest.mark.parametrize(("more", "most"), [({}, 20), ({"maxVUs": 100}, 100), ({"maxVUs": None}, 20)])
def test_vus_become_iterations_in_flight(more: dict[str, Any], most: int) -> None:
    """And what finds none is dropped, as k6 does."""
    contract = only({"scenarios": {"a": STEADY | more}})
    assert (contract.max_in_flight, contract.on_saturation) == (most, "drop")


def test_without_vus_nothing_is_dropped() -> None:
    """There is no cap then."""
    contract = only({"scenarios": {"a": CLIMB}})
    assert (contract.max_in_flight, contract.on_saturation) == (None, "queue")


def test_graceful_stop_carries_over() -> None:
    """With k6's own units."""
    assert only({"scenarios": {"a": STEADY | {"gracefulStop": "0s"}}}).graceful_stop == 0


def test_every_scenario_is_a_test() -> None:
    """With a name of its own, whatever it was called."""
    names = ["log in", "log-in", "1", "…", "x" * 100, "class"]
    text = imported({"scenarios": dict.fromkeys(names, STEADY)}).text
    assert list(contracts(text)) == ["test_log_in", "test_log_in_2", "test_1", "test_scenario", f"test_{'x' * 60}", "test_class"]


def test_the_function_is_named() -> None:
    """What the scenario ran is what the body is to do."""
    assert "What 'buy' of the script did goes here." in imported({"scenarios": {"a": STEADY | {"exec": "buy"}}}).text


# The closed model.

USERS = {"executor": "constant-vus", "vus": 10, "duration": "30s"}
RAMPING = {"executor": "ramping-vus", "startVUs": 0, "stages": [{"duration": "10s", "target": 20}, {"duration": "20s", "target": 5}]}


@pytest.mark.parametrize("scenario", [USERS, RAMPING, {"executor": "shared-iterations", "vus": 1}, {"executor": "per-vu-iterations"}])
def test_a_closed_model_is_left_over(scenario: dict[str, Any]) -> None:
    """Its rate is nobody's promise."""
    (told,) = left({"scenarios": {"open": STEADY, "closed": scenario}})
    assert told.startswith(f"scenarios['closed']='{scenario['executor']}': ")
    assert "promise a rate" in told


def test_vus_become_a_rate_with_the_seconds_of_an_iteration() -> None:
    """10 VUs of 200 ms are 50 iterations per second; that it is so only while it takes 200 ms is said."""
    options = {"scenarios": {"a": USERS}}
    contract = only(options, iteration=Fraction(1, 5))
    assert (contract.profile.describe(), contract.max_in_flight) == ("50/s for 30s", 10)
    assert "carried over as VUs / 200ms iterations per second" in left(options, iteration=Fraction(1, 5))[0]


@pytest.mark.parametrize("options", [{"scenarios": {"a": RAMPING}}, {"vus": 0, "stages": RAMPING["stages"]}])
def test_ramping_vus_become_a_ramp(options: dict[str, Any]) -> None:
    """Also as a shortcut."""
    contract = only(options, iteration=Fraction(1, 2))
    assert (contract.profile.describe(), contract.max_in_flight) == ("0/s → 40/s in 10s → 10/s in 20s", 20)


def test_the_shortcut_of_vus() -> None:
    """A scenario that k6 calls default."""
    text = imported({"vus": 10, "duration": "30s"}, iteration=Fraction(1)).text
    assert contracts(text)["test_default"].profile.describe() == "10/s for 30s"


def test_shortcuts_beside_scenarios_are_left_over() -> None:
    """k6 refuses the two together."""
    assert left({"scenarios": {"a": STEADY}, "vus": 3}) == ["vus=3: a shortcut for a scenario, and there are scenarios"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "options.json: expected at least one scenario that can be carried over; write one of the executor constant-arrival-rate"),
        ({"vus": 1, "duration": "1s"}, "say how long one iteration takes: --iteration 200ms"),
        ({"iterations": 5}, "a number of iterations, or none, is no rate: promise a rate and a duration instead"),
        ({"scenarios": {"a": USERS}}, "scenarios['a']='constant-vus': expected a scenario with an arrival rate; got a closed model"),
    ],
)
def test_nothing_to_carry_over(options: dict[str, Any], said: str) -> None:
    """An error that says what would do."""
    with pytest.raises(ContractError) as error:
        imported(options)
    assert said in str(error.value)


# The thresholds.


@pytest.mark.parametrize(
    ("thresholds", "said"),
    [
        ({"http_req_duration": ["p(95)<500", "p(99)<2000"]}, ["response p(95)<500", "response p(99)<2000"]),
        ({"http_req_duration": "p(95)<500"}, ["response p(95)<500"]),
        ({"iteration_duration": ["avg<100"]}, ["service avg<100"]),
        ({"http_req_failed": ["rate<0.01"]}, ["errors rate<0.01"]),
        ({"http_reqs": ["count>10", "rate>5"]}, ["calls count>10", "calls rate>5"]),
        ({"iterations": ["rate>5"]}, ["iterations rate>5"]),
        ({"dropped_iterations": ["count<5"]}, ["dropped count<5"]),
        ({"checks": ["rate>0.99"]}, ["checks rate>0.99"]),
        ({"http_req_duration{scenario:a}": ["p(95)<500"]}, ["response p(95)<500"]),
        ({"http_req_duration{name:identify}": ["p(95)<500"]}, ["identify p(95)<500"]),
        ({"http_req_duration{ name : identify , scenario : a }": ["p(95)<500"]}, ["identify p(95)<500"]),
        ({"group_duration{group:::log in}": ["avg<9"]}, ["group:log in avg<9"]),
        ({"checks{check:is 200}": ["rate==1"]}, ["check:is 200 rate==1"]),
        ({"waiting": ["p(95)<3"]}, ["waiting p(95)<3"]),
        ({"http_req_blocked": ["max<5"], "http_req_connecting": ["avg<1"]}, ["pool_wait max<5", "connecting avg<1"]),
        ({"http_req_tls_handshaking": ["p(95)<30"]}, ["tls_handshaking p(95)<30"]),
        ({"logins": ["count>3"], "depth": ["value<3"]}, ["logins count>3", "depth value<3"]),
        ({"failed": ["rate<0.1"], "sold": ["rate>10"]}, ["failed rate<0.1", "sold rate>10"]),
        ({"errors": ["rate<0.1"], "lag": ["max<10"]}, ["my_errors rate<0.1", "my_lag max<10"]),
        ({"mine": ["count>3"], "mine{scenario:a}": ["rate>0.5"]}, ["mine count>3", "mine rate>0.5"]),
    ],
)
def test_a_threshold_carries_over(thresholds: dict[str, Any], said: list[str]) -> None:
    """By the metric that is nearest to what k6 measures, or one of the script's own."""
    assert promised(thresholds) == said


def test_ending_the_run_carries_over() -> None:
    """With its delay; a threshold that ends nothing is plain text."""
    options = [{"threshold": "p(99)<9", "abortOnFail": True, "delayAbortEval": "1m"}, {"threshold": "avg<1", "abortOnFail": False}]
    text = imported({"scenarios": {"a": STEADY}, "thresholds": {"http_req_duration": options}}).text
    assert keywords(text)["test_a"]["thresholds"] == {
        "response": [{"threshold": "p(99)<9", "abort_on_fail": True, "delay_abort": "1m"}, "avg<1"]
    }


def test_a_selector_of_a_scenario_is_a_promise_of_its_test() -> None:
    """And of no other; one without a selector is everybody's."""
    thresholds = {"http_req_duration": ["p(95)<500"], "http_req_duration{scenario:b}": ["avg<100"]}
    made = contracts(imported({"scenarios": {"a": STEADY, "b": STEADY}, "thresholds": thresholds}).text)
    assert [clauses(made["test_a"]), clauses(made["test_b"])] == [["response p(95)<500"], ["response p(95)<500", "response avg<100"]]


@pytest.mark.parametrize(
    ("thresholds", "said"),
    [
        ({"http_req_waiting": ["avg<1"]}, "it is not measured here"),
        ({"data_sent": ["count<1"]}, "it is not measured here"),
        ({"vus": ["value<1"]}, "it is not measured here"),
        ({"browser_web_vital_lcp": ["p(75)<1"]}, "it is not measured here"),
        ({"group_duration": ["avg<1"]}, "it is not measured here"),
        ({"http_req_duration{expected_response:true}": ["avg<1"]}, "iterations that failed stay in the distribution here"),
        ({"http_req_duration{status:200}": ["avg<1"]}, "metrics have no tags here"),
        ({"group_duration{group:::a::b}": ["avg<1"]}, "metrics have no tags here"),
        ({"http_req_duration{scenario:zzz}": ["avg<1"]}, "no scenario 'zzz' was carried over"),
        ({"http_req_duration{": ["avg<1"]}, "a metric such as 'http_req_duration' or"),
        ({"http_req_duration{status}": ["avg<1"]}, "a metric such as 'http_req_duration' or"),
        ({"a=b": ["avg<1"]}, "a metric's name is without < > = ! and commas"),
        ({"dropped_iterations": ["rate<1"]}, "dropped iterations per second in k6, and a share of all here"),
        ({"http_req_duration": ["p(0.5)<1"]}, "response takes a percentile from 0 to 100, not a share of 1; did you mean p(50)?"),
        ({"http_req_duration": ["nonsense"]}, "response takes a threshold such as 'p(95)<500'"),
        ({"http_req_duration": [5]}, "text such as 'p(95)<500', or an object with a 'threshold', is expected"),
        ({"http_req_duration": [{"threshold": "avg<1", "abort": 1}]}, "no part of a threshold"),
        ({"http_req_duration": [{"threshold": "avg<1", "abortOnFail": True, "delayAbortEval": "x"}]}, "'1h2m3s'"),
        ({"http_req_duration": ["avg<1", "avg<2"]}, "response avg< is promised already by another metric of k6's"),
        (["avg<1"], "an object of metrics and lists of thresholds is expected"),
    ],
)
def test_a_threshold_is_left_over(thresholds: object, said: str) -> None:
    """With the reason; the rest goes on."""
    assert said in left({"scenarios": {"a": STEADY}, "thresholds": thresholds})[0]


# The rest.


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("rps", 50, "a cap on k6's requests per second"),
        ("noConnectionReuse", True, "our clients keep their connections"),
        ("setupTimeout", "1m", "is a fixture here"),
        ("tags", {"a": "b"}, "metrics have no tags here"),
        ("userAgent", "me", "a setting of k6's HTTP client"),
        ("summaryTrendStats", ["avg"], "a setting of k6's output"),
        ("executionSegment", "0:1/4", "merge their documents"),
        ("noThresholds", True, "its thresholds are left out"),
        ("scenarioss", {"a": 1}, "no option of k6's; did you mean scenarios?"),
    ],
)
def test_an_option_is_left_over(option: str, value: object, said: str) -> None:
    """Each is named, with the reason, and stands in the file as a comment."""
    made = imported({"scenarios": {"a": STEADY}, option: value})
    (told,) = made.leftovers
    assert told.where == option
    assert said in told.why
    assert f"# - {option}=" in made.text


@pytest.mark.parametrize(
    ("key", "said"), [("startTime", "tests run one after the other"), ("tags", "no tags here"), ("ratee", "did you mean rate?")]
)
def test_an_option_of_a_scenario_is_left_over(key: str, said: str) -> None:
    """Each by its place."""
    (told,) = left({"scenarios": {"a": STEADY | {key: "10s"}}})
    assert told.startswith(f"scenarios['a'].{key}=")
    assert said in told


@pytest.mark.parametrize(
    "options",
    [
        {"tlsAuth": [{"key": "s3cret"}]},
        {"cloud": {"token": "s3cret"}},
        {"mine": "s3cret"},
        {"scenarios": {"a": STEADY | {"env": {"KEY": "s3cret"}, "other": "s3cret"}}},
    ],
)
def test_what_may_be_a_secret_is_not_shown(options: dict[str, Any]) -> None:
    """Not in the file, and not in a warning."""
    made = imported({"scenarios": {"a": STEADY}} | options)
    assert made.leftovers
    assert "s3cret" not in made.text + " ".join(map(str, made.leftovers))


def test_what_says_nothing_is_not_left_over() -> None:
    """`k6 inspect` prints every option there is, most of them null."""
    empty = {"paused": None, "rps": None, "tags": {}, "noConnectionReuse": False, "tlsAuth": None, "totalDuration": "1m30s", "maxVUs": 20}
    assert left({"scenarios": {"a": STEADY | {"env": None, "startTime": "0s", "exec": None, "tags": {}}}, **empty}) == []


def test_no_thresholds_means_none() -> None:
    """As k6's own option says."""
    assert promised({"http_req_duration": ["avg<1"]}, noThresholds=True) == []


# What makes no sense.


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("x", "scenarios['a']='x': expected an object with an 'executor'"),
        ({}, "scenarios['a'].executor=None: expected one of constant-arrival-rate"),
        ({"executor": "constant-arival-rate"}, "did you mean constant-arrival-rate?"),
        (
            {"executor": "constant-arrival-rate", "duration": "1s"},
            "scenarios['a'] without rate: expected a whole number of at least 1; add 'rate'",
        ),
        (
            {"executor": "constant-arrival-rate", "rate": 5},
            "scenarios['a'] without duration: expected a duration such as '30s'; add 'duration'",
        ),
        (STEADY | {"rate": 0}, "scenarios['a'].rate=0: expected a whole number of at least 1"),
        (STEADY | {"rate": "80/s"}, "scenarios['a'].rate='80/s': expected a whole number of at least 1"),
        (STEADY | {"duration": "soon"}, "scenarios['a'].duration='soon': expected a duration of k6's"),
        (STEADY | {"timeUnit": "0s"}, "scenarios['a'].timeUnit='0s': expected a duration above 0"),
        (STEADY | {"maxVUs": 0}, "scenarios['a'].maxVUs=0: expected a whole number of at least 1"),
        (STEADY | {"gracefulStop": "x"}, "scenarios['a'].gracefulStop='x': expected a duration of k6's"),
        (CLIMB | {"stages": []}, "scenarios['a'].stages=[]: expected a list of at least one stage"),
        (CLIMB | {"stages": [5]}, "scenarios['a'].stages[0]=5: expected an object such as {'duration': '30s', 'target': 50}"),
        (CLIMB | {"stages": [{"duration": "1s"}]}, "scenarios['a'].stages[0] without target"),
        (CLIMB | {"startRate": 0, "stages": [{"duration": "1s", "target": 0}]}, "scenarios['a']: stages="),
    ],
)
def test_a_scenario_that_makes_no_sense(scenario: object, said: str) -> None:
    """Its place, what was got, and what would be right."""
    with pytest.raises(ContractError) as error:
        imported({"scenarios": {"a": scenario}})
    assert said in str(error.value)


def test_every_problem_is_told_at_once() -> None:
    """Of all scenarios."""
    with pytest.raises(ContractError) as error:
        imported({"scenarios": {"a": STEADY | {"rate": 0, "duration": 0}, "b": {}}})
    assert len(error.value.problems) == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "options.json: got no JSON in line 1 (Expecting value); expected k6's options as JSON"),
        (b"export const options = {}", "this is a script: `k6 inspect` it, and name what that prints"),
        (b"\xff\xfe{", "bytes that are no UTF-8"),
        (b"[1]", "got [1]; expected k6's options as JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"vus": ' + b"1" * 5000 + b"}", "no JSON"),
        (b'{"root_group": {}, "metrics": {}}', "a summary of k6's"),
    ],
)
def test_a_file_that_is_no_options(data: bytes, said: str) -> None:
    """Said so, with the nearest that would do."""
    with pytest.raises(DocumentError) as error:
        from_k6(data, "options.json")
    assert said in str(error.value)


def test_scenarios_that_are_no_object() -> None:
    """A list, say."""
    with pytest.raises(ContractError, match=r"scenarios=\[1\]: expected an object of scenarios by their names"):
        imported({"scenarios": [1]})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, or a folder."""
    for path in (tmp_path / "nowhere.json", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(DocumentError, match="name a file that can be read"):
            from_k6_file(path)


# The text.

EVERYTHING = {
    "scenarios": {
        "steady": STEADY | {"env": {"A": "b"}, "gracefulStop": "5s", "maxVUs": 100},
        "climb": CLIMB | {"timeUnit": "7s", "stages": [{"duration": f"{n}s", "target": n} for n in range(1, 20)]},
        'say "hi"\n\\': STEADY,
        "users": USERS,
    },
    "thresholds": {
        "http_req_duration": ["p(95)<500", {"threshold": "p(99)<2000", "abortOnFail": True, "delayAbortEval": "10s"}],
        "a\"quoted'metric\\": ["avg<5"],
        'checks{check:it\'s "fine"}': ["rate>0.5"],
        **{f"custom_{n}": ["med<10"] for n in range(10)},
    },
    "rps": 50,
    "setupTimeout": "10s",
}


def test_the_file_is_formatted(tmp_path: Path) -> None:
    """As ruff would, within 100 columns; and it finds nothing to say."""
    text = imported(EVERYTHING).text
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
    assert max(map(len, text.splitlines())) <= WIDTH
    for command in (["format", "--check", "--diff"], ["check", "--select", "E,F,I,UP,PT"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", f"--line-length={WIDTH}", "test_it.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_collects_and_runs(pytester: pytest.Pytester) -> None:
    """As it is: with the one call that stands for the script's."""
    scenario = STEADY | {"rate": 20, "duration": "2s"}
    options = {"scenarios": {"a": scenario, "b": scenario}, "thresholds": {"http_req_duration": ["p(95)<500"], "http_reqs": ["count>=40"]}}
    pytester.makepyfile(test_it=imported(options).text)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    result.assert_outcomes(passed=2)


def test_the_file_says_what_is_stricter() -> None:
    """What every contract demands, and k6 does not."""
    assert "every contract demands more than k6 does" in imported({"scenarios": {"a": STEADY}}).text


_PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**20)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1m", "p(95)<5", "rate<0.1", "1h2m"])
)
_JSON = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3), max_leaves=8
)
_STAGES = st.lists(
    st.fixed_dictionaries({"duration": st.sampled_from(["1s", "0s", 500, "x"]) | _JSON, "target": st.integers(0, 100) | _JSON}), max_size=3
)
_SCENARIO = st.fixed_dictionaries(
    {"executor": st.sampled_from(["constant-arrival-rate", "ramping-arrival-rate", "constant-vus", "ramping-vus", "shared-iterations"])},
    optional={
        **{name: st.integers(1, 1000) | _JSON for name in ("rate", "startRate", "preAllocatedVUs", "maxVUs", "vus", "startVUs")},
        **{name: st.sampled_from(["10s", "1m", 1500]) | _JSON for name in ("duration", "timeUnit", "gracefulStop", "startTime")},
        **dict.fromkeys(("exec", "env", "tags"), _JSON),
        "stages": _STAGES | _JSON,
    },
)
_METRICS = st.sampled_from(
    ["http_req_duration", "http_req_failed", "errors", "mine", "mine{scenario:a}", "checks{check:x}", "group_duration{group:::g}"]
)
_THRESHOLD = st.sampled_from(["p(95)<500", "rate<0.1", "count>3", "avg<1e3", "med<=2", "value<5", "p(0.1)<2", "x"])
_TIMES = st.sampled_from(["10s", "1m", 1500, "1h2m3s", "7ms"]) | st.integers(1, 10**9)
_RATES = st.integers(1, 10**6)
_RIGHT = {
    **dict.fromkeys(("timeUnit", "gracefulStop"), _TIMES),
    **dict.fromkeys(("preAllocatedVUs", "maxVUs"), _RATES),
    **dict.fromkeys(("exec", "env"), _JSON),
}
_GOOD = st.one_of(
    st.fixed_dictionaries({"executor": st.just("constant-arrival-rate"), "rate": _RATES, "duration": _TIMES}, optional=_RIGHT),
    st.fixed_dictionaries(
        {
            "executor": st.just("ramping-arrival-rate"),
            "stages": st.lists(st.fixed_dictionaries({"duration": _TIMES, "target": _RATES}), min_size=1, max_size=3),
        },
        optional=_RIGHT | {"startRate": _RATES},
    ),
    st.fixed_dictionaries({"executor": st.just("constant-vus"), "duration": _TIMES}, optional={"vus": _RATES}),
)
_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "scenarios": st.one_of(
            st.dictionaries(st.sampled_from(["a", "b", "c d"]) | st.text(max_size=12), _GOOD, min_size=1, max_size=3),
            st.dictionaries(st.sampled_from(["a", "b"]), _SCENARIO | _JSON, max_size=3),
        ),
        "thresholds": st.dictionaries(
            _METRICS | st.text(max_size=12),
            st.lists(
                _THRESHOLD
                | st.fixed_dictionaries({"threshold": _THRESHOLD}, optional={"abortOnFail": st.booleans(), "delayAbortEval": _JSON}),
                max_size=3,
            )
            | _JSON,
            max_size=4,
        ),
        **dict.fromkeys(("vus", "duration", "stages", "iterations", "rps", "tags", "noThresholds", "zzz"), _JSON),
    },
)


@settings(max_examples=400)
@given(_OPTIONS | _JSON, st.sampled_from([None, Fraction(1, 5)]))
def test_any_options_give_a_file_or_a_clear_error(options: Any, iteration: Fraction | None) -> None:
    """Valid Python whose every contract is one; or an error of ours, with what was expected."""
    said = ""
    try:
        made = imported(options, iteration=iteration)
    except CioLoadError as error:
        said = str(error)
    if said:
        assert "expected" in said
    else:
        made.text.encode()
        assert contracts(made.text)
