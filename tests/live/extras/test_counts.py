from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.live.extras.scenes import scene, track
from thirtyfold.errors import UsageError
from thirtyfold.live.extras.counts import COLUMNS, Counts, Tally
from thirtyfold.live.extras.places import parse_places

LEFT_HALF = parse_places(("left=0,0,0.5,1",), ())
GATE = parse_places((), ("gate=100,0,100,100",))


def test_who_is_in_a_zone_is_counted_once_however_often_he_comes_and_goes() -> None:
    tally = Tally(LEFT_HALF)
    for seconds, x in enumerate([30, 150, 30, 150, 30]):
        tally.see(scene(seconds, track(1, x, 50), track(2, 60, 50, label="dog")))
    assert tally.inside["left"] == {"face": 1, "dog": 1}
    assert tally.entered["left"] == {"face": 1, "dog": 1}
    tally.see(scene(6, track(3, 20, 20)))
    assert tally.inside["left"] == {"face": 1}
    assert tally.entered["left"] == {"face": 2, "dog": 1}


def test_a_line_tells_the_directions_apart() -> None:
    tally = Tally(GATE)
    for seconds, x in enumerate([130, 115, 85, 60, 85, 115, 130]):
        tally.see(scene(seconds, track(1, x, 50), track(2, 40, 50)))
    # From the top to the bottom: the right hand points to the left of the picture.
    assert tally.forward["gate"] == {"face": 1}
    assert tally.back["gate"] == {"face": 1}


def test_one_who_stands_on_the_line_and_shakes_crosses_nothing() -> None:
    tally = Tally(GATE)
    for seconds, x in enumerate([120, 101, 99, 101, 99, 101.5, 98.5, 101]):
        tally.see(scene(seconds, track(1, x, 50)))
    assert tally.forward["gate"].total() == tally.back["gate"].total() == 0
    tally.see(scene(9, track(1, 80, 50)))
    assert (tally.forward["gate"].total(), tally.back["gate"].total()) == (1, 0)


def test_what_is_remembered_of_objects_does_not_grow() -> None:
    tally = Tally((*LEFT_HALF, *GATE))
    for number in range(2000):
        tally.see(scene(number / 2, track(number, 30, 50)))
    assert len(tally._known) < 50
    assert tally.entered["left"] == {"face": 2000}


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_every_second_has_its_line_with_the_most_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "counts.csv"
    counts = Counts(path, parse_places(("left=0,0,0.5,1",), ("gate=100,0,100,100",)))
    counts.see(scene(0.0, track(1, 30, 50)))
    counts.see(scene(0.5, track(1, 30, 50), track(2, 130, 50), track(3, 50, 50)))
    counts.see(scene(0.9, track(1, 30, 50)))
    counts.see(scene(1.1, track(2, 70, 50)))
    done = counts.close()
    assert counts.close() == done
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    zone = [row for row in rows(path) if row["place"] == "left"]
    assert [(row["seconds"], row["label"], row["objects"], row["entered"]) for row in zone] == [
        ("0", "face", "2", "2"),
        ("1", "face", "1", "3"),
    ]
    line = [row for row in rows(path) if row["place"] == "gate"]
    assert [(row["forward"], row["back"]) for row in line] == [("0", "0"), ("1", "0")]
    assert zone[0]["time"] == "2025-03-04T12:00:00+01:00"
    assert done["left"] == {"entered": {"face": 3}}
    assert done["gate"] == {"forward": {"face": 1}, "back": {}}


def test_lines_are_there_while_it_runs_and_the_next_run_adds_to_them_under_one_header(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    for run in range(2):
        counts = Counts(path, LEFT_HALF)
        counts.see(scene(0.0, track(1, 30, 50)))
        counts.see(scene(1.0, track(1, 30, 50)))
        counts._pool.submit(lambda: None).result()
        assert len(rows(path)) == 2 * run + 1
        counts.close()
    assert len(rows(path)) == 4
    assert path.read_text().count("entered") == 1


def test_another_table_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("name,age\nme,3\n")
    with pytest.raises(UsageError, match="another table"):
        Counts(path, LEFT_HALF)
    assert path.read_text() == "name,age\nme,3\n"


def test_a_label_that_a_spreadsheet_would_run_becomes_plain_text(tmp_path: Path) -> None:
    counts = Counts(tmp_path / "counts.csv", LEFT_HALF)
    counts.see(scene(0.0, track(1, 30, 50, label='=cmd|"/c calc",x')))
    counts.close()
    assert rows(tmp_path / "counts.csv")[0]["label"] == '\'=cmd|"/c calc",x'
