"""Dead letters of a BullMQ queue: its failed jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from pytest_cio_load.pipeline.engines.bullmq.jobs import Names, number
from pytest_cio_load.pipeline.engines.bullmq.link import Link
from pytest_cio_load.pipeline.engines.engine import DeadLetter

_FIELDS = ("name", "data", "failedReason", "atm", "timestamp", "finishedOn")


async def listed(link: Link, names: Names, start: int, most: int) -> list[DeadLetter]:
    """Dead letters of all shards, the oldest first, from the *start*-th on. Raises QueueUnavailable."""

    async def ids() -> Any:
        pipe = link.client.pipeline(transaction=False)
        for base in names.bases:
            pipe.zrange(f"{base}failed", 0, start + most - 1, withscores=True)
        return await pipe.execute()

    if most <= 0:
        return []
    found = [[(score, base, id) for id, score in each] for base, each in zip(names.bases, await link.ask(ids), strict=True)]
    page = list(islice(merge(*found), start, start + most))

    async def hashes() -> Any:
        pipe = link.client.pipeline(transaction=False)
        for _, base, id in page:
            pipe.hmget(base + id, _FIELDS)
        return await pipe.execute()

    jobs = await link.ask(hashes) if page else []
    return [_letter(base, id, score, job) for (score, base, id), job in zip(page, jobs, strict=True)]


def _letter(base: str, id: str, score: float, job: Sequence[str | None]) -> DeadLetter:
    name, data, reason, tries, enqueued, finished = job
    failed_at = number(finished, score) / 1000
    attempts = max(0, int(number(tries)))
    return DeadLetter(id, name or "", reason or "", attempts, failed_at, number(enqueued) / 1000, data or "", base)


async def replayed(link: Link, names: Names, letters: Sequence[DeadLetter]) -> int:
    """Put them back to be tried from the beginning; how many were still there. Raises QueueUnavailable."""
    # Run twice it would count those as gone that the first run has put back.
    return int(await link.run("replay", [names.own("none")], _places(names, letters), repeatable=False)) if letters else 0


async def discarded(link: Link, names: Names, letters: Sequence[DeadLetter]) -> int:
    """Delete them; how many were still there. Raises QueueUnavailable."""
    return int(await link.run("discard", [names.own("none")], _places(names, letters), repeatable=False)) if letters else 0


def _places(names: Names, letters: Iterable[DeadLetter]) -> list[list[str]]:
    places = []
    for letter in letters:
        if letter.place not in names.bases:
            raise ValueError(f"dead letter {letter.id}: got one of another queue; expected one of {names.name}; list them again")
        places.append([str(letter.place), letter.id])
    return places
