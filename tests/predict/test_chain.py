from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo
from tests.masked import WITH, WITHOUT, draw_mask, draw_masked, write_tiny_classifier
from thirtyfold.cli import main
from thirtyfold.errors import ModelError
from thirtyfold.images import Pixels, read_rgb, write_jpeg
from thirtyfold.predict.chain import (
    MARGIN_SHARE,
    Chain,
    DetectorAsSecond,
    Verdict,
    all_labels,
    caption,
    crop,
    full_label,
    in_its_colour,
    verdict_of,
    without_verdict,
)
from thirtyfold.predict.detectors import open_detector
from thirtyfold.predict.label_colors import BAD, GOOD
from thirtyfold.predict.recognizer import find_second
from thirtyfold.predict.runtime import load
from thirtyfold.sample import Annotation


class Finder:
    """Finds what it is told, from the threshold on."""

    classes = ("face",)
    threshold = 0.5
    model_ms = 1.0

    def __init__(self, found: Sequence[Annotation]) -> None:
        self.found = list(found)

    def __call__(self, pixels: Pixels, *, threshold: float | None = None) -> tuple[Annotation, ...]:
        lowest = self.threshold if threshold is None else threshold
        return tuple(one for one in self.found if (one.score or 0) >= lowest)


class Brightness:
    """Calls a cut-out by its brightness; knows nothing of black."""

    classes = ("light", "dark")
    margin_share = 0.25

    def __init__(self) -> None:
        self.looked_at: list[int] = []

    def judge(self, crops: Sequence[Pixels]) -> Sequence[Verdict | None]:
        means = [int(one.mean()) for one in crops]
        self.looked_at += means
        return [Verdict(label="light" if m > 127 else "dark", score=m / 255) if m else None for m in means]


def box(left: float, *, score: float = 0.9) -> Annotation:
    return Annotation.from_box("face", (left, 20, left + 20, 60), score=score)


def striped(*levels: int) -> Pixels:
    """A picture of columns, 100 pixels each."""
    return np.concatenate([np.full((80, 100, 3), level, np.uint8) for level in levels], axis=1)


def test_each_object_gets_what_the_second_model_says_of_its_own_part_of_the_picture() -> None:
    chain = Chain(Finder([box(40), box(140), box(240)]), Brightness(), remember=False)
    found = chain(striped(200, 50, 0))
    assert [verdict_of(one) for one in found] == [
        Verdict(label="light", score=200 / 255),
        Verdict(label="dark", score=50 / 255),
        None,
    ]
    assert [full_label(one) for one in found] == ["face: light", "face: dark", "face"]
    assert [one.box_xyxy for one in found] == [box(left).box_xyxy for left in (40, 140, 240)]
    assert (chain.classes, chain.threshold) == (("face",), 0.5)
    assert chain.model_ms >= 1.0


def test_captions_colours_and_label_files() -> None:
    (judged,) = Chain(Finder([box(40)]), Brightness(), remember=False)(striped(200))
    assert caption(judged) == "light 78%"
    assert caption(judged, number=2) == "light #2 78%"
    assert caption(box(40), number=2) == "face #2 90%"
    assert in_its_colour(judged).label == "light"
    assert without_verdict(judged) == box(40)


def test_what_lies_below_the_threshold_is_passed_on_and_not_looked_at() -> None:
    second = Brightness()
    chain = Chain(Finder([box(40), box(140, score=0.2)]), second, remember=False)
    found = chain(striped(200, 50), threshold=0.05)
    assert [full_label(one) for one in found] == ["face: light", "face"]
    chain.threshold = 0.1
    assert [full_label(one) for one in chain(striped(200, 50), threshold=0.05)] == ["face: light", "face: dark"]


