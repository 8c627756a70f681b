"""The drawn picture as a video file, encoded on a thread of its own, by the source's own clock."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold import files
from thirtyfold.errors import DataError, UsageError

if TYPE_CHECKING:
    import cv2

    from thirtyfold.images import Pixels

CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
# About half a second: an encoder that falls back further loses frames rather than hold up the picture.
_WAITING_FRAMES = 16
# Frames of a camera come a little early or late; one that is early by no more than this is kept.
_EARLY_FRAMES = 2.0


class VideoFile:
    """Frames with their times in, a video of the right duration out.

    The file has a fixed rate, so frames that are missing (dropped, or a camera that slowed
    down in the dark) are filled with the one before. It is written under a temporary name
    and renamed to ``path`` when it is whole; to ``out-2.mp4``, where another program took
    ``out.mp4`` meanwhile. ``frames_left_out`` counts what the encoder was too slow for.
    """

    def __init__(self, path: Path, *, fps: float) -> None:
        """Try whether ``path`` can be written, before anything starts.

        Raises :class:`UsageError` for a name that is taken or no video's, a folder that
        can't be written, and an OpenCV without the encoder; :class:`DataError` if the disk is full.
        """
        if path.suffix.lower() not in CODECS:
            raise UsageError(f"--save {path}: a video file was expected, ending in {', '.join(CODECS)}")
        if path.exists():
            raise UsageError(f"--save {path}: is there already, and nothing is written over; choose another name")
        if not files.is_text(path.absolute()):
            # OpenCV ends the whole process over such a name.
            raise UsageError(f"--save {path}: the path holds letters that are not UTF-8; choose another name")
        self.path = path
        self.fps = fps
        self.frames_left_out = 0
        # The ending stays the last part: it is how the container is chosen.
        stem = files.cut_to_bytes(path.stem, 200)
        # Absolute, as FFmpeg takes what stands before a colon for a protocol.
        self._temporary = path.absolute().with_name(f".{stem}.{os.getpid()}.tmp{path.suffix}")
        self._trial()
        self._error: BaseException | None = None
        self._written = 0
        self._closed = False
        self._saved: Path | None = None
        self._queue: queue.Queue[tuple[Pixels, float] | None] = queue.Queue(_WAITING_FRAMES)
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    def add(self, pixels: Pixels, seconds: float, *, wait: bool = False) -> None:
        """One more frame, RGB (height, width, 3), shown at ``seconds`` of the source's clock.

        Left out if the encoder is behind, unless there is time to ``wait`` for it. Raises what went wrong with an
        earlier one.
        """
        if self._error is not None:
            raise self._error
        if wait:
            self._queue.put((pixels, seconds))
            return
        try:
            self._queue.put_nowait((pixels, seconds))
        except queue.Full:
            self.frames_left_out += 1

    def close(self) -> Path | None:
        """Finish the file and return where it is; ``None`` if there was no frame. May be called twice.

        Raises :class:`DataError` if it could not be written whole (a full disk).
        """
        if self._closed:
            return self._saved
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        try:
            if self._error is not None:
                raise self._error
            if not self._written:
                return None
            self._check_whole()
            self._saved = self._named()
        except OSError as error:
            raise files.writing_failed(self.path, error) from error
        finally:
            self._temporary.unlink(missing_ok=True)
        return self._saved

    def _named(self) -> Path:
        """Give the whole file its name, or the next free one: neither it nor another file is lost."""
        path, number = self.path, 1
        while True:
            try:
                # A hard link refuses a name that is taken; not every file system has them.
                os.link(self._temporary, path)
                return path
            except OSError as error:
                if not isinstance(error, FileExistsError) and not path.exists():
                    self._temporary.replace(path)
                    return path
            number += 1
            path = self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")

    def _trial(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary.open("xb").close()
        except OSError as error:
            raise files.writing_failed(self.path, error) from error
        writer = self._open((64, 64))
        works = writer.isOpened()
        writer.release()
        if not works:
            self._temporary.unlink(missing_ok=True)
            raise UsageError(
                f"--save {self.path}: OpenCV cannot write {self.path.suffix} at {self.fps:g} frames/s here; "
                "try a name ending in .avi"
            )

    def _open(self, size_wh: tuple[int, int]) -> cv2.VideoWriter:
        import cv2

        fourcc = cv2.VideoWriter.fourcc(*CODECS[self.path.suffix.lower()])
        return cv2.VideoWriter(str(self._temporary), fourcc, self.fps, size_wh)

    def _run(self) -> None:
        writer: cv2.VideoWriter | None = None
        previous: Pixels | None = None
        first_seconds = 0.0
        size_wh = (0, 0)
        try:
            while (item := self._queue.get()) is not None:
                pixels, seconds = item
                if writer is None:
                    first_seconds = seconds
                    size_wh = (pixels.shape[1], pixels.shape[0])
                    writer = self._open(size_wh)
                place = (seconds - first_seconds) * self.fps
                if place < self._written - _EARLY_FRAMES:
                    continue
                while previous is not None and self._written + 1 <= place:
                    self._write(writer, previous)
                previous = _fitted(pixels, size_wh)
                self._write(writer, previous)
        except BaseException as error:
            # Raised again by `add` and `close`; the picture on the screen goes on till then.
            self._error = error
            while self._queue.get() is not None:
                pass
        finally:
            if writer is not None:
                writer.release()

    def _write(self, writer: cv2.VideoWriter, pixels: Pixels) -> None:
        import cv2

        writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        self._written += 1

    def _check_whole(self) -> None:
        import cv2

        # `VideoWriter.write` says nothing when the disk is full.
        reader = cv2.VideoCapture(str(self._temporary))
        frames = round(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if frames < self._written:
            raise DataError(
                f"{self.path}: only {max(0, frames)} of {self._written} frames could be written; is the disk full?"
            )


def _fitted(pixels: Pixels, size_wh: tuple[int, int]) -> Pixels:
    """``pixels`` in a picture of ``size_wh``, proportions kept: pictures of a folder differ, a video's must not."""
    import cv2
    import numpy as np

    width, height = size_wh
    if pixels.shape[:2] == (height, width):
        return pixels
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    new_width, new_height = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - new_width) // 2, (height - new_height) // 2
    canvas[top : top + new_height, left : left + new_width] = cv2.resize(
        pixels, (new_width, new_height), interpolation=cv2.INTER_AREA
    )
    return canvas
