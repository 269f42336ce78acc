"""Which offset of a partition may be committed, and what a commit says of the jobs behind it. Nothing here waits or sends.

A consumer commits the lowest offset that is not settled, and with it a note, as the metadata of the commit:

    1;d=2.3.1.1;h=64;s=0.4.1;u=2;t=0.3

All numbers count from the committed offset, in pairs or triples: ``d`` stretches that are not settled and are; ``h`` how far jobs may
have been under way; ``s`` stretches of suspects (from, length, kills); ``u`` the suspect that is under way; ``t`` failed tries (offset,
tries). Fields of other names are passed over.

With it a new owner passes over what was settled out of order, knows the tries made, and, where the owner before it was killed, which jobs
may have killed it. Those are *suspects*: they are sent one at a time, each after a commit which names it, so that only the one that kills
is charged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise

NOTE_BYTES = 4_000
"""A broker takes metadata of 4,096 bytes, unless it is told otherwise."""

SPAN = 1_000_000
"""Offsets between the committed one and the last that may be taken."""

STRETCHES = 200
"""Settled stretches that a note has room for, whatever their lengths."""

_ROOM = {"d": 2_850, "s": 600, "t": 400}
_LEAST_CLAIM = 16


@dataclass(frozen=True, slots=True)
class Note:
    """What a commit says of the jobs from its offset on; offsets count from there.

    Attributes:
        done: first and last + 1 of each settled stretch, ascending.
        claim: jobs before this one may have been under way.
        suspects: offset → kills, of those that were not under way, but for *alone*.
        alone: the suspect that was under way.
        tries: offset → tries that failed and counted.
    """

    done: tuple[tuple[int, int], ...] = ()
    claim: int = 0
    suspects: dict[int, int] = field(default_factory=dict)
    alone: int | None = None
    tries: dict[int, int] = field(default_factory=dict)

    def text(self) -> str:
        """At most :data:`NOTE_BYTES` long; what has no room is left out from the end: it will be done again, or counted anew."""
        flat: list[int] = []
        edge = 0
        for first, stop in self.done:
            flat += (first - edge, stop - first)
            edge = stop
        suspects = [number for first, length, kills in _stretches(self.suspects) for number in (first, length, kills)]
        tries = [number for pair in sorted(self.tries.items()) for number in pair]
        parts = [_part("d", flat, 2), f"h={self.claim}" if self.claim else "", _part("s", suspects, 3)]
        parts += ["" if self.alone is None else f"u={self.alone}", _part("t", tries, 2)]
        return ";".join(["1", *filter(None, parts)])


def _part(name: str, numbers: list[int], group: int) -> str:
    text, room = "", _ROOM[name]
    for start in range(0, len(numbers), group):
        more = ".".join(str(number) for number in numbers[start : start + group])
        if len(text) + len(more) + 1 > room:
            break
        text = f"{text}.{more}" if text else more
    return f"{name}={text}" if text else ""


def _stretches(suspects: dict[int, int]) -> Iterator[tuple[int, int, int]]:
    """Neighbours with as many kills, as (first, length, kills)."""
    for (_, kills), group in groupby(enumerate(sorted(suspects)), lambda pair: (pair[1] - pair[0], suspects[pair[1]])):
        offsets = [offset for _, offset in group]
        yield offsets[0], len(offsets), kills


def read_note(text: str) -> Note:
    """The note in the metadata of a commit; an empty one when it is of somebody else's making, or of another version."""
    version, *parts = text.split(";")
    if version != "1":
        return Note()
    try:
        fields = {name: [int(number) for number in numbers.split(".")] for name, _, numbers in (part.partition("=") for part in parts)}
        if any(number < 0 or number > SPAN for numbers in fields.values() for number in numbers):
            return Note()
        done, edge = [], 0
        for gap, length in _groups(fields.get("d", []), 2):
            done.append((edge + gap, edge + gap + length))
            edge += gap + length
        suspects = {first + step: kills for first, length, kills in _groups(fields.get("s", []), 3) for step in range(length)}
        tries = {pair[0]: pair[1] for pair in _groups(fields.get("t", []), 2)}
        return Note(tuple(done), fields.get("h", [0])[0], suspects, fields["u"][0] if "u" in fields else None, tries)
    except ValueError:
        return Note()


