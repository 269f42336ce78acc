"""Settlements, as the script ``settle`` wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pytest_cio_load.pipeline.engines.bullmq.held import Place
from pytest_cio_load.pipeline.engines.engine import Again, Back, Dead, Done, Settlement, to_3_digits


def in_order(settlements: Sequence[Settlement]) -> list[Settlement]:
    """As given; but what goes back is last, the newest first, since each is put before the one that was put back before it."""
    rest = [each for each in settlements if not isinstance(each, Back)]
    back = [each for each in settlements if isinstance(each, Back)]
    return rest + sorted(back, key=lambda each: -place_of(each).turn)


def place_of(settlement: Settlement) -> Place:
    """Where its job is. Raises TypeError when another engine gave it."""
    place = settlement.delivery.place
    if not isinstance(place, Place):
        raise TypeError(
            f"settle: got a job of another engine ({type(place).__name__}); expected one that was taken here; give it to its own"
        )
    return place


def written(settlement: Settlement, attempts: int) -> list[Any]:
    """One settlement. *attempts*: tries of a job whose producer said nothing."""
    place = place_of(settlement)
    head = [place.held.base, place.id, place.token]
    if isinstance(settlement, Done):
        return ["done", *head, dict(place.terms.done), to_3_digits(settlement.latency)]
    if isinstance(settlement, Dead):
        most = place.terms.attempts or attempts
        return ["dead", *head, dict(place.terms.failed), settlement.reason or "no reason given", settlement.attempts, most]
    if isinstance(settlement, Again):
        return ["again", *head, math.ceil(max(0.0, settlement.delay) * 1000), settlement.reason]
    return ["back", *head]
