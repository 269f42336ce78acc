"""The queue in memory, whatever its workers do: nothing is lost, and of a key nothing is taken before what was stored before it."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.pipeline.engines.engine import Back, Delivery, Done, Parcel, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc")),
        st.tuples(st.just("take"), st.integers(0, 2), st.integers(1, 5)),
        st.tuples(st.just("settle"), st.integers(0, 2), st.integers(0, 9), st.booleans()),
        st.tuples(st.sampled_from(["kill", "close"]), st.integers(0, 2)),
        st.tuples(st.just("sleep"), st.integers(1, 6)),
    ),
    max_size=60,
)


def parcel(id: str, key: str = "a", **how: Any) -> Parcel:
    return Parcel(id, "delete", "{}", key, **how)


async def joined(engine: Any) -> Any:
    consumer = engine.consumer("worker")
    await consumer.start()
    return consumer


@given(steps)
def test_any_story(story: list[Any]) -> None:
    """Whatever workers do: of a key, nothing is taken before what was stored before it is settled or in the same hands; nothing is lost."""

    async def main() -> None:
        with VirtualClock(asyncio.get_running_loop()):
            engine = MemoryEngine()
            workers = [await joined(engine) for _ in range(3)]
            held: list[list[Delivery]] = [[], [], []]
            unsettled: dict[str, str] = {}
            for number, (what, *rest) in enumerate(story):
                if what == "put":
                    unsettled[f"{number:03}"] = rest[0]
                    await engine.put([parcel(f"{number:03}", rest[0])])
                elif what == "sleep":
                    await asyncio.sleep(rest[0])
                else:
                    await _step(engine, workers, held, unsettled, what, rest)
                depth = await engine.depth()
                buried = {letter.id for letter in await engine.dead_letters()}
                unsettled = {id: key for id, key in unsettled.items() if id not in buried}
                assert depth[State.WAITING] + depth[State.ACTIVE] == len(unsettled)
            await asyncio.sleep(0)

    asyncio.run(main())


async def _step(engine: Any, workers: list[Any], held: list[list[Delivery]], unsettled: dict[str, str], what: str, rest: list[Any]) -> None:
    which = rest[0]
    worker = workers[which]
    if what == "take":
        for each in await worker.take(rest[1], 0):
            mine = {one.id for one in held[which]}
            earlier = {id for id, key in unsettled.items() if key == unsettled[each.id] and id < each.id}
            assert earlier <= mine
            held[which].append(each)
    elif what == "settle":
        several, held[which] = held[which][: rest[1]], held[which][rest[1] :]
        if rest[2]:
            several, held[which] = several + held[which], []
            await worker.settle([Back(each) for each in several])
        else:
            await worker.settle([Done(each, 0.0) for each in several])
            for each in several:
                del unsettled[each.id]
    else:
        if what == "kill":
            worker.kill()
        else:
            await worker.close()
        held[which] = []
        workers[which] = await joined(engine)
