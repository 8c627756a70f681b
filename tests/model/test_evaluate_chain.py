from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.guessing import write_guessing_run
from tests.masked import WITH, WITHOUT, write_masked_dataset, write_tiny_classifier
from tests.tiny_model import write_tiny_run
from thirtyfold import files
from thirtyfold.cli import main
from thirtyfold.errors import UsageError
from thirtyfold.model.evaluate_chain import LABELLED, evaluate_chain
from thirtyfold.model.evaluate_options import EvaluateOptions


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    write_tiny_run(runs / "detect" / "1")
    write_tiny_classifier(runs / "classify" / "1")
    return runs


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Four faces with and without a mask, as somebody else called them; the fourth is badly worn."""
    dataset = write_masked_dataset(tmp_path / "street")
    for label, name in zip(sorted(dataset.rglob("*.json")), ("con", "sin", "con", "mal"), strict=True):
        content = json.loads(label.read_text())
        content["shapes"][0]["label"] = name
        files.write_json(label, content)
    return dataset


def options(street: Path, **more: Any) -> EvaluateOptions:
    given: dict[str, Any] = {"run": "masks", "dataset": street, "chain": ("detect/1", "haar")}
    return EvaluateOptions(**(given | {"map": {"con": WITH, "sin": WITHOUT, "mal": None}} | more))


def test_the_command_shows_finders_side_by_side_and_writes_a_report_with_pictures(
    runs: Path, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = "con=with_mask, sin=without_mask, mal="
    arguments = ["evaluate", "masks", "--chain", "detect/1,haar", "--dataset", str(street), "--map", labels]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--runs", str(runs), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert ended.value.code == 0, (said.err, said.out)
    told = " ".join(said.out.split())
    for expected in (
        "classify/1 behind finders: 3 objects on 4 photos of street",
        "Left out: mal; neither found nor missed counts.",
        "Taken for classes: con is with_mask, sin is without_mask.",
        "67% of the objects are with_mask",
        "report:",
    ):
        assert expected in told
    result = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert [finder["name"] for finder in result["finders"]] == ["detect/1", "haar", LABELLED]
    ours, haar, labelled = result["finders"]
    assert (ours["found"], ours["judged_right"], ours["right"], ours["false_boxes"]) == (1.0, 1.0, 1.0, 0)
    assert ours["left_out"] == {"mal": {"objects": 1, "without_mask": 1}}
    assert (labelled["found"], labelled["judged_right"]) == (1.0, 1.0)
    # Viola and Jones know few drawn discs for faces: whatever is wrong is the finder's.
    assert haar["objects_found"] < 3
    assert sum(row[-1] for row in haar["confusion"]["counts"]) == 3 - haar["objects_found"]
    assert result["margin_share"] == 0.05
    page = (tmp_path / "out" / "report.html").read_text()
    for expected in ("Finders side by side", "haar: the photos with the most errors", "64 px and more", "not found"):
        assert expected in page
    assert {path.name for path in (tmp_path / "out" / "plots").iterdir()} == {"fates.png", "worst-2.png"}


def test_one_label_mapped_to_the_other_class_is_judged_wrong_and_not_missed(
    runs: Path, street: Path, tmp_path: Path
) -> None:
    wrong = {"con": WITHOUT, "sin": WITHOUT, "mal": WITHOUT}
    result = evaluate_chain(options(street, chain=("detect/1",), map=wrong, out=tmp_path / "out"), runs_dir=runs)
    figures = result.findings[0].figures
    assert (figures["found"], figures["judged_right"]) == (1.0, 0.5)
    assert figures["classes"][WITH]["objects"] == 0
    assert result.findings[0].photos[0].fates[0].verdict is not None
    assert "worst-1.png" in {path.name for path in (tmp_path / "out" / "plots").iterdir()}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"map": {"con": WITH, "sin": WITHOUT}}, "labels mal are none of .* or leave them out, with --map mal="),
        ({"map": {"con": "mask"}}, "con=mask: the classifier knows with_mask, without_mask"),
        ({"map": {"kon": WITH}}, "kon=…: no photo has that label; there are con, mal, sin"),
        ({"map": {"con": None, "sin": None, "mal": None}}, "leaves out every label"),
        ({"run": "detect/1"}, "is of --task detect, and a classifier was expected"),
        ({"chain": ("haar", "haar")}, "named twice"),
        ({"dataset": None}, "give them by --dataset"),
        ({"against": ("detect/1",)}, "stands alone"),
        ({"chain": ()}, "give the first, by --chain"),
    ],
)
def test_what_cannot_be_judged_is_said_and_nothing_is_written(
    runs: Path, street: Path, tmp_path: Path, more: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        evaluate_chain(options(street, **({"out": tmp_path / "out"} | more)), runs_dir=runs)
    assert not (tmp_path / "out").exists()


def test_a_photo_that_cannot_be_read_is_named_on_the_page(runs: Path, street: Path, tmp_path: Path) -> None:
    torn = min((street / "images").glob("*.png"))
    torn.write_bytes(torn.read_bytes()[:300])
    result = evaluate_chain(
        options(street, map={"sin": WITHOUT, "con": WITH, "mal": None}, out=tmp_path / "out"), runs_dir=runs
    )
    assert [problem.path for problem in result.problems] == [torn]
    assert "1 photo could not be read and is in no figure:" in result.remarks()
    assert torn.name in (tmp_path / "out" / "report.html").read_text()


def test_a_run_that_does_not_say_what_it_has_learned_from_is_warned_of(
    runs: Path, street: Path, tmp_path: Path
) -> None:
    result = evaluate_chain(options(street, out=tmp_path / "out"), runs_dir=runs)
    unknown = [warning.split(" ")[0] for warning in result.warnings if "nobody knows whether it has learned" in warning]
    assert unknown == ["classify/1", "detect/1"]


def test_a_run_of_several_attributes_is_no_classifier(street: Path, tmp_path: Path) -> None:
    run = write_guessing_run(tmp_path / "runs" / "attributes" / "1")
    with pytest.raises(UsageError, match="is of --task attributes, and a classifier was expected"):
        evaluate_chain(options(street, run=str(run), out=tmp_path / "out"), runs_dir=tmp_path / "runs")


def test_photos_that_one_of_the_models_has_learned_from_are_left_out(runs: Path, street: Path, tmp_path: Path) -> None:
    from thirtyfold.model.provenance import file_hash

    mine = tmp_path / "runs"
    shutil.copytree(runs, mine)
    first, second, *_ = sorted((street / "images").glob("*.png"))
    for run, photo in (("detect/1", first), ("classify/1", second)):
        seen = {photo.name: {"part": "train", "session": "s", "sha256": file_hash(photo), "shapes": ""}}
        files.write_json(mine / run / "photos.json", {"format": 1, "photos": seen})
    result = evaluate_chain(options(street, map={"con": WITH, "mal": None}, out=tmp_path / "out"), runs_dir=mine)
    assert result.findings[0].figures["photos"] == 2
    assert any("2 photos that it was trained or chosen on" in warning for warning in result.warnings)
