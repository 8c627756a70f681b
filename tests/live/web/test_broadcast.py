"""One picture for many: encoded once, only while somebody looks, and no viewer waits for another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from thirtyfold.images import Pixels, decode_rgb
from thirtyfold.live.web.broadcast import Broadcaster


def grey(value: int) -> Pixels:
    return np.full((48, 64, 3), value, np.uint8)


def value_of(part: bytes) -> int:
    match = re.fullmatch(rb"Content-Type: image/jpeg\r\nContent-Length: (\d+)\r\n\r\n(.*)\r\n--frame\r\n", part, re.S)
    assert match is not None
    assert len(match.group(2)) == int(match.group(1))
    pixels = decode_rgb(match.group(2))
    assert pixels is not None
    return round(float(pixels.mean()) / 10) * 10


def with_broadcaster(scenario: Callable[[Broadcaster, list[str]], Awaitable[None]]) -> None:
    first: list[str] = []
    broadcaster = Broadcaster(on_first=lambda: first.append("first"))

    async def run() -> None:
        async with asyncio.timeout(20):
            await scenario(broadcaster, first)

    try:
        asyncio.run(run())
    finally:
        broadcaster.close()


async def newest(broadcaster: Broadcaster, after: int) -> tuple[int, bytes]:
    part = await broadcaster.next_part(after, patience=10)
    assert part is not None
    return part


def test_nothing_is_encoded_while_nobody_looks() -> None:
    async def scenario(broadcaster: Broadcaster, first: list[str]) -> None:
        assert not broadcaster.watched
        broadcaster.offer(grey(50))
        await asyncio.sleep(0.2)
        assert broadcaster.frames_encoded == 0
        broadcaster.enter()
        assert (broadcaster.watched, first) == (True, ["first"])
        broadcaster.offer(grey(100))
        assert value_of((await newest(broadcaster, 0))[1]) == 100
        broadcaster.leave()
        broadcaster.offer(grey(150))
        await asyncio.sleep(0.2)
        assert broadcaster.frames_encoded == 1

    with_broadcaster(scenario)


def test_who_comes_back_later_is_not_shown_what_was_there_before() -> None:
    async def scenario(broadcaster: Broadcaster, first: list[str]) -> None:
        broadcaster.enter()
        broadcaster.offer(grey(100))
        await newest(broadcaster, 0)
        broadcaster.leave()
        broadcaster.enter()
        assert first == ["first", "first"]
        assert await broadcaster.next_part(0, patience=0.1) == (0, b"")
        broadcaster.offer(grey(200))
        assert value_of((await newest(broadcaster, 0))[1]) == 200

    with_broadcaster(scenario)


def test_one_encoding_serves_all_and_the_slow_one_skips() -> None:
    async def scenario(broadcaster: Broadcaster, first: list[str]) -> None:
        for _ in range(3):
            broadcaster.enter()
        numbers = [0, 0]
        for value in range(10, 110, 10):
            broadcaster.offer(grey(value))
            for viewer in (0, 1):
                numbers[viewer], part = await newest(broadcaster, numbers[viewer])
                assert value_of(part) == value
        # The third one took nothing all the while: now it gets the newest, and nothing that waited for it.
        number, part = await newest(broadcaster, 0)
        assert (number, value_of(part)) == (10, 100)
        assert broadcaster.frames_encoded == 10
        assert first == ["first"]

    with_broadcaster(scenario)


def test_a_held_picture_comes_again_so_that_the_connection_is_tried() -> None:
    async def scenario(broadcaster: Broadcaster, first: list[str]) -> None:
        broadcaster.enter()
        broadcaster.offer(grey(100))
        part = await newest(broadcaster, 0)
        assert await broadcaster.next_part(part[0], patience=0.05) == part

    with_broadcaster(scenario)


def test_closing_lets_everybody_go() -> None:
    async def scenario(broadcaster: Broadcaster, first: list[str]) -> None:
        broadcaster.enter()
        waiting = asyncio.create_task(broadcaster.next_part(0, patience=60))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(broadcaster.close)
        assert await waiting is None

    with_broadcaster(scenario)


def test_offering_never_waits_however_fast_pictures_come() -> None:
    large = np.random.default_rng(1).integers(0, 255, (1080, 1920, 3), np.uint8)

    async def scenario(broadcaster: Broadcaster, first: list[str]) -> None:
        broadcaster.enter()
        for _ in range(200):
            broadcaster.offer(large)
        # 200 encodings would take seconds; all but the newest are skipped.
        await newest(broadcaster, 0)
        assert broadcaster.frames_encoded <= 20

    with_broadcaster(scenario)


def test_a_picture_that_cannot_be_encoded_is_told_and_not_a_picture_that_stands_still() -> None:
    async def scenario(broadcaster: Broadcaster, first: list[str]) -> None:
        broadcaster.enter()
        broadcaster.offer(np.zeros((1, 70_000, 3), np.uint8))  # more than a JPEG can be wide
        while broadcaster.error is None:
            await asyncio.sleep(0.01)

    with_broadcaster(scenario)


@pytest.mark.parametrize("times", [1, 2])
def test_it_may_be_closed_twice_and_without_viewers(times: int) -> None:
    broadcaster = Broadcaster(on_first=lambda: None)
    for _ in range(times):
        broadcaster.close()
