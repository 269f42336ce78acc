"""Every person's jobs one after the other, several persons at once. Nothing here waits or sends.

Whatever is asked takes as long as its answer is long, however many jobs there are.
"""

from __future__ import annotations

from pytest_cio_load.pipeline.jobs import Job


class _Seat:
    """A job's place in one lane."""

    __slots__ = ("after", "before", "job")

    def __init__(self, job: Job, before: _Seat | None) -> None:
        self.job, self.before = job, before
        self.after: _Seat | None = None
        if before is not None:
            before.after = self


class _Place:
    """A job with its seats, one for each key."""

    __slots__ = ("job", "number", "seats")

    def __init__(self, job: Job, number: int, seats: list[_Seat]) -> None:
        self.job, self.number, self.seats = job, number, seats


class Lanes:
    """Jobs that were taken and not settled, in the order they were taken, by whom they are about.

    A job about two people (a merge) stands in the lanes of both; one about nobody stands in none.
    """

    def __init__(self) -> None:
        self._last: dict[str, _Seat] = {}
        self._places: dict[int, _Place] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, job: Job) -> bool:
        return id(job) in self._places

    def add(self, job: Job) -> None:
        """Put a job behind those of the same people."""
        seats = []
        for key in job.keys:
            seat = self._last[key] = _Seat(job, self._last.get(key))
            seats.append(seat)
        self._count += 1
        self._places[id(job)] = _Place(job, self._count, seats)

    def ahead(self, job: Job) -> list[Job]:
        """The job right before this one in each of its lanes; none when it is first everywhere, and may start."""
        return [seat.before.job for seat in self._places[id(job)].seats if seat.before is not None]

    def next(self, job: Job) -> list[Job]:
        """The job right behind this one in each of its lanes, each once."""
        found: dict[int, Job] = {}
        for seat in self._places[id(job)].seats:
            if seat.after is not None:
                found[id(seat.after.job)] = seat.after.job
        return list(found.values())

    def behind(self, job: Job) -> list[Job]:
        """Everything that must not overtake this job, in the order taken: what shares a person with it, or with one of those."""
        found: dict[int, _Place] = {}
        reached = self.next(job)
        while reached:
            each = reached.pop()
            if id(each) not in found:
                found[id(each)] = self._places[id(each)]
                reached += self.next(each)
        return [place.job for place in sorted(found.values(), key=lambda place: place.number)]

    def remove(self, job: Job) -> list[Job]:
        """Take a settled job out; the ones that stand first in a lane because of it, each once."""
        freed: dict[int, Job] = {}
        for key, seat in zip(job.keys, self._places.pop(id(job)).seats, strict=True):
            before, after = seat.before, seat.after
            if before is not None:
                before.after = after
            if after is not None:
                after.before = before
                if before is None:
                    freed[id(after.job)] = after.job
            elif before is not None:
                self._last[key] = before
            else:
                del self._last[key]
        return list(freed.values())

    def taken(self) -> list[Job]:
        """All of them, in the order they were taken."""
        return [place.job for place in self._places.values()]
