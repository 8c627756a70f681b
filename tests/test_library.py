"""The library: its examples as they stand in the docs, its types, and what it says to those who err."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import thirtyfold
from tests.drawn import draw_photo, write_dataset
from thirtyfold import files, library
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.capture.session import capture
from thirtyfold.datasets.formats.convert_options import WRITABLE
from thirtyfold.errors import DataError, ImageError, LabelError, ModelError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.model.options import TrainOptions
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
FUNCTIONS = [name for name in thirtyfold.__all__ if name[0].islower()]


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the twelve photos of the page's shell lines in datasets/faces."""
    folder = tmp_path_factory.mktemp("captured")
    for session in range(4):
        name = f"visit{session + 1}"
        options = CaptureOptions(source=f"demo:{session}", count=3, every=1, session=name, preview=False)
        capture(Dataset(folder / "datasets" / "faces"), options)
    return folder


@pytest.fixture
def demo_photos(captured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to stand in."""
    folder = tmp_path / "here"
    shutil.copytree(captured, folder)
    monkeypatch.chdir(folder)
    return folder


def run_examples(text: str, name: str) -> doctest.TestResults:
    example = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    shown: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=shown.append)
    assert not results.failed, "".join(shown)
    return results


# An example that trains stands on the page as well, where it is run: it takes seconds.
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"train"}))
def test_the_example_of_every_function_runs(name: str, demo_photos: Path) -> None:
    assert run_examples(inspect.getdoc(getattr(library, name)) or "", name).attempted >= 2


def test_the_example_of_train_is_that_of_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(library.train) or "")
    assert len(examples) > 2
    assert [example.source for example in examples if f">>> {example.source}{example.want}" not in page] == []


@pytest.mark.slow
def test_the_examples_of_the_page_run_from_top_to_bottom(demo_photos: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 10
    assert run_examples("\n".join(blocks), "docs/python.md").attempted > 30


def test_the_shell_lines_of_the_page_take_the_photos_that_its_examples_read() -> None:
    lines = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert lines is not None
    for number, line in enumerate(lines.group(1).strip().splitlines()):
        assert line == (
            f"thirtyfold capture datasets/faces --source demo:{number} --n 3 --every 1 "
            f"--session visit{number + 1} --no-preview"
        )


def test_a_users_script_passes_mypy_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    right = """\
from pathlib import Path

import thirtyfold
from thirtyfold import Annotation, Sample, augment

samples: list[Sample] = thirtyfold.read("faces")
lost: dict[str, int] = thirtyfold.write(samples, Path("out"), format="coco", copy=True)
pixels = thirtyfold.read_pixels(samples[0])
copy, moved = augment(pixels, samples[0].annotations or (), recipe="light", seed=3)
box: tuple[float, float, float, float] = moved[0].box_xyxy
made: int = thirtyfold.augment_dataset("faces", factor=30, seed=1).copies
run: Path = thirtyfold.train("faces", backbone="tiny", epochs=3, runs=Path("runs")).run_dir
found: tuple[Annotation, ...] = thirtyfold.load(run, threshold=0.3)(pixels)
height: int = thirtyfold.draw(pixels, found).shape[0]
"""
    wrong = """\
import thirtyfold

thirtyfold.train("faces", epoch=3)
thirtyfold.train("faces", epochs="3")
thirtyfold.imread("photo.jpg")
thirtyfold.augment(b"photo.jpg")
"""
    (tmp_path / "right.py").write_text(right)
    (tmp_path / "wrong.py").write_text(wrong)
    # Its own cache: the repository's belongs to the repository's settings.
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent"]
    environment = {**os.environ, "MYPYPATH": ""}
    done = subprocess.run(
        [*mypy, "right.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    errors = re.findall(r"^(\w+)\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert [(file, line) for file, line, _ in errors] == [
        ("wrong", "3"),
        ("wrong", "4"),
        ("wrong", "5"),
        ("wrong", "6"),
    ]
    assert "epochs" in errors[0][2]


def test_a_folder_without_labels_is_read_as_unlabelled_photos(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "photos" / "one.jpg", draw_photo(1)[0])
    (sample,) = thirtyfold.read(tmp_path / "photos")
    assert sample.annotations is None
    assert (sample.width, sample.height) == (320, 240)


def test_one_photo_is_read_with_its_label_file(drawn_dataset: Path) -> None:
    photo = drawn_dataset / "images" / "0003.jpg"
    (sample,) = thirtyfold.read(photo)
    assert sample.annotations == tuple(draw_photo(3)[1])
    photo.with_suffix(".json").unlink()
    assert thirtyfold.read(photo)[0].annotations is None


def test_sessions_parts_and_verified_empty_photos_come_along(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=4, per_session=2, empty_every=4)
    thirtyfold.augment_dataset(root, factor=1, workers=1)
    samples = thirtyfold.read(root)
    assert len(samples) == 8  # and not one of the copies
    assert {sample.session for sample in samples} == {"s0", "s1", "s2", "s3"}
    assert {sample.split for sample in samples} == {"train", "val", "test"}
    assert [sample.annotations == () for sample in samples] == [False, False, False, True] * 2


@pytest.mark.parametrize("format_", sorted(set(WRITABLE) - {"folders", "masks"}))
def test_boxes_survive_every_format_that_has_boxes(format_: str, drawn_dataset: Path, tmp_path: Path) -> None:
    samples = thirtyfold.read(drawn_dataset)
    lost = thirtyfold.write(samples, tmp_path / "out", format=format_)
    assert lost == ({"session": 20} if format_ in ("yolo", "voc") else {})
    back = thirtyfold.read(tmp_path / "out")
    assert len(back) == 20
    for before, after in zip(samples, back, strict=True):
        assert before.image_path.read_bytes() == after.image_path.read_bytes()
        assert after.annotations is not None
        assert after.annotations[0].box_xyxy == pytest.approx((before.annotations or ())[0].box_xyxy, abs=0.01)


def test_what_cannot_be_carried_is_said(tmp_path: Path) -> None:
    photo = tmp_path / "photos" / "one.jpg"
    write_jpeg(photo, draw_photo(1)[0])
    line = Annotation(label="edge", points=((1.0, 1.0), (50.0, 50.0)), kind="line")
    sample = thirtyfold.Sample(image_path=photo, width=320, height=240, annotations=(line,))
    assert thirtyfold.write([sample], tmp_path / "coco", format="coco") == {"open_shape": 1}


def test_photos_are_copied_where_that_is_asked_for(drawn_dataset: Path, tmp_path: Path) -> None:
    samples = thirtyfold.read(drawn_dataset)[:1]
    for copy, links in ((True, 1), (False, 2)):
        thirtyfold.write(samples, tmp_path / str(copy), copy=copy)
        photo = tmp_path / str(copy) / "images" / "0001.jpg"
        assert photo.stat().st_nlink == links or photo.is_symlink()


def test_nothing_is_written_where_something_is_wrong(drawn_dataset: Path, tmp_path: Path) -> None:
    samples = thirtyfold.read(drawn_dataset)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        thirtyfold.write(samples, tmp_path / "full")
    with pytest.raises(UsageError, match="lies inside"):
        thirtyfold.write(samples, drawn_dataset / "images" / "out")
    with pytest.raises(UsageError, match="one of labelme"):
        thirtyfold.write(samples, tmp_path / "out", format="crayon")
    with pytest.raises(DataError, match="no photo"):
        thirtyfold.write([], tmp_path / "out")
    with pytest.raises(ImageError, match=r"is 320x240, but its sample says 640x240"):
        thirtyfold.write([replace(samples[0], width=640)], tmp_path / "out")
    samples[0].image_path.unlink()
    with pytest.raises(ImageError, match="no such file"):
        thirtyfold.write(samples, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "full"], "something was left behind"


def test_a_broken_file_is_named_and_not_left_out(drawn_dataset: Path) -> None:
    (drawn_dataset / "images" / "0004.json").write_text('{"shapes": [')
    with pytest.raises(LabelError, match=r"0004\.json"):
        thirtyfold.read(drawn_dataset)


def test_a_photo_inside_of_its_label_file_is_no_file_to_read(tmp_path: Path) -> None:
    import base64

    from thirtyfold.images import encode_jpeg

    text = base64.b64encode(encode_jpeg(draw_photo(1)[0])).decode()
    raw = {"shapes": [], "imagePath": "a.jpg", "imageData": text, "imageWidth": 320, "imageHeight": 240}
    files.write_text(tmp_path / "a.json", json.dumps(raw))
    with pytest.raises(LabelError, match="thirtyfold convert"):
        thirtyfold.read(tmp_path)


def test_errors_of_read_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such dataset"):
        thirtyfold.read(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="one of labelme, coco"):
        thirtyfold.read(tmp_path, format="crayon")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="not a picture"):
        thirtyfold.read(tmp_path / "bad.jpg")


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8, 3)),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        "x",
    ],
    ids=["floats", "grey", "four channels", "empty", "text"],
)
def test_what_is_no_rgb_picture_is_refused(pixels: object) -> None:
    for call in (thirtyfold.augment, thirtyfold.draw):
        with pytest.raises(UsageError, match="RGB picture, uint8"):
            call(pixels, [])  # type: ignore[operator]


def test_augment_leaves_what_it_was_given_and_depends_on_the_seed_alone() -> None:
    pixels, annotations = draw_photo(5)
    before = pixels.copy()
    one, shapes = thirtyfold.augment(pixels, annotations, seed=1)
    two, _ = thirtyfold.augment(pixels, annotations, seed=2)
    again, same_shapes = thirtyfold.augment(pixels, annotations, seed=1)
    assert np.array_equal(pixels, before)
    assert np.array_equal(one, again)
    assert shapes == same_shapes
    assert one.shape != two.shape or not np.array_equal(one, two)
    with pytest.raises(UsageError, match="webcam"):
        thirtyfold.augment(pixels, annotations, recipe="nothing")


def test_an_option_that_cannot_be_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--size 100"):
        thirtyfold.train(tmp_path, size=100)
    with pytest.raises(TypeError, match="epoch"):
        thirtyfold.train(tmp_path, epoch=3)  # type: ignore[call-arg]
    with pytest.raises(ModelError, match="no trained model"):
        thirtyfold.load(runs=tmp_path)


def test_every_option_of_the_commands_is_a_keyword() -> None:
    keywords = inspect.signature(thirtyfold.train).parameters
    assert set(TrainOptions.__dataclass_fields__) == set(keywords) - {"folder", "runs", "progress"}
    assert all(keywords[name].default == field.default for name, field in TrainOptions.__dataclass_fields__.items())
