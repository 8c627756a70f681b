from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import looked_at, marked
from thirtyfold.datasets.seal import CONFIRMED, DRAWN, has_seal, is_unbroken, sealed
from thirtyfold.sample import Annotation

BOX = Annotation.from_box("face", (10, 20, 60, 80), score=0.9)
FILE = LabelFile(image_path="a.jpg", width=320, height=240, annotations=(BOX,), extra={"mine": [1]})


def test_a_seal_holds_through_a_file_and_breaks_with_any_shape_or_flag(tmp_path: Path) -> None:
    labelme_json.write(tmp_path / "a.json", sealed(FILE, DRAWN))
    read = labelme_json.read(tmp_path / "a.json")
    assert is_unbroken(read, DRAWN)
    assert not is_unbroken(read, CONFIRMED)
    assert read.extra["mine"] == [1]
    moved = replace(BOX, points=((11.0, 20.0), (60.0, 80.0)))
    for changed in (
        replace(read, annotations=()),
        replace(read, annotations=(moved,)),
        replace(read, annotations=(replace(BOX, label="hand"),)),
        replace(read, annotations=(BOX, moved)),
        replace(read, flags={"blurred": True}),
    ):
        assert has_seal(changed, DRAWN)
        assert not is_unbroken(changed, DRAWN)


def test_what_is_no_shape_does_not_break_it() -> None:
    read = sealed(FILE, DRAWN)
    for same in (
        replace(read, version="6.3.1", flags={"blurred": False}),
        replace(read, annotations=(replace(BOX, score=None),)),
    ):
        assert is_unbroken(same, DRAWN)


def test_foreign_content_in_our_place_is_no_seal() -> None:
    for lineage in ("drawn", ["drawn"], None, {"parent": "a.jpg"}):
        assert not has_seal(replace(FILE, extra={"thirtyfold": lineage}), DRAWN)
    assert is_unbroken(sealed(replace(FILE, extra={"thirtyfold": "mine"}), DRAWN), DRAWN)


def test_half_a_character_in_a_label_can_be_sealed() -> None:
    half = replace(FILE, annotations=(replace(BOX, label=json.loads('"\\udc80"')),))
    assert is_unbroken(sealed(half, DRAWN), DRAWN)


def test_labels_that_a_person_settled_lose_the_seal_of_the_machine() -> None:
    assert looked_at(sealed(marked(FILE, predicted_by="haar"), DRAWN)).extra == {"mine": [1]}
