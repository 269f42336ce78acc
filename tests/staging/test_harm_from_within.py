"""Past the guard, a test can still do no harm: only made-up people are touched, and nothing that cannot be taken back is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    Stage = Any

HARM = {
    "identify of a real person": ("cio.identify('ada-lovelace', plan='free')", "that this run did not make up"),
    "identify of another run's": ("cio.identify('cio-load-00000000-1', plan='free')", "that this run did not make up"),
    "a person renamed": ("cio.identify(user.id, id='ada-lovelace')", "that this run did not make up"),
    "an email that may arrive": ("cio.identify(user.id, email='ada@gmail.com')", "email"),
    "a mark that is not this run's": ("cio.identify(user.id, cio_load_run='another')", "cio_load_run"),
    "an object": ("cio.identify(user.id, cio_relationships={'action': 'add_relationships', 'relationships': []})", "cio_relationships"),
    "delete": ("cio.delete('ada-lovelace')", "that this run did not make up"),
    "track": ("cio.track('ada-lovelace', 'opened')", "that this run did not make up"),
    "an invite": ("cio.track(user.id, 'invited', {'recipient': 'ada@gmail.com'})", "recipient"),
    "suppress": ("cio.suppress(user.id)", "suppress"),
    "unsuppress": ("cio.unsuppress('ada-lovelace')", "that this run did not make up"),
    "merge": ("cio.merge_customers('id', user.id, 'id', 'ada-lovelace')", "that this run did not make up"),
    "a device": ("cio.add_device('ada-lovelace', 'phone', 'ios')", "that this run did not make up"),
    "a phone": ("cio.identify(user.id, phone='+15550100')", "no number is known to be nobody's"),
    "somebody's device": ("cio.add_device(user.id, 'a-push-token', 'ios')", "got a device that may be somebody's"),
    "a segment": ("cio.add_customers_to_segment(7, ['ada-lovelace'])", "that this run did not make up"),
    "a form": ("cio.submit_form('join', {'email': 'ada@gmail.com'})", "that this run did not make up"),
    "a report": ("cio.report_metric('delivery', 'opened')", "report"),
    "an unsubscription": ("cio.unsubscribe('delivery')", "unsubscription"),
    "an entity": (
        "cio.entity({'type': 'person', 'action': 'identify', 'identifiers': {'email': 'ada@gmail.com'}, 'attributes': {}})",
        "that this run did not make up",
    ),
    "one of many": ("cio.batch([identify(user.id, {}), identify('ada-lovelace', {})])", "that this run did not make up"),
}
"""Past the guard, in a test's body: what could not be taken back, or would reach somebody real. Its words in the refusal."""

ATTEMPTS = """
    import pytest
    from pytest_cio_load.customerio.operations.people import identify
    from pytest_cio_load.errors import InvalidOperation

    ATTEMPTS = {{{attempts}}}

    @pytest.mark.cio_load(rate=1, duration=1)
    async def test_harm(cio, cio_load):
        refused = []
        for name, attempt in ATTEMPTS.items():
            try:
                await attempt(cio, cio_load.user)
            except InvalidOperation as error:
                refused.append(f"<{{name}}> {{error}}")
        raise AssertionError(" ".join(refused))
"""


UNCAUGHT = """
    import pytest

    @pytest.mark.cio_load(rate=20, duration=0.5)
    async def test_identify(cio):
        await cio.identify("ada-lovelace", plan="-".join(("nobody", "may", "read", "this")))
"""


def test_harm_from_within(stage: Stage, pytester: pytest.Pytester) -> None:
    """A test that may reach staging may do it no harm that cannot be undone; each attempt says what to do instead."""
    stage.settle("staging", "ada-lovelace")
    stage.allow(pytester.path, "staging")
    attempts = ", ".join(f"{number}: lambda cio, user: {call}" for number, (call, _) in enumerate(HARM.values()))
    pytester.makepyfile(ATTEMPTS.format(attempts=attempts))
    played = stage.pytest(pytester, "--cio-load-mode=once", "-vv")
    assert played.code == 1, played.text
    told = [played.words.partition(f"<{number}> ")[2].partition(" <")[0] for number in range(len(HARM))]
    assert [name for said, (name, (_, word)) in zip(told, HARM.items(), strict=True) if word not in said] == [], told
    staging = stage.workspace("staging")
    assert staging.people == {"ada-lovelace": {"id": "ada-lovelace", "plan": "pro"}}
    assert staging.received(person="ada-lovelace") == 1
    assert staging.received("suppress") + staging.received("submit_form") + staging.received("report_metric") == 0
    assert set(played.writes) == {"staging"}
    assert played.secrets() == []


def test_harm_that_nobody_catches(stage: Stage, pytester: pytest.Pytester) -> None:
    """As a load, it is a broken contract that says why."""
    stage.settle("staging", "ada-lovelace")
    stage.allow(pytester.path, "staging")
    pytester.makepyfile(UNCAUGHT)
    played = stage.pytest(pytester)
    assert played.code == 1, played.text
    assert "that this run did not make up" in played.words
    assert " passed" not in played.text
    assert stage.workspace("staging").people == {"ada-lovelace": {"id": "ada-lovelace", "plan": "pro"}}
    assert stage.workspace("staging").received(person="ada-lovelace") == 1
    assert played.secrets() == []
