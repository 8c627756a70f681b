"""How forms are compared, and which of them runs; on figures and models made up for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.drawn import write_dataset
from thirtyfold.datasets.samples import read_samples
from thirtyfold.images import Pixels
from thirtyfold.model.export.agreement import Comparison, FormFigures, choose_form, compare
from thirtyfold.model.export.made import Made, spread
from thirtyfold.model.export.write import disagreements
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import Array
from thirtyfold.predict.forms import KERAS, LITERT, LITERT_INT8, ONNX
from thirtyfold.workspace import Dataset

SIZE = 64
ARTIFACT = Artifact(
    task="detect", classes=("face",), size=SIZE, decoder="dense", decoder_options={"boxes": "one"}, forms={}
)


def figures(*, ms: float = 4.0, mean_iou: float | None = 0.8, largest: float = 0.0) -> FormFigures:
    return FormFigures(
        ms=ms,
        mean_iou=mean_iou,
        largest_score_difference=0.0,
        largest_box_difference_px=largest,
        mean_box_difference_px=0.0,
        largest_box_difference_at_640=largest,
        mean_box_difference_at_640=0.0,
        largest_shown_difference_at_640=0.0,
        shown_by_one=0,
    )


@pytest.mark.parametrize(
    ("int8", "expected"),
    [
        (figures(ms=2.0, mean_iou=0.7951), LITERT_INT8),
        (figures(ms=2.0, mean_iou=0.85), LITERT_INT8),
        (figures(ms=2.0, mean_iou=0.7949), LITERT),
        (figures(ms=3.9, mean_iou=0.8), LITERT),
        (figures(ms=5.0, mean_iou=0.8), LITERT),
        (None, LITERT),
    ],
)
def test_int8_runs_only_where_it_loses_next_to_nothing_and_is_faster(int8: FormFigures | None, expected: str) -> None:
    forms = {LITERT: figures(), LITERT_INT8: int8} if int8 else {LITERT: figures()}
    assert choose_form(forms, chosen_on_val=True)[0] == expected


def test_nothing_is_chosen_by_photos_that_were_trained_on_or_hold_no_object() -> None:
    fast = {LITERT: figures(), LITERT_INT8: figures(ms=1.0)}
    assert choose_form(fast, chosen_on_val=False)[0] == LITERT
    empty = {LITERT: figures(mean_iou=None), LITERT_INT8: figures(ms=1.0, mean_iou=None)}
    assert choose_form(empty, chosen_on_val=True)[0] == LITERT
    blind = {LITERT: figures(mean_iou=0.0), LITERT_INT8: figures(ms=1.0, mean_iou=0.0)}
    assert choose_form(blind, chosen_on_val=True)[0] == LITERT


def outputs(shift: float = 0.0, score: float = 0.9) -> dict[str, Array]:
    """One sure cell whose box is shifted, and background whose boxes are anywhere."""
    scores = np.full((1, 8, 8, 1), 0.001, np.float32)
    scores[0, 3, 3, 0] = score
    boxes = np.random.default_rng(int(shift * 1e6)).random((1, 8, 8, 4)).astype(np.float32)
    boxes[0, 3, 3] = np.array([0.3, 0.3, 0.5, 0.6], np.float32) + np.float32(shift)
    return {"scores": scores, "boxes": boxes}


def test_the_difference_is_that_of_sure_boxes_in_pixels_of_the_square_and_of_640(tmp_path: Path) -> None:
    samples = read_samples(Dataset(write_dataset(tmp_path / "faces", sessions=1, per_session=3)))
    seen: list[Pixels] = []

    def exact(square: Pixels) -> dict[str, Array]:
        seen.append(square)
        return outputs()

    shift = 1 / 64
    compared = compare({KERAS: exact, LITERT: lambda _: outputs(shift, 0.8)}, ARTIFACT, samples)
    assert all(square.shape == (SIZE, SIZE, 3) and square.dtype == np.uint8 for square in seen)
    assert compared.photos == 3
    far = compared.figures[LITERT]
    assert far.largest_box_difference_px == pytest.approx(1.0, abs=1e-4)
    assert far.mean_box_difference_px == pytest.approx(1.0, abs=1e-4)
    assert far.largest_box_difference_at_640 == pytest.approx(10.0, abs=1e-3)
    assert far.largest_shown_difference_at_640 == pytest.approx(10.0, abs=0.01)
    assert far.largest_score_difference == pytest.approx(0.1, abs=1e-6)
    assert far.shown_by_one == 0
    assert not far.agrees
    assert compared.figures[KERAS].agrees
    assert far.ms > 0


def test_a_box_that_only_one_of_them_shows_is_counted(tmp_path: Path) -> None:
    samples = read_samples(Dataset(write_dataset(tmp_path / "faces", sessions=1, per_session=3)))
    compared = compare({KERAS: lambda _: outputs(), LITERT: lambda _: outputs(score=0.02)}, ARTIFACT, samples)
    assert compared.figures[LITERT].shown_by_one == 3


def test_without_any_photo_the_forms_are_compared_on_noise() -> None:
    compared = compare({KERAS: lambda _: outputs(), LITERT: lambda _: outputs(0.25)}, ARTIFACT, [])
    assert compared.photos == 0
    assert compared.figures[LITERT].largest_box_difference_px == pytest.approx(16.0, abs=1e-3)
    assert compared.figures[LITERT].mean_iou is None


def test_a_float_form_that_disagrees_is_named_and_int8_may(tmp_path: Path) -> None:
    def form(numbers: str) -> Made:
        return Made(data=b"", numbers=numbers, run=lambda _: outputs())

    made = {KERAS: form("float32"), LITERT: form("float32"), ONNX: form("float32"), LITERT_INT8: form("int8")}
    compared = Comparison(
        photos=1,
        threshold=0.5,
        figures={
            KERAS: figures(),
            LITERT: figures(largest=0.9),
            ONNX: figures(largest=1.1),
            LITERT_INT8: figures(largest=9),
        },
    )
    (sentence,) = disagreements(compared, made)
    assert sentence.startswith("model.onnx: differs from Keras by more than rounding (boxes at most 1.1 px")


@pytest.mark.parametrize(("count", "expected"), [(3, [0, 3, 6]), (10, list(range(10))), (20, list(range(10)))])
def test_photos_are_chosen_evenly_from_first_to_last(count: int, expected: list[int]) -> None:
    assert spread(range(10), count) == expected  # type: ignore[arg-type, comparison-overlap]
