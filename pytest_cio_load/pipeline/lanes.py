"""Every person's jobs one after the other, several persons at once. Nothing here waits or sends."""

from __future__ import annotations

from collections import deque

from pytest_cio_load.pipeline.jobs import Job


class Lanes:
    """Jobs that were taken and not settled, in the order they were taken, by whom they are about.

    A job about two people (a merge) stands in the lanes of both; one about nobody stands in none.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Job]] = {}
        self._jobs: dict[int, Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job: Job) -> bool:
        return id(job) in self._jobs

    def add(self, job: Job) -> None:
        """Put a job behind those of the same people."""
        self._jobs[id(job)] = job
        for key in job.keys:
            self._lanes.setdefault(key, deque()).append(job)

    def ahead(self, job: Job) -> list[Job]:
        """The job right before this one in each of its lanes; none when it is first everywhere, and may start."""
        found = []
        for key in job.keys:
            before: Job | None = None
            for each in self._lanes[key]:
                if each is job:
                    break
                before = each
            if before is not None:
                found.append(before)
        return found

    def behind(self, job: Job) -> list[Job]:
        """Everything that must not overtake this job, in the order taken: what shares a person with it, or with one of those."""
        keys, found, passed = set(job.keys), [], False
        for each in self._jobs.values():
            if each is job:
                passed = True
            elif passed and not keys.isdisjoint(each.keys):
                keys.update(each.keys)
                found.append(each)
        return found

    def remove(self, job: Job) -> list[Job]:
        """Take a settled job out; the ones that stand first in a lane because of it."""
        del self._jobs[id(job)]
        freed: list[Job] = []
        for key in job.keys:
            lane = self._lanes[key]
            was_first = lane[0] is job
            lane.remove(job)
            if not lane:
                del self._lanes[key]
            elif was_first and not any(lane[0] is each for each in freed):
                freed.append(lane[0])
        return freed

    def taken(self) -> list[Job]:
        """All of them, in the order they were taken."""
        return list(self._jobs.values())
