"""Classes of whole pictures as table, CSV and JSON, and what each picture went through."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.drawn import draw_photo
from thirtyfold.cli import main
from thirtyfold.errors import UsageError
from thirtyfold.images import read_rgb, write_jpeg
from thirtyfold.predict.answers import AnswerOptions, with_top
from thirtyfold.predict.artifact import read_card, write_artifact
from thirtyfold.predict.batch import predict_paths
from thirtyfold.predict.forms import LITERT, LITERT_INT8
from thirtyfold.predict.runtime import load


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos in a folder."""
    for number in (1, 2):
        write_jpeg(tmp_path / "photos" / f"{number}.jpg", draw_photo(number)[0])
    return tmp_path / "photos"


def test_a_classifier_says_one_class_and_its_probability_a_picture(masks_run: Path, photos: Path) -> None:
    result = predict_paths([photos], masks_run)
    classes = load(masks_run).classes
    assert result.columns() == ("photo", "label", "probability")
    assert [row[0] for row in result.rows()] == [str(photos / "1.jpg"), str(photos / "2.jpg")]
    assert all(label in classes and shown.endswith("%") for _, label, shown in result.rows())
    for entry in result.to_list():
        (annotation,) = entry["annotations"]
        ranked = annotation["ranked"]
        assert ranked[0][0] == annotation["label"]
        assert sum(score for _, score in ranked) == pytest.approx(1, abs=1e-4)
        assert "debug" not in entry


def test_top_gives_so_many_classes_and_no_more_than_there_are(masks_run: Path, photos: Path) -> None:
    result = predict_paths([photos], masks_run, answers=AnswerOptions(top=2))
    assert result.columns() == ("photo", "label", "probability", "then")
    others = [row[3].split(" ")[0] for row in result.rows()]
    assert all(
        {row[1], other} == set(load(masks_run).classes) for row, other in zip(result.rows(), others, strict=True)
    )
    seven = load(masks_run)
    with_top(seven, 7)
    (found,) = seven(read_rgb(photos / "1.jpg"))
    assert len(found.extra["ranked"]) == len(seven.classes)


