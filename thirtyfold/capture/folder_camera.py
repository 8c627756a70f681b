"""A folder of pictures as a camera."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from thirtyfold.capture.frames import Frame
from thirtyfold.errors import CameraError, ImageError
from thirtyfold.images import is_image, read_rgb

# Pictures of a folder have no clock. Slow enough that somebody watching sees each of them.
FOLDER_FPS = 2.0


class FolderCamera:
    """The pictures of a folder by name, upright. Those that can't be read go to ``problems``."""

    live = False

    def __init__(self, folder: Path, paths: Sequence[Path] | None = None) -> None:
        try:
            self.paths = sorted(path for path in folder.iterdir() if is_image(path)) if paths is None else list(paths)
        except OSError as error:
            raise CameraError(f"{folder}: cannot be opened ({error.strerror or error})") from error
        if not self.paths:
            raise CameraError(f"{folder}: holds no pictures (jpg, png, bmp, webp, tif); give the folder they lie in")
        self.name = self.paths[0].name if paths is not None else folder.name or str(folder)
        self.fps = FOLDER_FPS
        self.problems: list[ImageError] = []
        self._position = 0
        self._index = 0
        self._closed = False

    def read(self) -> Frame | None:
        """The next picture that can be read, ``None`` at the end. Raises :class:`CameraError` if none could."""
        while not self._closed and self._position < len(self.paths):
            path = self.paths[self._position]
            self._position += 1
            try:
                pixels = read_rgb(path)
            except ImageError as error:
                self.problems.append(error)
                continue
            frame = Frame(
                pixels=pixels,
                index=self._index,
                seconds=self._index / self.fps,
                read_at=time.perf_counter(),
                name=path.name,
            )
            self._index += 1
            return frame
        if not self._closed and self._index == 0:
            raise CameraError(f"{self.name}: none of its pictures can be read, first {self.problems[0]}")
        return None

    def close(self) -> None:
        self._closed = True
