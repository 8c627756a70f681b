"""The viewers' own cameras: JPEGs over a WebSocket in, boxes as JSON out, one model for all of them.

Each page sends a frame, waits for its boxes, and then sends the newest it has: nothing queues
on either side, and a viewer has one frame in flight at most. The model takes the viewers in turn.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import DataError, UsageError
from thirtyfold.live.review import Reviewer
from thirtyfold.live.web.frames import decode_frame
from thirtyfold.live.web.security import (
    MOST_BROWSER_CAMERAS,
    REQUEST_SECONDS,
    SILENT_CAMERA_SECONDS,
    new_token,
)
from thirtyfold.predict.chain import caption, kind_of, without_verdict
from thirtyfold.predict.detectors import Detector
from thirtyfold.predict.track import Tracker
from thirtyfold.sample import Annotation

if TYPE_CHECKING:
    from fastapi import WebSocket

    from thirtyfold.images import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A frame that came, and what was found on it. ``*_at`` are ``time.perf_counter()``."""

    pixels: Pixels
    annotations: tuple[Annotation, ...]
    model_ms: float
    received_at: float
    answered_at: float


@dataclass(slots=True, kw_only=True)
class _Camera:
    """``threshold`` is what its page shows from; ``None`` until the page or the model says."""

    threshold: float | None = None
    tracker: Tracker | None = None
    last: Answered | None = None


class BrowserCameras:
    """Everything on the server's thread, but for the decoding and the model, which have their own.

    ``steady``: each camera has a tracker, and its page is told of objects instead of what the model finds.
    """

    def __init__(self, *, steady: bool, answered: Callable[[Answered], None]) -> None:
        self.frames_received = 0
        self._steady = steady
        self._answered = answered
        self._detector: Future[tuple[Detector, float]] = Future()
        # Two: one may decode while another waits for its turn. The model belongs to one thread.
        self._decoding = ThreadPoolExecutor(2, thread_name_prefix="decode")
        self._detecting = ThreadPoolExecutor(1, thread_name_prefix="detect")
        self._cameras: dict[str, _Camera] = {}
        self._reviewer: Reviewer | None = None
        self.error: BaseException | None = None

    @property
    def count(self) -> int:
        """How many pages send their camera now."""
        return len(self._cameras)

    def start(self, detector: Detector, *, floor: float, reviewer: Reviewer) -> None:
        """The model is there; frames that came before have been waiting for it."""
        self._reviewer = reviewer
        self._detector.set_result((detector, floor))

    def close(self) -> None:
        self._detector.cancel()
        self._decoding.shutdown(cancel_futures=True)
        self._detecting.shutdown(cancel_futures=True)

    def save_shown(self, camera: str, *, threshold: float, hidden: frozenset[str]) -> None:
        """Save the camera's last answered frame for review, with the boxes that its page shows.

        Raises :class:`UsageError` if there is none.
        """
        last = self._cameras[camera].last if camera in self._cameras else None
        if last is None or self._reviewer is None:
            raise UsageError("nothing to save yet: no frame of this camera was looked at")
        shown = [a for a in last.annotations if (a.score or 0.0) >= threshold and hidden.isdisjoint(_labels(a))]
        self._reviewer.save(last.pixels, [without_verdict(annotation) for annotation in shown])

    async def serve(self, websocket: WebSocket) -> None:
        """One camera, from its first frame until its page is closed or it has been silent for a minute."""
        from fastapi import WebSocketDisconnect

        if self.count >= MOST_BROWSER_CAMERAS:
            await websocket.accept()
            await websocket.close(1013, f"{MOST_BROWSER_CAMERAS} cameras are sending already; try again later")
            return
        await websocket.accept()
        name, camera = new_token(), _Camera(tracker=Tracker() if self._steady else None)
        self._cameras[name] = camera
        try:
            await websocket.send_json({"camera": name})
            while (message := await _next_message(websocket)) is not None:
                answer = await self._answer(camera, message) if isinstance(message, bytes) else _set(camera, message)
                if answer is not None:
                    async with asyncio.timeout(REQUEST_SECONDS):
                        # Escaped: a label may hold half a letter, which no WebSocket takes.
                        await websocket.send_text(json.dumps(answer))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            pass  # it does not take its answers, or left while one was on its way
        finally:
            del self._cameras[name]

    async def _answer(self, camera: _Camera, data: bytes) -> dict[str, Any]:
        """Boxes, or what is wrong with the frame."""
        received_at = time.perf_counter()
        loop = asyncio.get_running_loop()
        try:
            detector, floor = await asyncio.shield(asyncio.wrap_future(self._detector))
            self.frames_received += 1
            pixels = await loop.run_in_executor(self._decoding, decode_frame, data)
            annotations, model_ms = await loop.run_in_executor(self._detecting, _detect, detector, floor, pixels)
        except DataError as error:
            return {"error": str(error)}
        except Exception as error:
            # The model failed, not the frame: the run ends with it.
            self.error = error
            return {"error": "the model failed; see the terminal it runs in"}
        answered = Answered(
            pixels=pixels,
            annotations=annotations,
            model_ms=model_ms,
            received_at=received_at,
            answered_at=time.perf_counter(),
        )
        camera.last = answered
        self._answered(answered)
        return {
            "size_wh": [pixels.shape[1], pixels.shape[0]],
            "boxes": _boxes(camera, answered, default_threshold=detector.threshold),
            "model_ms": round(model_ms, 1),
            "server_ms": round((answered.answered_at - received_at) * 1000, 1),
        }


async def _next_message(websocket: WebSocket) -> bytes | str | None:
    """A frame or a setting; ``None`` when the page is gone. Raises :class:`TimeoutError` if none comes."""
    async with asyncio.timeout(SILENT_CAMERA_SECONDS):
        message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        return None
    text = message.get("text")
    return str(text) if text is not None else bytes(message.get("bytes") or b"")


def _set(camera: _Camera, text: str) -> dict[str, Any] | None:
    """What is wrong with a setting; ``None`` where it was taken over."""
    from thirtyfold.live.web.orders import read_setting

    try:
        setting = read_setting(text)
    except UsageError as error:
        return {"error": str(error)}
    camera.threshold = setting.threshold
    if setting.still:
        camera.tracker = None
    return None


def _detect(detector: Detector, floor: float, pixels: Pixels) -> tuple[tuple[Annotation, ...], float]:
    return detector(pixels, threshold=floor), detector.model_ms


def _labels(annotation: Annotation) -> list[str]:
    """The label, and the second model's if one has looked at it."""
    return list(dict.fromkeys((annotation.label, kind_of(annotation))))


def _boxes(camera: _Camera, answered: Answered, *, default_threshold: float) -> list[dict[str, Any]]:
    """What the page draws: what the model found, which the page picks from by score, or the objects of its tracker."""
    if camera.tracker is None:
        return [_box(found, found, score=found.score) for found in answered.annotations]
    threshold = default_threshold if camera.threshold is None else camera.threshold
    camera.tracker.update(answered.annotations, answered.received_at, threshold=threshold)
    tracks = camera.tracker.at(answered.received_at)
    return [
        # Without a score: an object stays on the page while the model is less sure of it for a moment.
        _box(track.detected, track.annotation, score=None, number=track.id if len(tracks) > 1 else None)
        for track in tracks
    ]


def _box(found: Annotation, placed: Annotation, *, score: float | None, number: int | None = None) -> dict[str, Any]:
    return {
        "labels": _labels(found),
        "caption": caption(found, number=number),
        "score": None if score is None else round(score, 4),
        "xyxy": [round(value, 1) for value in placed.box_xyxy],
    }
