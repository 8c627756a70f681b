"""The real labelme, on a screen of its own, driven like a person would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.annotate.desktop import Desktop, open_desktop
from tests.drawn import draw_photo, write_label
from tests.tiny_model import write_tiny_run
from tests.waiting import wait_for
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.machine_made import is_machine_made, marked
from thirtyfold.datasets.samples import read_samples
from thirtyfold.images import write_jpeg
from thirtyfold.sample import BoxXyxy
from thirtyfold.workspace import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is a Linux program")]

RUN = "from thirtyfold.cli import main; main()"


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    with open_desktop(tmp_path) as desktop:
        yield desktop


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos without labels, each with one face."""
    folder = tmp_path / "faces" / "images"
    for number in (1, 2, 3):
        write_jpeg(folder / f"{number:04d}.jpg", draw_photo(number)[0])
    return folder


@contextmanager
def annotating(desktop: Desktop, dataset: Path, *more: str, run: str = RUN) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", run, "annotate", str(dataset), "--json", *more]
    with subprocess.Popen(
        command, env=desktop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                stop_labelme(process.pid)
                process.terminate()


def stop_labelme(parent: int) -> None:
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)


def window_with(desktop: Desktop, photo: str, process: subprocess.Popen[str]) -> str:
    """labelme's window, once it shows ``photo``."""

    def look() -> str | None:
        if process.poll() is not None:
            pytest.fail(f"annotate ended with {process.returncode}: {process.communicate()[1]}")
        return next((window for window in desktop.windows() if photo in desktop.title(window)), None)

    return wait_for(look, f"labelme's window with {photo}")


def draw_around_the_face(desktop: Desktop, window: str, *, key: str) -> None:
    """A rectangle from the lower right corner to the upper left one, named in the dialog."""
    left, top, right, bottom = desktop.face_xyxy()
    desktop.press(window, key)
    desktop.click(right, bottom)
    desktop.click(left, top)
    desktop.answer_the_question_for_the_label(window, "face")


def overlap(a: BoxXyxy, b: BoxXyxy) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


def close(window: str, desktop: Desktop, process: subprocess.Popen[str]) -> tuple[dict[str, object], str]:
    desktop.press(window, "ctrl+q")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out), err


def test_a_rectangle_drawn_in_labelme_arrives_beside_its_photo(desktop: Desktop, photos: Path) -> None:
    settings = desktop.home / ".labelmerc"
    settings.write_text("auto_save: false\nlabels: [somebody]\nwith_image_data: true\n")
    before = {path.name: path.read_bytes() for path in photos.iterdir()}

    with annotating(desktop, photos.parent) as process:
        window = window_with(desktop, "0001.jpg", process)
        draw_around_the_face(desktop, window, key="ctrl+r")
        # While labelme is still open, so that a power cut takes nothing.
        wait_for((photos / "0001.json").exists, "the label beside the photo")
        desktop.press(window, "d")
        window_with(desktop, "0002.jpg", process)
        report, _ = close(window, desktop, process)

    label = json.loads((photos / "0001.json").read_text())
    assert label["imagePath"] == "0001.jpg"
    assert label["imageData"] is None
    assert (label["imageWidth"], label["imageHeight"]) == (320, 240)
    assert label["flags"] == {}
    (shape,) = labelme_json.read(photos / "0001.json").annotations
    assert (shape.label, shape.kind) == ("face", "rectangle")
    (truth,) = draw_photo(1)[1]
    assert overlap(shape.box_xyxy, truth.box_xyxy) > 0.9
    assert (report["labelled"], report["unlabelled"]) == (1, ["0002.jpg", "0003.jpg"])
    assert {name: (photos / name).read_bytes() for name in before} == before, "a photo was changed"
    assert sorted(path.name for path in photos.iterdir()) == ["0001.jpg", "0001.json", "0002.jpg", "0003.jpg"]
    assert not (photos.parent / ".annotating").exists()
    assert settings.read_text().startswith("auto_save: false"), "the person's own settings were changed"


def test_labelme_killed_half_way_loses_nothing_that_was_saved(desktop: Desktop, photos: Path) -> None:
    with annotating(desktop, photos.parent) as process:
        window = window_with(desktop, "0001.jpg", process)
        draw_around_the_face(desktop, window, key="r")
        wait_for((photos / "0001.json").exists, "the label beside the photo")
        stop_labelme(process.pid)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert "stopped from outside" in err
    assert json.loads(out)["labelled"] == 1
    assert labelme_json.read(photos / "0001.json").annotations[0].label == "face"


