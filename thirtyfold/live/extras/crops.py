"""Each object cut out, as a picture of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from thirtyfold import files
from thirtyfold.errors import ThirtyfoldError
from thirtyfold.images import Pixels
from thirtyfold.live.extras.scene import Scene
from thirtyfold.predict.crops import cut_out, encoded
from thirtyfold.workspace import safe_name

_EVERY_SECONDS = 1.0
_FORGET_SECONDS = 10.0
# A disk that falls back further loses cut-outs rather than hold up the picture.
_WAITING = 32


class Crops:
    """Writes each object of each second to a folder of this run's own below ``folder``, at most ``limit`` files.

    Named by label, object and the source's clock: ``face_00003_000012.40.jpg``; objects with an outline are PNG, cut
    out along it. As the folder is new, nothing is ever written over. Raises :class:`UsageError` if it cannot be made.
    """

    def __init__(self, folder: Path, *, limit: int, now: datetime) -> None:
        self.problems: list[str] = []
        self.folder = _new_folder(folder, f"live-{now:%Y-%m-%d-%H%M%S}")
        self._limit = limit
        self._taken = self._written = self._left_out = 0
        self._cut_seconds: dict[int, float] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="crops")
        self._free = threading.Semaphore(_WAITING)

    def see(self, scene: Scene) -> None:
        for known in [number for number, at in self._cut_seconds.items() if scene.seconds - at > _FORGET_SECONDS]:
            del self._cut_seconds[known]
        for track in scene.objects:
            # Only where it was found on this very picture: else the cut-out may show a wall.
            due = scene.seconds - self._cut_seconds.get(track.id, -_EVERY_SECONDS) >= _EVERY_SECONDS
            if not due or track.seen_seconds != scene.seconds:
                continue
            if self._taken >= self._limit:
                self._tell(f"--crops {self.folder}: full, {self._limit} are the limit (--crops-limit)")
                return
            self._cut_seconds[track.id] = scene.seconds
            name = f"{safe_name(track.detected.label, limit=40)}_{track.id:05d}_{scene.seconds:09.2f}"
            cut = cut_out(scene.pixels, track.detected)
            if not cut.size:
                continue
            if not self._free.acquire(blocking=False):
                self._left_out += 1
                continue
            self._taken += 1
            self._pool.submit(self._write, name, cut)

    def close(self) -> Mapping[str, object]:
        self._pool.shutdown(wait=True)
        if self._left_out:
            self._tell(f"--crops {self.folder}: {self._left_out} objects are missing, the disk was too slow")
        return {"folder": str(self.folder), "files": self._written}

    def _write(self, name: str, cut: Pixels) -> None:
        try:
            suffix, data = encoded(cut)
            files.write_bytes(self.folder / f"{name}{suffix}", data, durable=False)
            self._written += 1
        except ThirtyfoldError as error:
            # A full disk is no reason to take the picture away.
            self._tell(str(error))
        finally:
            self._free.release()

    def _tell(self, problem: str) -> None:
        # A disk stays full: said once, not once a file.
        if len(self.problems) < 5 and problem not in self.problems:
            self.problems.append(problem)


def _new_folder(parent: Path, name: str) -> Path:
    number = 1
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                if number > 1000 or not parent.is_dir():
                    raise
                number += 1
                continue
            return folder
    except OSError as error:
        raise files.writing_failed(parent / name, error) from error
