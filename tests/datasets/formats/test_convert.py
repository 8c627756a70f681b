from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.formats.label_samples import box, entry, polygon, run, tree_bytes, write_as, write_photo
from thirtyfold import cli
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.convert_options import READABLE, WRITABLE, ConvertOptions
from thirtyfold.datasets.formats.label_set import Entry
from thirtyfold.datasets.formats.losses import ALLOWED, REASONS, Losses
from thirtyfold.datasets.formats.table import FORMATS
from thirtyfold.errors import DataError, LabelError, UsageError
from thirtyfold.sample import Annotation

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"


@pytest.fixture
def labelme_folder(tmp_path: Path) -> Path:
    """Three photos in parts: a box, an outline with a flag, nobody has looked."""
    entries = [
        entry(write_photo(tmp_path / "p/a.jpg", seed=1), [box("face", 1.5, 1, 13, 13)], split="train"),
        entry(
            write_photo(tmp_path / "p/b.jpg", seed=2),
            [polygon("hand", (2, 2), (20, 2), (9, 19))],
            split="val",
            tags=("day",),
        ),
        entry(write_photo(tmp_path / "p/c.jpg", seed=3), None, split="test"),
    ]
    write_as("labelme", entries, tmp_path / "in")
    return tmp_path / "in"


@pytest.mark.parametrize("to", [name for name in WRITABLE if name != "folders"])
def test_each_format_is_recognized_after_it_was_written(labelme_folder: Path, tmp_path: Path, to: str) -> None:
    run(labelme_folder, tmp_path / "out", to)
    assert run(tmp_path / "out", tmp_path / "again", "coco").from_ == to


@pytest.mark.parametrize("to", WRITABLE)
@pytest.mark.parametrize("copy", [True, False])
def test_twice_the_same_input_gives_the_same_bytes(labelme_folder: Path, tmp_path: Path, to: str, copy: bool) -> None:
    for name in ("one", "two"):
        run(labelme_folder, tmp_path / name, to, copy=copy)
    assert tree_bytes(tmp_path / "one") == tree_bytes(tmp_path / "two")


def test_photos_are_links_or_copies_and_always_the_same_bytes(labelme_folder: Path, tmp_path: Path) -> None:
    linked = run(labelme_folder, tmp_path / "linked", "coco")
    copied = run(labelme_folder, tmp_path / "copied", "coco", copy=True)
    source = labelme_folder / "images/a.jpg"
    assert source.samefile(tmp_path / "linked/images/a.jpg")
    assert not source.samefile(tmp_path / "copied/images/a.jpg")
    assert (tmp_path / "copied/images/a.jpg").read_bytes() == source.read_bytes()
    assert (linked.pictures, copied.pictures) == ({"hard links": 3}, {"copies": 3})


def test_what_is_lost_stands_in_the_report_by_file_and_reason(labelme_folder: Path, tmp_path: Path) -> None:
    run(labelme_folder, tmp_path / "out", "yolo")
    losses = json.loads((tmp_path / "out/conversion.json").read_text())["losses"]
    assert losses["files"] == {"a.jpg": {"box_to_polygon": 1}, "b.jpg": {"tags": 1}}
    assert losses["totals"]["tags"] == {"what": REASONS["tags"].text, "severity": "dropped", "count": 1, "files": 1}


