from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo


@pytest.fixture(scope="session")
def face_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, 60 frames of 320x240, a drawn face that moves to the left."""
    path = tmp_path_factory.mktemp("video") / "face.mp4"
    write_video(path, frames=60)
    return path


def write_video(path: Path, *, frames: int, fps: float = 30.0) -> None:
    pixels, _ = draw_photo(3)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (320, 240))
    for index in range(frames):
        writer.write(cv2.cvtColor(np.roll(pixels, -(index % 200), axis=1), cv2.COLOR_RGB2BGR))
    writer.release()