def test_with_a_limit_the_new_ones_come_first_and_then_the_one_that_waited_longest() -> None:
    second = Brightness()
    finder = Finder([box(40), box(140), box(240)])
    chain = Chain(finder, second, remember=True, limit=1)
    pictures = striped(200, 50, 100)
    assert [full_label(one) for one in chain(pictures)] == ["face: light", "face", "face"]
    assert [full_label(one) for one in chain(pictures)] == ["face: light", "face: dark", "face"]
    finder.found.append(box(340))
    assert second.looked_at == [200, 50]
    pictures = striped(200, 50, 100, 150)
    chain(pictures)
    chain(pictures)
    assert sorted(second.looked_at[2:]) == [100, 150]
    chain(pictures)
    assert second.looked_at[4:] == [200], "all have been seen; this one's verdict is the oldest"
    assert [full_label(one) for one in chain(pictures)] == ["face: light", "face: dark", "face: dark", "face: light"]


def test_an_object_that_moves_keeps_its_verdict_and_another_in_its_place_gets_a_new_one() -> None:
    second = Brightness()
    finder = Finder([box(40), box(240)])
    chain = Chain(finder, second, remember=True, limit=1)
    chain(striped(200, 50, 100))
    finder.found = [box(44), box(240)]
    assert [full_label(one) for one in chain(striped(200, 50, 100))] == ["face: light", "face: dark"]
    finder.found = [box(140)]
    assert [full_label(one) for one in chain(striped(200, 50, 100))] == ["face: dark"]


def test_a_cut_out_has_a_margin_and_stays_inside_the_picture() -> None:
    pixels = np.arange(80 * 100 * 3, dtype=np.uint32).reshape(80, 100, 3).astype(np.uint8)
    assert np.array_equal(crop(pixels, (40, 20, 60, 60), margin_share=0.25), pixels[10:70, 35:65])
    assert crop(pixels, (-30, -30, 20, 20)).shape == (32, 32, 3)
    assert crop(pixels, (200, 20, 220, 60)).size == 0
    cut = crop(pixels, (40, 20, 60, 60))
    cut[:] = 0
    assert pixels.any()


def test_an_object_too_small_to_show_anything_gets_no_verdict() -> None:
    speck = Annotation.from_box("face", (40, 20, 43, 23), score=0.9)
    second = Brightness()
    (found,) = Chain(Finder([speck]), second, remember=True)(striped(200))
    assert verdict_of(found) is None
    assert second.looked_at == []


def test_any_run_of_ours_is_a_second_model(tiny_run: Path) -> None:
    pixels, (truth,) = draw_photo(3)
    chain = Chain(load(tiny_run), DetectorAsSecond(load(tiny_run)), remember=True)
    (found,) = chain(pixels)
    assert found.box_xyxy == pytest.approx(truth.box_xyxy, abs=3)
    verdict = verdict_of(found)
    assert verdict is not None
    assert verdict.label == "face"
    assert verdict.score > 0.5


