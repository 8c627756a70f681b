from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo
from tests.masked import write_tiny_classifier
from tests.tiny_model import write_tiny_run


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose real model finds the drawn faces."""
    return write_tiny_run(tmp_path_factory.mktemp("runs") / "detect" / "1")


@pytest.fixture(scope="session")
def masks_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished classifier of drawn faces with and without a mask."""
    return write_tiny_classifier(tmp_path_factory.mktemp("mask-runs") / "classify" / "1")


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
