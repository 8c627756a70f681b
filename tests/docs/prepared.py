"""What a page of the docs may expect in its folder: photos, a clip as camera, a trained run; made once for all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2

from tests.drawn import draw_photo, write_dataset, write_label
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.images import write_jpeg
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.workspace import Dataset

CLIP_FRAMES = 45
# Small enough that a page costs seconds.
TINY = TrainOptions(backbone="scratch", size=64, epochs=1)


class Prepared:
    """Makes each thing when the first page asks for it, and copies it into the folders of all that do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def give(self, what: str, folder: Path) -> None:
        """Put ``what`` into ``folder``."""
        made = self._folder / what
        if not made.exists():
            _MAKERS[what](made)
        shutil.copytree(made, folder, dirs_exist_ok=True)


def _faces(folder: Path) -> None:
    """``datasets/faces``: twelve labelled photos of four sessions."""
    write_dataset(folder / "datasets" / "faces", sessions=4, per_session=3)


def _split(folder: Path) -> None:
    """The same, split, with two copies a photo."""
    _faces(folder)
    dataset = Dataset(folder / "datasets" / "faces")
    split_dataset(dataset, SplitOptions())
    augment_dataset(dataset, AugmentOptions(factor=2, workers=1))


def _run(folder: Path) -> None:
    """``runs/detect/1`` to 3, trained on these photos."""
    _split(folder)
    runs = folder / "runs" / "detect"
    train(Dataset(folder / "datasets" / "faces"), TINY, runs_dir=folder / "runs")
    for number in ("2", "3"):
        shutil.copytree(runs / "1", runs / number)


def _clip(folder: Path) -> None:
    """``clip.mp4``: the virtual camera as a video, which knows no boxes any more."""
    folder.mkdir(parents=True)
    camera = DemoCamera(2)
    writer = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (640, 480))
    for _ in range(CLIP_FRAMES):
        frame = camera.read()
        assert frame is not None
        writer.write(frame.pixels[..., ::-1])
    writer.release()


def _new(folder: Path) -> None:
    """Two photos more in ``datasets/faces``, which nobody has labelled."""
    for number in (901, 902):
        write_jpeg(folder / "datasets" / "faces" / "images" / f"{number}.jpg", draw_photo(number)[0])


def _kitchen(folder: Path) -> None:
    """``datasets/kitchen``: labelled photos that no run has learned from."""
    root = folder / "datasets" / "kitchen"
    for number in range(101, 105):
        pixels, annotations = draw_photo(number)
        write_jpeg(root / "images" / f"{number}.jpg", pixels)
        write_label(root / "images" / f"{number}.jpg", annotations)


def _photos(folder: Path) -> None:
    """``photos``: three pictures without labels."""
    for number in (31, 32, 33):
        write_jpeg(folder / "photos" / f"{number}.jpg", draw_photo(number)[0])


_MAKERS: dict[str, Callable[[Path], None]] = {
    "faces": _faces,
    "split": _split,
    "run": _run,
    "clip": _clip,
    "new": _new,
    "kitchen": _kitchen,
    "photos": _photos,
}
