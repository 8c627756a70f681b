from __future__ import annotations

from pathlib import Path

import pytest

from tests.drawn import draw_photo
from thirtyfold.images import Pixels, write_jpeg
from thirtyfold.model.face_margin import face_margin, margin_around, yunet_if_there
from thirtyfold.predict.detectors import Detector
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, Sample


class Middle:
    """Finds a face in the middle with ``margin`` of its sides around it, and a smaller one in the corner."""

    classes = ("face",)
    threshold = 0.5
    model_ms = 0.0

    def __init__(self, margin: float, *, finds: int = 1000) -> None:
        self.margin = margin
        self.left = finds

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        self.left -= 1
        if self.left < 0:
            return ()
        height, width = pixels.shape[:2]
        w, h = width / (1 + 2 * self.margin), height / (1 + 2 * self.margin)
        corner = Annotation.from_box("face", (0, 0, 3, 3), score=0.99)
        face = ((width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2)
        return (corner, Annotation.from_box("face", face, score=0.9))

    def open(self, progress: Progress) -> Detector | None:
        return self


def photos(folder: Path, count: int) -> list[Sample]:
    made = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        write_jpeg(path, draw_photo(number, width=60, height=80, face=False)[0])
        made.append(Sample(image_path=path, width=60, height=80, parent=None if number else "x.jpg"))
    return made


def test_the_margin_around_a_box_is_the_mean_of_its_four_sides() -> None:
    assert margin_around((10, 20, 60, 120), (70, 140)) == pytest.approx((0.2 + 0.2 + 0.2 + 0.2) / 4)
    assert margin_around((0, 0, 60, 80), (60, 80)) == 0.0
    assert margin_around((-5, -5, 65, 85), (60, 80)) == 0.0, "a finder's box may reach over the edge"


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.4, 1.5])
def test_the_margin_of_face_cut_outs_is_measured_on_originals_by_their_largest_face(
    tmp_path: Path, margin: float
) -> None:
    found = face_margin(photos(tmp_path, 6), SILENT, open_finder=Middle(margin).open)
    assert found is not None
    assert found.margin_share == pytest.approx(margin, abs=0.001)
    assert (found.found, found.photos) == (5, 5), "the copy does not count"


def test_photos_that_are_no_cut_outs_of_faces_have_none(tmp_path: Path) -> None:
    samples = photos(tmp_path, 6)
    assert face_margin(samples, SILENT, open_finder=Middle(0.1, finds=2).open) is None, "faces on 2 of 5"
    assert face_margin(samples, SILENT, open_finder=Middle(2.5).open) is None, "faces far away"
    assert face_margin(samples, SILENT, open_finder=lambda progress: None) is None
    assert face_margin([], SILENT, open_finder=Middle(0.1).open) is None


def test_no_training_waits_for_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRTYFOLD_HOME", str(tmp_path))
    monkeypatch.setattr("thirtyfold.download.fetch", lambda *_: pytest.fail("asked the network"))
    assert yunet_if_there(SILENT) is None
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "yunet_n_640_640.onnx").write_bytes(b"broken")
    assert yunet_if_there(SILENT) is None, "a finder that is broken is no reason to lose a training"
