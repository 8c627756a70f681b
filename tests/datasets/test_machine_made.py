from __future__ import annotations

import json
from pathlib import Path

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import has_machine_made_labels, is_machine_made, looked_at, marked
from thirtyfold.sample import Annotation

BOX = Annotation.from_box("face", (10, 20, 60, 80), score=0.9)
FILE = LabelFile(image_path="a.jpg", width=320, height=240, annotations=(BOX,), extra={"mine": [1]})


def test_the_mark_survives_a_write_and_stands_where_other_programs_leave_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    labelme_json.write(path, FILE)
    assert not has_machine_made_labels(path)
    labelme_json.write(path, marked(FILE, predicted_by="runs/detect/3", source="camera 0"))
    assert has_machine_made_labels(path)
    raw = json.loads(path.read_text())
    assert raw["thirtyfold"] == {"predicted_by": "runs/detect/3", "source": "camera 0"}
    assert raw["mine"] == [1]


def test_what_was_looked_at_has_no_mark_and_no_score_and_keeps_everything_else() -> None:
    seen = looked_at(marked(FILE, predicted_by="runs/detect/3", source="camera 0"))
    assert not is_machine_made(seen)
    assert [annotation.score for annotation in seen.annotations] == [None]
    assert seen.annotations[0].points == BOX.points
    assert seen.extra == {"mine": [1], "thirtyfold": {"source": "camera 0"}}
    assert looked_at(marked(FILE, predicted_by="runs/detect/3")).extra == {"mine": [1]}


def test_scores_that_another_program_wrote_are_not_ours_to_remove() -> None:
    assert looked_at(FILE) == FILE


def test_copies_foreign_keys_and_broken_files_are_not_machine_made(tmp_path: Path) -> None:
    for lineage in ({"parent": "a.jpg", "copy": 1}, "predicted_by", ["predicted_by"], None):
        assert not is_machine_made(LabelFile(image_path="a.jpg", width=1, height=1, extra={"thirtyfold": lineage}))
    (tmp_path / "broken.json").write_text('{"thirtyfold": {"predicted_by"')
    assert not has_machine_made_labels(tmp_path / "broken.json")
    assert not has_machine_made_labels(tmp_path / "missing.json")
