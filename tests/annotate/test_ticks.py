"""What a saved label file says about a photo that came with a model's boxes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thirtyfold.annotate.ticks import NOTHING_HERE, RIGHT_AS_IS, settled, with_ticks
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made, marked
from thirtyfold.sample import Annotation

MODELS = Annotation.from_box("face", (10, 20, 60, 80), score=0.9)
DRAWN = Annotation.from_box("face", (100, 20, 160, 80))
PREDICTED = with_ticks(
    marked(
        LabelFile(image_path="a.jpg", width=320, height=240, annotations=(MODELS,)),
        predicted_by="runs/detect/1",
    )
)
PREDICTED_EMPTY = with_ticks(replace(PREDICTED, annotations=(), flags={}))


def saved(predicted: LabelFile, *annotations: Annotation, **ticks: bool) -> LabelFile:
    """What labelme writes: its own flags and those of the file, foreign keys kept."""
    flags = {NOTHING_HERE: False} | dict(predicted.flags)
    flags |= {name.replace("_", " "): on for name, on in ticks.items()}
    return replace(predicted, annotations=annotations, flags=flags, version="6.3.1")


def test_the_ticks_are_offered_where_they_answer_a_question() -> None:
    assert PREDICTED.flags == {RIGHT_AS_IS: False}
    assert PREDICTED_EMPTY.flags == {}  # a model's "nothing" must not look like a person's
    person = LabelFile(image_path="a.jpg", width=320, height=240, flags={"blurred": True})
    assert with_ticks(person).flags == {"blurred": True, NOTHING_HERE: True}
    assert with_ticks(replace(person, annotations=(DRAWN,))).flags == {"blurred": True}


def test_boxes_ticked_as_right_become_truth() -> None:
    result = settled(saved(PREDICTED, MODELS, right_as_it_is=True), PREDICTED)
    assert not is_machine_made(result)
    assert result.annotations == (replace(MODELS, score=None),)
    assert result.flags == {}


@pytest.mark.parametrize(
    "shapes",
    [
        (replace(MODELS, points=((11.0, 20.0), (60.0, 80.0))),),
        (replace(MODELS, label="hand"),),
        (MODELS, DRAWN),
        (DRAWN,),
        (),
    ],
    ids=["moved", "renamed", "one more", "drawn anew", "deleted"],
)
def test_whatever_a_person_changed_is_truth(shapes: tuple[Annotation, ...]) -> None:
    result = settled(saved(PREDICTED, *shapes), PREDICTED)
    assert not is_machine_made(result)
    assert result.annotations == tuple(replace(shape, score=None) for shape in shapes)


def test_a_tick_of_the_persons_own_is_a_change_too() -> None:
    result = settled(saved(PREDICTED, MODELS, blurred=True), PREDICTED)
    assert not is_machine_made(result)
    assert result.tags == ("blurred",)


def test_nothing_here_on_a_models_box_takes_the_box_away() -> None:
    result = settled(saved(PREDICTED, MODELS, nothing_here=True), PREDICTED)
    assert not is_machine_made(result)
    assert (result.annotations, result.flags) == ((), {})


def test_a_frame_that_the_model_found_nothing_in_is_settled_by_the_same_tick() -> None:
    result = settled(saved(PREDICTED_EMPTY, nothing_here=True), PREDICTED_EMPTY)
    assert not is_machine_made(result)
    assert result.annotations == ()


@pytest.mark.parametrize(
    "written",
    [saved(PREDICTED, MODELS), saved(PREDICTED, MODELS, nothing_here=True, right_as_it_is=True)],
    ids=["a change undone", "ticks that contradict each other"],
)
def test_as_long_as_nobody_has_said_anything_the_models_labels_stay_marked(written: LabelFile) -> None:
    result = settled(written, PREDICTED)
    assert is_machine_made(result)
    assert result.annotations == (MODELS,)
    assert result.flags == {}
    assert is_machine_made(settled(saved(PREDICTED_EMPTY), PREDICTED_EMPTY))