def test_a_models_boxes_become_truth_when_they_were_ticked_or_corrected_and_not_when_they_were_only_seen(
    desktop: Desktop, photos: Path
) -> None:
    write_jpeg(photos / "0004.jpg", draw_photo(4)[0])
    for number in (1, 2, 3, 4):
        path = photos / f"{number:04d}.jpg"
        # In the first photo the model found nothing.
        write_label(path, [replace(shape, score=0.75) for shape in draw_photo(number)[1]] if number > 1 else [])
        label_file = labelme_json.read(path.with_suffix(".json"))
        labelme_json.write(path.with_suffix(".json"), marked(label_file, predicted_by="runs/detect/1"))
    seen_only = (photos / "0003.json").read_bytes()

    with annotating(desktop, photos.parent) as process:
        window = window_with(desktop, "0001.jpg", process)
        draw_around_the_face(desktop, window, key="r")
        desktop.press(window, "d")
        window_with(desktop, "0002.jpg", process)
        desktop.tick(window, "End")  # right as it is
        desktop.press(window, "d")
        window_with(desktop, "0003.jpg", process)
        desktop.press(window, "ctrl+s")
        desktop.press(window, "d")
        window_with(desktop, "0004.jpg", process)
        desktop.tick(window, "Home")  # nothing here
        report, err = close(window, desktop, process)

    assert "4 photos with boxes that a model drew" in err
    assert (report["labelled"], report["empty"], report["machine_made"]) == (2, 1, ["0003.jpg"]), err
    assert (photos / "0003.json").read_bytes() == seen_only
    drawn, ticked, emptied = (labelme_json.read(photos / f"{name}.json") for name in ("0001", "0002", "0004"))
    assert not any(is_machine_made(label_file) for label_file in (drawn, ticked, emptied))
    assert overlap(drawn.annotations[0].box_xyxy, draw_photo(1)[1][0].box_xyxy) > 0.9
    assert list(ticked.annotations) == draw_photo(2)[1]
    assert emptied.annotations == ()
    assert [label_file.flags for label_file in (drawn, ticked, emptied)] == [{}, {}, {}]


def test_a_review_shows_the_photo_first_that_the_model_agrees_with_least(
    desktop: Desktop, photos: Path, tmp_path: Path
) -> None:
    write_tiny_run(tmp_path / "runs" / "detect" / "1")
    for number in (1, 2, 3):
        path = photos / f"{number:04d}.jpg"
        write_label(path, draw_photo(number)[1] if number < 3 else [])
    # A model's box that is right, and a person's "nothing here" that is not.
    label_file = labelme_json.read(photos / "0001.json")
    labelme_json.write(photos / "0001.json", marked(label_file, predicted_by="runs/detect/0"))

    with annotating(desktop, photos.parent, "--review", "--runs", str(tmp_path / "runs")) as process:
        window = window_with(desktop, "0003.jpg", process)
        assert "1 (the model sees 1 more) 0003.jpg" in desktop.title(window)
        assert "[1/2]" in desktop.title(window)
        desktop.tick(window, "Home")  # not nothing: there is a face
        draw_around_the_face(desktop, window, key="r")
        desktop.press(window, "d")
        window_with(desktop, "2 (a model drew it) 0001.jpg", process)
        desktop.tick(window, "End")  # right as it is
        report, err = close(window, desktop, process)

    assert "2 photos to review: 1 where labels and" in err
    assert "0003.jpg: the model sees 1 more" in err
    assert (report["labelled"], report["empty"], report["machine_made"]) == (3, 0, []), err
    sitting = report["sitting"]
    assert isinstance(sitting, dict)
    assert (sitting["photos"], sitting["drawn"], sitting["confirmed"]) == (2, 1, 1)
    assert sitting["seconds"] > 0
    drawn = labelme_json.read(photos / "0003.json")
    assert overlap(drawn.annotations[0].box_xyxy, draw_photo(3)[1][0].box_xyxy) > 0.9
    assert (drawn.image_path, drawn.flags) == ("0003.jpg", {})
    assert sorted(path.name for path in photos.glob("*.jpg")) == ["0001.jpg", "0002.jpg", "0003.jpg"]


def test_labelme_opens_only_what_has_no_label_even_when_opencv_was_imported_first(
    desktop: Desktop, photos: Path
) -> None:
    label = labelme_json.LabelFile(image_path="0001.jpg", width=320, height=240)
    labelme_json.write(photos / "0001.json", label)
    poisoned = f"import cv2, os; assert 'cv2' in os.environ.get('LD_LIBRARY_PATH', 'cv2'); {RUN}"

    with annotating(desktop, photos.parent, run=poisoned) as process:
        window = window_with(desktop, "0002.jpg", process)
        assert "[1/2]" in desktop.title(window)
        report, err = close(window, desktop, process)

    assert "2 photos that have no label yet" in err
    assert (report["empty"], report["labelled"], len(report["unlabelled"])) == (1, 0, 2)  # type: ignore[arg-type]


def test_classes_of_whole_photos_are_ticked_in_labelme_and_say_nothing_of_shapes(
    desktop: Desktop, photos: Path
) -> None:
    with annotating(desktop, photos.parent, "--flags", "with_mask,without_mask") as process:
        window = window_with(desktop, "0001.jpg", process)
        desktop.tick(window, "Home")  # with_mask
        desktop.press(window, "d")
        window_with(desktop, "0002.jpg", process)
        desktop.tick(window, "Down")  # without_mask, the second one
        report, err = close(window, desktop, process)

    assert "3 photos that have no class yet" in err
    assert (report["labelled"], report["unlabelled"]) == (2, ["0003.jpg"]), err
    assert report["classes"] == {"with_mask": 1, "without_mask": 1}
    first, second = read_samples(Dataset(photos.parent))[:2]
    assert (first.tags, second.tags) == (("with_mask",), ("without_mask",))
    # Nobody looked for shapes: a detector must not take these for photos with nothing on them.
    assert (first.annotations, second.annotations) == (None, None)