def test_the_table_of_classes_is_a_csv_with_a_line_a_picture(masks_run: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    result = predict_paths([photos], masks_run, answers=AnswerOptions(top=2, csv=path))
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["image", "label", "probability", "label2", "probability2"]
    for row, sample in zip(rows, result.samples, strict=True):
        assert row["image"] == str(sample.image_path)
        assert float(row["probability"]) == pytest.approx(sample.annotations[0].score, abs=1e-6)  # type: ignore[index]
        assert float(row["probability"]) + float(row["probability2"]) == pytest.approx(1, abs=1e-5)
    before = path.read_text()
    predict_paths([photos], masks_run, answers=AnswerOptions(top=2, csv=path))
    assert path.read_text() == before


def test_every_line_of_the_table_has_as_many_cells_as_there_are_titles(
    masks_run: Path, photos: Path, tmp_path: Path
) -> None:
    scores = sorted(sample.annotations[0].score or 0 for sample in predict_paths([photos], masks_run).samples)  # type: ignore[index]
    path = tmp_path / "classes.csv"
    # The threshold lets the surer one through alone; and there are two classes only.
    predict_paths([photos], masks_run, threshold=sum(scores) / 2, answers=AnswerOptions(top=3, csv=path))
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert {line.count(",") for line in lines} == {6}
    assert sum(line.endswith(",,,,,,") for line in lines) == 1


def test_the_table_of_objects_is_a_csv_with_a_line_an_object(tiny_run: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    write_jpeg(photos / "none.jpg", draw_photo(3, face=False)[0])
    result = predict_paths([photos], tiny_run, answers=AnswerOptions(csv=path))
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == ["face", "face", ""]
    (first,) = result.samples[0].annotations or ()
    box = [float(rows[0][side]) for side in ("left", "top", "right", "bottom")]
    assert box == pytest.approx(first.box_xyxy, abs=0.01)


def test_a_file_that_is_no_table_of_ours_is_not_written_over(masks_run: Path, photos: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("name,age\nAda,36\n")
    with pytest.raises(UsageError, match="no table of ours"):
        predict_paths([photos], masks_run, answers=AnswerOptions(csv=mine))
    assert mine.read_text() == "name,age\nAda,36\n"


@pytest.mark.parametrize(("options", "text"), [({"top": 0}, "--top 0"), ({"csv": Path("found.txt")}, "ends in .csv")])
def test_options_that_make_no_sense_are_usage_errors(options: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        AnswerOptions(**options)  # type: ignore[arg-type]


def test_a_detector_has_no_top_classes(tiny_run: Path, photos: Path) -> None:
    with pytest.raises(UsageError, match="--task classify"):
        predict_paths([photos], tiny_run, answers=AnswerOptions(top=5))


def test_debug_shows_sizes_what_is_fed_the_first_answers_and_the_times(masks_run: Path, photos: Path) -> None:
    result = predict_paths([photos / "1.jpg"], masks_run, answers=AnswerOptions(debug=True))
    (steps,) = result.steps
    predictor = load(masks_run)
    square, placement = predictor.square(read_rgb(photos / "1.jpg"))
    assert (steps.image_wh, steps.square, steps.scale) == ((320, 240), predictor.artifact.size, placement.scale)
    assert steps.fed == (int(square.min()), pytest.approx(float(square.mean())), int(square.max()))
    assert list(steps.milliseconds) == ["read", "letterbox", "network", "decode"]
    assert all(value >= 0 for value in steps.milliseconds.values())
    assert steps.raw[0][0] == result.samples[0].annotations[0].label  # type: ignore[index]
    text = "\n".join(result.remarks())
    assert "picture 320 × 240, in the square of" in text
    assert "largest" in text
    assert result.to_list()[0]["debug"]["square"] == predictor.artifact.size


def test_debug_names_the_form_that_ran_and_not_the_one_that_usually_does(
    masks_run: Path, photos: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(masks_run, tmp_path / "run"))
    (run / LITERT_INT8).write_bytes((run / LITERT).read_bytes())
    card = read_card(run)
    write_artifact(run, replace(card, forms=dict.fromkeys((LITERT, LITERT_INT8), card.forms[LITERT])))
    for form, file in (("auto", LITERT), ("int8", LITERT_INT8)):
        (steps,) = predict_paths([photos / "1.jpg"], run, form=form, answers=AnswerOptions(debug=True)).steps
        assert steps.form == file


def test_debug_of_a_detector_shows_boxes_below_the_threshold_too(tiny_run: Path, photos: Path) -> None:
    result = predict_paths([photos / "1.jpg"], tiny_run, threshold=1.0, answers=AnswerOptions(debug=True))
    (steps,) = result.steps
    assert result.samples[0].annotations == ()
    assert steps.raw[0][0] == "face"
    assert steps.raw[0][2] == pytest.approx(draw_photo(1)[1][0].box_xyxy, abs=3)


def test_debug_of_a_ready_detector_shows_its_times(photos: Path) -> None:
    result = predict_paths([photos / "1.jpg"], "haar", answers=AnswerOptions(debug=True))
    assert list(result.steps[0].milliseconds) == ["read", "model"]
    assert result.steps[0].lines()[0] == "picture 320 × 240"


def test_the_command_takes_the_seeds_options(
    masks_run: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["predict", "-i", str(photos), "-m", str(masks_run), "--debug", "--top", "2", "--json"])
    assert ended.value.code in (0, None)
    (first, _) = json.loads(capsys.readouterr().out)
    assert first["debug"]["fed"]["max"] <= 255
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(photos), "-m", str(masks_run), "--explain"])
    assert ended.value.code == UsageError.exit_code
    assert "--save" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["predict", str(photos), "-m", "haar", "--explain", "--save", str(tmp_path / "out")])
    assert "ready detector" in capsys.readouterr().err
