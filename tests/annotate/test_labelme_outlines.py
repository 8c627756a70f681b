"""The road of an outline: drawn in the real labelme, learned from, predicted, and opened by labelme again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.annotate.desktop import Desktop, open_desktop
from tests.annotate.test_labelme_window import annotating, close, window_with
from tests.drawn import draw_photo
from tests.waiting import wait_for
from thirtyfold.annotate.prelabel import prelabel
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.rasterize import label_map
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.images import write_jpeg
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.predict.runtime import load
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is a Linux program")]

CORNERS = 12
# labelme's own reader, in a process of its own; OpenCV's Qt must not get in its way.
READ_BY_LABELME = """\
import json, sys
sys.modules["cv2"] = None
from labelme._label_file import LabelFile
print(json.dumps([[shape["shape_type"], len(shape["points"])] for shape in LabelFile(sys.argv[1]).shapes]))
"""


def read_by_labelme(path: Path) -> list[tuple[str, int]]:
    run = subprocess.run(
        [sys.executable, "-c", READ_BY_LABELME, str(path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return [(kind, count) for kind, count in json.loads(run.stdout.splitlines()[-1])]


def outline_the_face(desktop: Desktop, window: str) -> None:
    """Corner by corner around the face, and a click on the first one, which closes it."""
    left, top, right, bottom = desktop.face_xyxy()
    desktop.press(window, "p")
    turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    corners = [
        (round((left + right + (right - left) * np.cos(t)) / 2), round((top + bottom + (bottom - top) * np.sin(t)) / 2))
        for t in turns
    ]
    for x, y in [*corners, corners[0]]:
        desktop.click(x, y)
    desktop.answer_the_question_for_the_label(window, "face")


def test_an_outline_drawn_in_labelme_is_learned_predicted_and_opened_by_labelme_again(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "faces")
    for number in (1, 2):
        write_jpeg(dataset.images_dir / f"{number:04d}.jpg", draw_photo(number)[0])
    drawn = dataset.images_dir / "0001.json"
    with open_desktop(tmp_path) as desktop, annotating(desktop, dataset.root, "--polygons") as process:
        window = window_with(desktop, "0001.jpg", process)
        outline_the_face(desktop, window)
        wait_for(drawn.exists, "the label beside the photo")
        _, said = close(window, desktop, process)
    assert "P      draw an outline" in said

    (shape,) = labelme_json.read(drawn).annotations
    assert (shape.label, shape.kind) == ("face", "polygon")
    assert len(shape.points) == CORNERS
    numbers, size_wh = {"face": 1}, (320, 240)
    (box,) = draw_photo(1)[1]
    left, top, right, bottom = box.box_xyxy
    turns = np.linspace(0, 2 * np.pi, 64, endpoint=False).tolist()
    ellipse = Annotation(
        label="face",
        kind="polygon",
        points=tuple(
            ((left + right + (right - left) * np.cos(t)) / 2, (top + bottom + (bottom - top) * np.sin(t)) / 2)
            for t in turns
        ),
    )
    truth, filled = label_map([ellipse], numbers, size_wh), label_map([shape], numbers, size_wh)
    assert 2 * (truth & filled).sum() / (truth.sum() + filled.sum()) > 0.9

    parts = {"0001.jpg": "train", "0002.jpg": "train"}
    write_split(dataset, Split(parts=parts, groups={name: name for name in parts}, how="by hand", leak_free=True))
    options = TrainOptions(
        task="segment", backbone="scratch", size=64, epochs=1, batch=1, unlabelled="skip", class_weights="1,9"
    )
    run_dir = train(dataset, options, runs_dir=tmp_path / "runs").run_dir
    done = prelabel(dataset, load(run_dir, threshold=0.0), predicted_by="runs/segment/1", labels=["face"])
    assert done.photos == 1
    predicted = next(sample for sample in read_samples(dataset) if sample.machine_made)
    shapes = predicted.annotations or ()
    assert read_by_labelme(drawn) == [("polygon", CORNERS)]
    assert read_by_labelme(dataset.label_path(predicted.image_path)) == [("polygon", len(it.points)) for it in shapes]