def test_strict_refuses_losses_and_leaves_nothing_behind(labelme_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--strict: yolo .*1 × classes of the whole photo"):
        run(labelme_folder, tmp_path / "out", "yolo", strict=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "p"]
    run(labelme_folder, tmp_path / "out", "coco", strict=True)


def test_strict_does_not_mind_whole_pixels(tmp_path: Path) -> None:
    write_as("labelme", [entry(write_photo(tmp_path / "p/a.jpg"), [box("a", 1.5, 1, 4, 4)])], tmp_path / "in")
    result = run(tmp_path / "in", tmp_path / "out", "voc", strict=True)
    assert result.losses.by_file == {"a.jpg": {"pixel_grid": 1}}


def test_what_belongs_to_the_whole_dataset_is_carried_in_the_report(tmp_path: Path) -> None:
    write_photo(tmp_path / "a/one.jpg")
    licences = [{"id": 4, "name": "CC-BY"}]
    coco = {
        "info": {"year": 2024},
        "licenses": licences,
        "images": [{"id": 9, "file_name": "one.jpg", "license": 4}],
        "annotations": [{"id": 5, "image_id": 9, "category_id": 7, "bbox": [1, 1, 4, 4]}],
        "categories": [{"id": 7, "name": "face", "supercategory": "body"}],
    }
    (tmp_path / "a/c.json").write_text(json.dumps(coco))
    for source, target, to in (("a", "b", "voc"), ("b", "c", "labelme"), ("c", "d", "coco")):
        run(tmp_path / source, tmp_path / target, to)
    found = json.loads((tmp_path / "d/annotations/instances.json").read_text())
    assert (found["licenses"], found["info"], found["categories"]) == (licences, {"year": 2024}, coco["categories"])


@pytest.mark.parametrize(
    "carried", ["[" * 100_000, '{"carried": {"coco": [1]}}', '{"carried": {"coco": {"categories": [5, {"id": "x"}]}}}']
)
def test_a_report_that_somebody_else_wrote_is_no_reason_to_stop(
    labelme_folder: Path, tmp_path: Path, carried: str
) -> None:
    (labelme_folder / "conversion.json").write_text(carried)
    assert run(labelme_folder, tmp_path / "out", "coco").photos == 3


def test_keys_nested_thousands_of_levels_deep_are_counted_or_named(tmp_path: Path) -> None:
    nested: dict[str, object] = {}
    for _ in range(2000):
        nested = {"a": nested}
    shape = replace(box("face", 1, 1, 13, 13), extra={"mine": nested})
    photo = entry(write_photo(tmp_path / "p/a.jpg"), [shape])
    assert write_as("yolo", [photo], tmp_path / "yolo").by_file == {}
    with pytest.raises(DataError, match=r"a\.json: cannot be written, as some of its keys are nested too deeply"):
        write_as("labelme", [photo], tmp_path / "labelme")


def test_a_target_that_holds_something_or_lies_in_the_source_is_refused(labelme_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        run(labelme_folder, tmp_path / "full", "coco")
    with pytest.raises(UsageError, match="lies inside"):
        run(labelme_folder, labelme_folder / "images" / "coco", "coco")
    (tmp_path / "empty").mkdir()
    run(labelme_folder, tmp_path / "empty", "coco")


def test_a_folder_that_could_be_two_formats_is_not_guessed(labelme_folder: Path, tmp_path: Path) -> None:
    (labelme_folder / "images/a.xml").write_text("<annotation></annotation>")
    with pytest.raises(UsageError, match=r"could be labelme \(.*\); voc \(.*--from labelme\|voc"):
        run(labelme_folder, tmp_path / "out", "coco")
    assert run(labelme_folder, tmp_path / "out", "coco", from_="labelme").photos == 3


def test_nothing_known_in_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "a", tmp_path / "missing"):
        with pytest.raises(UsageError):
            run(path, tmp_path / "b", "coco")


def test_photos_that_share_a_name_get_names_of_their_own_and_keep_their_labels(tmp_path: Path) -> None:
    for folder, left in (("train", 0.25), ("val", 0.75)):
        write_photo(tmp_path / "a" / folder / "images/x.jpg", seed=len(folder))
        (tmp_path / "a" / folder / "labels").mkdir()
        (tmp_path / "a" / folder / "labels/x.txt").write_text(f"0 {left} 0.5 0.1 0.1\n")
    (tmp_path / "a/data.yaml").write_text("train: train/images\nval: val/images\nnames: [a]\n")
    result = run(tmp_path / "a", tmp_path / "b", "labelme")
    assert result.losses.by_file == {"x-2.jpg": {"renamed": 1}}
    for stem, folder, left in (("x", "train", 8), ("x-2", "val", 28)):
        raw = json.loads((tmp_path / f"b/images/{stem}.json").read_text())
        assert raw["shapes"][0]["points"][0][0] == pytest.approx(left)
        assert (tmp_path / f"b/images/{stem}.jpg").read_bytes() == (
            tmp_path / "a" / folder / "images/x.jpg"
        ).read_bytes()


def test_files_that_cannot_be_read_are_named_the_rest_goes_on_and_the_command_says_so_at_the_end(
    labelme_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (labelme_folder / "images/a.json").write_text("{")
    with pytest.raises(SystemExit) as end:
        cli.main(["convert", str(labelme_folder), str(tmp_path / "out"), "--to", "coco", "--json"])
    assert end.value.code == 4
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert (result["photos"], len(result["problems"])) == (2, 1)
    assert "a.json" in output.err
    assert (tmp_path / "out/annotations/instances_val.json").is_file()


def test_the_command_says_the_format_and_shows_what_is_lost(
    labelme_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["convert", str(labelme_folder), str(tmp_path / "out"), "--to", "yolo"])
    assert end.value.code == 0
    output = capsys.readouterr()
    assert "is labelme" in output.err
    assert "What yolo cannot carry" in output.out


def test_a_label_with_a_line_break_is_refused_as_no_list_of_classes_could_hold_it(tmp_path: Path) -> None:
    write_as("coco", [entry(write_photo(tmp_path / "p/a.jpg"), [box("a\nb", 1, 1, 4, 4)])], tmp_path / "in")
    with pytest.raises(LabelError, match="line break"):
        run(tmp_path / "in", tmp_path / "out", "yolo")


def test_options_that_cannot_be_are_usage_errors() -> None:
    for options in ({"to": "imglab"}, {"to": "csv"}, {"to": "coco", "from_": "csv"}, {"to": "coco", "label": " "}):
        with pytest.raises(UsageError):
            ConvertOptions(**options)  # type: ignore[arg-type]


def test_a_writer_that_loses_what_the_table_does_not_allow_is_a_bug() -> None:
    with pytest.raises(ValueError, match="does not allow"):
        Losses("labelme").add("shapes", "a.jpg")


def test_the_tables_of_formats_options_and_docs_say_the_same() -> None:
    assert tuple(FORMATS) == READABLE
    assert tuple(name for name, row in FORMATS.items() if row.written) == WRITABLE == tuple(ALLOWED)
    assert set().union(*ALLOWED.values()) == set(REASONS)
    assert _losses_as_markdown() in DOCS.read_text(encoding="utf-8")


def _losses_as_markdown() -> str:
    """The table of the docs: what is lost (rows) into which target (columns)."""
    targets = list(ALLOWED)
    lines = [f"| what | {' | '.join(targets)} |", "|---|" + "---|" * len(targets)]
    for name, reason in REASONS.items():
        cells = [reason.severity if name in ALLOWED[target] else "" for target in targets]
        lines.append(f"| `{name}`: {reason.text} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _everything(folder: Path) -> list[Entry]:
    """Photos that hold each thing some format has no place for."""
    hole = np.zeros((30, 40), np.bool_)
    hole[22:28, 2:10] = True
    hole[24:26, 4:6] = False
    hole[29, 20:22] = True
    beyond = regions.mask_annotation("a", hole)
    shapes = [
        Annotation(label="a", kind="point", points=((1, 1),)),
        box("a", 60, 60, 70, 70),
        regions.mask_annotation("a", hole),
        replace(beyond, points=tuple((x + 90, y) for x, y in beyond.points)),
        box("a", -3, 2, 5.4, 6),
        box("b", 20.2, 20.2, 20.4, 20.4),
        polygon("b", (20.2, 20.2), (20.4, 20.2), (20.4, 20.4)),
        polygon("a", (10, 1), (18, 1), (18, 8), (10, 8), group=2),
        polygon("b", (12, 3), (15, 3), (15, 6)),
        polygon("a", (18, 1), (22, 1), (22, 8)),
        polygon(
            "c",
            *[(1, 15), (5, 15), (5, 17.1), (12, 17.1), (12, 15), (16, 15)],
            *[(16, 20), (12, 20), (12, 17.3), (5, 17.3), (5, 20), (1, 20)],
        ),
        Annotation(label="b", kind="circle", points=((30, 24), (33, 24)), score=0.5, extra={"description": "old"}),
        Annotation(label="b", points=((36, 2), (39, 5)), extra={"coco": {"iscrowd": 1}}),
        Annotation(label="b", points=((36, 12), (39, 15)), extra={"coco": {"id": 9}}),
    ]
    photo = [write_photo(folder / f"{name}.png") for name in "abc"]
    lineage = {"labelme": {"thirtyfold": {"predicted_by": "runs/1"}}}
    return [
        entry(photo[0], shapes, tags=("day", "x/y"), session="s1", machine_made=True, extra=lineage),
        entry(photo[1], [], tags=("x/y",), extra={"coco": {"id": 4}}),
        entry(photo[2], []),
    ]


@pytest.mark.parametrize("to", WRITABLE)
def test_the_table_of_losses_names_none_that_never_happens(tmp_path: Path, to: str) -> None:
    losses = write_as(to, _everything(tmp_path / "p"), tmp_path / "out", class_names=["unused"])
    never_in_a_writer = {"renamed"} if to != "folders" else set()
    assert set(losses.totals()) == ALLOWED[to] - never_in_a_writer