def test_predict_then_prints_both_and_draws_them(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.jpg"
    write_jpeg(photo, draw_photo(3)[0])
    arguments = ["predict", str(photo), "--model", str(tiny_run), "--then", str(tiny_run)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json", "--save", str(tmp_path / "found")])
    assert ended.value.code == 0
    ((found,),) = [sample["annotations"] for sample in json.loads(capsys.readouterr().out)]
    assert found["label"] == found["then"]["label"] == "face"
    assert 0.5 < found["then"]["score"] <= 1
    assert not np.array_equal(read_rgb(tmp_path / "found" / "photo.jpg"), read_rgb(photo))
    with pytest.raises(SystemExit):
        main(arguments)
    assert "face: face" in capsys.readouterr().out


def test_a_classifier_sees_objects_with_the_margin_that_it_was_trained_with(tmp_path: Path) -> None:
    sizes: list[tuple[int, ...]] = []

    class Watching(DetectorAsSecond):
        def judge(self, crops: Sequence[Pixels]) -> Sequence[Verdict | None]:
            sizes.extend(crop.shape[:2] for crop in crops)
            return super().judge(crops)

    for number, margin in enumerate((0.0, 0.5, None)):
        second = Watching(load(write_tiny_classifier(tmp_path / str(number), margin_share=margin)))
        assert second.margin_share == (MARGIN_SHARE if margin is None else margin)
        Chain(Finder([box(40)]), second, remember=False)(striped(200))
    assert sizes == [(40, 20), (80, 40), (60, 30)]


@pytest.mark.parametrize("margin", ["0.1", -1, 7, True, [0.1]])
def test_a_margin_from_outside_that_is_none_is_refused(tmp_path: Path, margin: object) -> None:
    with pytest.raises(ModelError, match=r"margin_share .* a share between 0 and 2"):
        DetectorAsSecond(load(write_tiny_classifier(tmp_path / "run", margin_share=margin)))


def test_masked_and_bare_faces_are_told_apart(tiny_run: Path, masks_run: Path) -> None:
    chain = Chain(load(tiny_run), DetectorAsSecond(load(masks_run)), remember=False)
    assert all_labels(chain) == ("face", WITH, WITHOUT)
    for seed in (1, 2, 3):
        for masked in (True, False):
            pixels, truth = draw_masked(seed, masked=masked)
            (found,) = chain(pixels)
            verdict = verdict_of(found)
            assert verdict is not None
            assert (verdict.label, verdict.score > 0.9) == (truth.label, True)


def test_a_picture_of_4000_pixels_is_searched_small_and_judged_and_boxed_at_full_size(masks_run: Path) -> None:
    from skimage import data

    scale = 4000 / 512
    large = cv2.resize(np.ascontiguousarray(data.astronaut()), (4000, 4000), interpolation=cv2.INTER_CUBIC)
    chain = Chain(open_detector("haar"), DetectorAsSecond(load(masks_run)), remember=False)
    bare = chain(large)[0]
    left, top, right, bottom = bare.box_xyxy
    assert left / scale == pytest.approx(175, abs=15)
    assert right / scale == pytest.approx(275, abs=15)
    assert full_label(bare) == "face: without_mask"
    # Before the chin only: the cascade was made for bare faces.
    draw_mask(large, (left, top + 0.25 * (bottom - top), right, bottom))
    finder = Finder([replace(bare, extra={})])
    masked = Chain(finder, DetectorAsSecond(load(masks_run)), remember=False)(large)[0]
    assert full_label(masked) == "face: with_mask"


def test_predict_draws_green_for_the_good_class_and_red_for_the_other(
    tiny_run: Path, masks_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def strokes(path: Path, color: tuple[int, int, int]) -> int:
        return int((np.abs(read_rgb(path).astype(int) - color).max(axis=2) < 40).sum())

    for name, masked in (("with", True), ("without", False)):
        write_jpeg(tmp_path / "in" / f"{name}.jpg", draw_masked(3, masked=masked)[0])
    arguments = ["predict", str(tmp_path / "in"), "--model", str(tiny_run), "--then", str(masks_run)]
    for folder, more in (("usual", []), ("other", ["--colors", "with_mask=white,without_mask=#00be78"])):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--save", str(tmp_path / folder), *more])
        assert ended.value.code == 0
    usual, other = tmp_path / "usual", tmp_path / "other"
    assert strokes(usual / "with.jpg", GOOD) > 300 > strokes(usual / "with.jpg", BAD)
    assert strokes(usual / "without.jpg", BAD) > 300 > strokes(usual / "without.jpg", GOOD)
    assert strokes(other / "without.jpg", GOOD) > 300 > strokes(other / "without.jpg", BAD)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([*arguments, "--colors", "with_mask"])
    assert "--colors with_mask" in capsys.readouterr().err


def test_then_takes_the_newest_classifier_of_a_dataset_by_its_name(tmp_path: Path, masks_run: Path) -> None:
    runs = tmp_path / "runs"
    for number, dataset in enumerate(("masks", "dogs", "masks", "masks"), 1):
        write_tiny_classifier(runs / "classify" / str(number), dataset=dataset)
        seconds = 1_700_000_000 + 10 * number
        os.utime(runs / "classify" / str(number) / "model.json", (seconds, seconds))
    (runs / "classify" / "4" / "model.json").write_text("{")
    (runs / "classify" / "4" / "model.tflite").unlink()
    assert find_second("masks", runs) == runs / "classify" / "3"
    assert find_second("dogs", runs) == runs / "classify" / "2"
    assert find_second("classify/1", runs) == runs / "classify" / "1"
    assert find_second(masks_run, runs) == masks_run
    with pytest.raises(
        ModelError, match=r"cats: no such run.*nor was a classifier trained on a dataset of the name cats"
    ):
        find_second("cats", runs)
