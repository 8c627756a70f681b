from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.cli import main
from thirtyfold.images import Pixels, read_rgb, write_jpeg
from thirtyfold.predict.chain import (
    Chain,
    DetectorAsSecond,
    Verdict,
    caption,
    crop,
    full_label,
    in_its_colour,
    verdict_of,
    without_verdict,
)
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