def _groups(numbers: list[int], size: int) -> Iterable[tuple[int, ...]]:
    return zip(*[iter(numbers)] * size, strict=True)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to be committed.

    Attributes:
        position: the lowest offset that is not settled.
        note: the metadata.
        claim: offsets before it may be taken once this is committed.
        alone: the suspect that may be taken once this is committed.
    """

    position: int
    note: str
    claim: int
    alone: int | None


class Offsets:
    """The offsets of one partition, from the committed one on.

    Args:
        position: the committed offset, or the first one there is.
        note: the metadata of the commit.
        end: where the partition ended when its owner changed; what came later cannot have been under way before.
    """

    def __init__(self, position: int, note: str = "", end: int = 0) -> None:
        before = read_note(note)
        self._seen = position
        self._order: deque[int] = deque()
        self._open: set[int] = set()
        self._taken: set[int] = set()
        self._done = deque((first + position, stop + position) for first, stop in before.done)
        self._tries = {offset + position: attempts for offset, attempts in before.tries.items()}
        self._suspects = {offset + position: kills for offset, kills in _suspects(before).items() if offset + position < end}
        self._claim = self._claimed = self._top = self._base = position
        self._alone: int | None = None
        self._alone_told: int | None = None
        self._settled_since = self._known_stretches = 0

    @property
    def position(self) -> int:
        """The lowest offset that is not settled: what may be committed."""
        while self._order and self._order[0] not in self._open:
            self._order.popleft()
        return self._order[0] if self._order else self._seen

    @property
    def seen(self) -> int:
        """One more than the last offset that was read."""
        return self._seen

    @property
    def unsettled(self) -> int:
        """How many were read and are not settled."""
        return len(self._open)

    def left(self, high: int) -> int:
        """How many are not settled, when the last offset there is is *high* - 1."""
        settled = sum(max(0, min(stop, high) - max(first, self._seen)) for first, stop in self._done)
        return len(self._open) + max(0, high - self._seen) - settled

    def read(self, offset: int) -> bool:
        """The message at *offset* has been read; whether it is to be settled. Offsets that were left out on the way hold nothing."""
        if offset < self._seen:
            return False
        self.ended(offset)
        self._seen = offset + 1
        if self._done and self._done[0][0] <= offset:
            self._forget(offset)
            return False
        self._order.append(offset)
        self._open.add(offset)
        return True

    def ended(self, offset: int) -> None:
        """There is nothing to be read before *offset* any more."""
        self._seen = max(self._seen, offset)
        while self._done and self._done[0][1] <= offset:
            self._done.popleft()

    def settle(self, offset: int) -> None:
        """The job at *offset* is settled: it will not be read again."""
        if offset in self._open:
            self._open.remove(offset)
            self._settled_since += 1
            self._forget(offset)

    def give_back(self, offset: int) -> None:
        """The job at *offset* is not under way any more."""
        self._taken.discard(offset)
        if self._alone == offset:
            self._alone = None

    def _forget(self, offset: int) -> None:
        self.give_back(offset)
        self._tries.pop(offset, None)
        self._suspects.pop(offset, None)

    def failed(self, offset: int, attempts: int) -> None:
        """So many tries at the job at *offset* have failed and count."""
        if offset in self._open:
            self._tries[offset] = attempts

    def tries(self, offset: int) -> int:
        """Tries at the job at *offset* that are known from notes and :meth:`failed`."""
        return self._tries.get(offset, 0)

    def kills(self, offset: int) -> int:
        """How often its worker was killed while the job at *offset* was, or may have been, under way."""
        return self._suspects.get(offset, 0)

    def may_take(self, offset: int) -> bool:
        """Whether a commit says already that the job at *offset* may be under way."""
        if offset in self._suspects:
            return self._alone == self._alone_told == offset
        return offset < self._claimed

    def want(self, offset: int) -> None:
        """The job at *offset* is to be taken once the next commit says so: a suspect alone, any other with as many as were taken lately."""
        if offset in self._suspects:
            self._alone = offset
        elif offset >= self._claim:
            self._claim = offset + max(_LEAST_CLAIM, offset - self._base)

    def take(self, offset: int) -> None:
        """The job at *offset* is under way."""
        self._taken.add(offset)
        self._top = max(self._top, offset + 1)

    def review(self) -> None:
        """Ask for as many jobs ahead as were taken since the last review: the fewer, the fewer suspects."""
        taken, self._base = self._top - self._base, self._top
        self._claim = max(self._top, self.position) + max(_LEAST_CLAIM, taken)
        self._claimed = min(self._claimed, self._claim)

    @property
    def roomy(self) -> bool:
        """Whether a note will have room for one more job that is settled before its turn."""
        stretches = self._known_stretches + self._settled_since + len(self._taken)
        return stretches < STRETCHES and self._seen - self.position < SPAN

    def mark(self, *, leaving: bool = False) -> Mark:
        """What to commit now. *leaving*: nothing is under way any more, and nothing will be."""
        position = self.position
        if len(self._order) > 2 * len(self._open) + 100:
            self._order = deque(offset for offset in self._order if offset in self._open)
        done = tuple(self._stretches(position))
        self._known_stretches, self._settled_since = len(done), 0
        claim = position if leaving else max(self._claim, position)
        alone = None if leaving else self._alone
        note = Note(
            done,
            min(claim - position, SPAN),
            {offset - position: kills for offset, kills in self._suspects.items() if offset >= position},
            None if alone is None else alone - position,
            {offset - position: attempts for offset, attempts in self._tries.items() if offset >= position},
        )
        return Mark(position, note.text(), claim, alone)

    def _stretches(self, position: int) -> Iterator[tuple[int, int]]:
        """Settled stretches behind the lowest open offset, counted from *position*."""
        opened = [offset for offset in self._order if offset in self._open]
        for before, after in pairwise([*opened, self._seen]):
            if after - before > 1:
                yield before + 1 - position, after - position
        for first, stop in self._done:
            # Not read yet, and settled by an owner before.
            if stop > self._seen:
                yield max(first, self._seen) - position, stop - position

    def committed(self, mark: Mark) -> None:
        """*mark* has been committed."""
        self._claimed = min(mark.claim, self._claim)
        self._alone_told = mark.alone


def _suspects(before: Note) -> dict[int, int]:
    """Who may have killed the owner before: what it may have had under way; none that was settled."""
    settled = {offset for first, stop in before.done for offset in range(first, stop)}
    found = dict(before.suspects)
    for offset in range(before.claim):
        if offset not in found:
            found[offset] = 1
    if before.alone is not None and before.alone in before.suspects:
        found[before.alone] += 1
    return {offset: kills for offset, kills in found.items() if offset not in settled}
