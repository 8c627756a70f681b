"""The report and the model card: everything on one page, hostile names as text, YAML that is YAML."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.drawn import draw_photo
from tests.model.judged import write_finished_run, write_fresh_photos
from thirtyfold.datasets.samples import read_samples
from thirtyfold.images import write_jpeg
from thirtyfold.model.chain_outcomes import fates_of, figures_of
from thirtyfold.model.evaluate_chain import LABELLED, ChainEvaluation, Finding
from thirtyfold.model.evaluation import Evaluation, evaluate_predictor
from thirtyfold.model.exams.detect import EXAM
from thirtyfold.model.metrics.detection import Judged
from thirtyfold.model.report import plots
from thirtyfold.model.report.card import model_card
from thirtyfold.model.report.chain_pages import write_chain
from thirtyfold.model.report.pictures import quality, random_tiles, window_of, worst_tiles
from thirtyfold.model.report.tiles import TILE_WH
from thirtyfold.model.report.training import detail_part, training_page
from thirtyfold.model.report.write import write_report
from thirtyfold.predict.artifact import Artifact, read_card
from thirtyfold.predict.runtime import load
from thirtyfold.sample import Annotation, BoxXyxy, Sample
from thirtyfold.workspace import Dataset

HOSTILE = "<script>document.documentElement.dataset.hacked = 1</script>\"'| `x` $a_b$ [a](b) \ud83d"
ROWS = [{"epoch": n, "loss": 1 / n, "class_loss": 0.5 / n, "box_loss": 0.5 / n, "val_mean_iou": n / 5} for n in (1, 2)]


class Elements(HTMLParser):
    """Every element of a page with its attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_fresh_photos(folder / "faces", 10)
    return write_finished_run(folder / "runs" / "detect" / "1", Dataset(folder / "faces"))


def judged_hostile(run: Path, folder: Path) -> tuple[Artifact, Evaluation]:
    """A run and its evaluation on photos whose names, labels and sessions try to run as script."""
    photos = []
    for number in range(6):
        pixels, shapes = draw_photo(number)
        path = folder / f"{number}<img src=x onerror=alert(1)>.jpg"
        write_jpeg(path, pixels)
        sample = Sample(image_path=path, width=320, height=240, annotations=tuple(shapes), session=HOSTILE)
        photos.append(sample)
    artifact = read_card(run)
    evaluation = evaluate_predictor(load(run), photos[:3], photos[3:])
    renamed = {}
    for part, figures in evaluation.parts.items():
        text = json.dumps(dict(figures.figures)).replace('"face"', json.dumps(HOSTILE))
        renamed[part] = replace(figures, figures=json.loads(text), curves={HOSTILE: figures.curves["face"]})
    options = {"backbone": HOSTILE, "heads": "dense"}
    training = {**artifact.training, "dataset": HOSTILE, "split": HOSTILE, "options": options}
    artifact = replace(artifact, classes=(HOSTILE,), training=training, metrics=evaluation.metrics)
    return artifact, replace(evaluation, parts=renamed, notes=(HOSTILE,))


def test_hostile_names_make_no_element_no_handler_and_no_address(run: Path, tmp_path: Path) -> None:
    artifact, evaluation = judged_hostile(run, tmp_path)
    page = training_page(Path("<b>1"), artifact, evaluation)
    path = write_report(tmp_path / "out", page, detail=evaluation.parts["test"], rows=ROWS)
    text = path.read_text(encoding="utf-8")
    elements = Elements(text)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "iframe", "object", "base", "link", "a", "form"}
    assert not any(name.startswith("on") for _, attributes in elements.found for name in attributes)
    sources = [attributes["src"] for tag, attributes in elements.found if tag == "img"]
    assert sources
    assert all(str(source).startswith(("data:image/png;base64,", "data:image/jpeg;base64,")) for source in sources)
    assert not re.search(r"https?://", text)
    (policy,) = (attributes["content"] for _, attributes in elements.found if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "<script>document.documentElement.dataset.hacked = 1</script>" in elements.text


def test_the_page_has_everything_a_reader_asks_for(run: Path, tmp_path: Path) -> None:
    photos = read_samples(Dataset(run.parents[2] / "faces"))
    evaluation = evaluate_predictor(load(run), photos[:5], photos[5:])
    artifact = replace(read_card(run), metrics=evaluation.metrics, versions={"keras": "3.99"})
    page = training_page(run, artifact, evaluation)
    path = write_report(tmp_path, page, detail=evaluation.parts[detail_part(evaluation)], rows=ROWS)
    elements = Elements(path.read_text(encoding="utf-8"))
    for expected in (
        "mean IoU", "AP50", "Precision over recall", "What was taken for what", "How well objects are met",
        "Do scores mean what they say?", "By session", "By label", "The worst of", "Drawn at random from", "session",
        "Split by", artifact.training["data_fingerprint"], "keras", "3.99", "too few",
    ):  # fmt: skip
        assert expected in elements.text, expected
    names = {path.stem for path in (tmp_path / "plots").glob("*.png")}
    assert names == {"curves", "precision_recall", "reliability", "iou", "confusion", "worst", "random"}
    assert all(cv2.imread(str(file)) is not None for file in (tmp_path / "plots").iterdir())


def test_a_page_without_any_photo_to_judge_is_still_a_page(run: Path, tmp_path: Path) -> None:
    evaluation = evaluate_predictor(load(run), [], [])
    path = write_report(tmp_path, training_page(run, read_card(run), evaluation), detail=None, rows=ROWS)
    assert "No test photos" in path.read_text(encoding="utf-8")


def front_matter(card: str) -> dict[str, object]:
    _, yaml_text, _ = card.split("---\n", 2)
    loaded: dict[str, object] = yaml.safe_load(yaml_text)
    return loaded


def test_the_card_is_what_the_hub_asks_for(run: Path) -> None:
    photos = read_samples(Dataset(run.parents[2] / "faces"))
    evaluation = evaluate_predictor(load(run), photos[:5], photos[5:])
    artifact = replace(read_card(run), metrics=evaluation.metrics)
    card = model_card("detect-1", artifact, evaluation.notes, words=EXAM.card_words(artifact))
    front = front_matter(card)
    assert (front["library_name"], front["pipeline_tag"]) == ("keras", "object-detection")
    assert "license" not in front  # nobody but the user knows
    (model,) = front["model-index"]  # type: ignore[misc]
    test, validation = model["results"]
    assert test["dataset"]["split"] == "test"
    assert validation["dataset"]["split"] == "validation"
    values = {metric["type"]: metric["value"] for metric in test["metrics"]}
    assert values["mean_iou"] == pytest.approx(evaluation.metrics["test"]["mean_iou"], abs=1e-4)
    for heading in ("## Intended use", "## Data", "## How good it is", "## Limits", "## How to run it"):
        assert heading in card
    assert str(run.parents[2]) not in card, "a card is given away: no path of the machine in it"


def test_a_card_with_hostile_labels_is_valid_yaml_and_holds_no_html(run: Path, tmp_path: Path) -> None:
    artifact, evaluation = judged_hostile(run, tmp_path)
    card = model_card(HOSTILE, artifact, evaluation.notes, words=EXAM.card_words(artifact))
    card.encode("utf-8")
    front = front_matter(card)
    assert front["pipeline_tag"] == "object-detection"
    assert "<script>" not in card.split("---\n", 2)[2]
    table = [line for line in card.splitlines() if line.startswith("| ")]
    assert {re.sub(r"\\\|", "", line).count("|") for line in table} == {4}


def box_at(x: float, y: float, side: float, score: float | None = None) -> Annotation:
    return Annotation.from_box("face", (x, y, x + side, y + side), score=score)


def test_small_faces_are_enlarged_and_large_ones_shown_with_the_whole_photo() -> None:
    whole = window_of([box_at(400, 300, 300)], [], (1600, 1200))
    assert whole == (0, 0, 1600, 1200)
    left, top, right, bottom = window_of([box_at(1000, 700, 20)], [], (1600, 1200))
    assert 20 / (right - left) * TILE_WH[0] >= 35
    assert left <= 1000
    assert right >= 1020
    assert top <= 700
    assert bottom >= 720


@pytest.mark.parametrize("corner", [(0, 0), (1590, 1190), (-5, 1195)])
def test_the_enlarged_part_stays_within_the_photo(corner: tuple[float, float]) -> None:
    left, top, right, bottom = window_of([box_at(*corner, 10)], [], (1600, 1200))
    assert 0 <= left < right <= 1600
    assert 0 <= top < bottom <= 1200


def test_the_window_shows_what_went_wrong_not_what_went_right() -> None:
    met = box_at(100, 100, 20)
    missed = box_at(1500, 1100, 24)
    left, top, right, bottom = window_of([met, missed], [replace(met, score=0.9)], (1600, 1200))
    assert left <= 1500
    assert right >= 1524
    assert top <= 1100
    assert bottom >= 1124
    assert left > 200


def test_tiles_draw_the_truth_where_it_is_and_the_worst_come_first(tmp_path: Path) -> None:
    judged = []
    for number, found in enumerate(([], [box_at(100, 60, 80, 0.9)], [box_at(200, 150, 60, 0.9)])):
        path = tmp_path / f"{number}.jpg"
        write_jpeg(path, np.full((240, 320, 3), 90, np.uint8))
        truth = (box_at(100, 60, 80),)
        sample = Sample(image_path=path, width=320, height=240, annotations=truth)
        judged.append(Judged(sample=sample, predictions=tuple(found)))
    tiles = worst_tiles(judged, 0.5)
    assert [Path(tile.name).stem for tile in tiles] == ["0", "2", "1"]
    assert [quality(item, 0.5) for item in judged] == [0.0, 1.0, 0.0]
    (missed, *_) = tiles
    scale = TILE_WH[0] / 320
    x, y = round(100 * scale), round(100 * scale)
    assert missed.pixels.shape == (TILE_WH[1], TILE_WH[0], 3)
    assert missed.pixels[y, x - 1 : x + 2].max() > 200  # the white line of the truth
    assert missed.caption == "0 of 1 found, IoU 0.00"
    assert "1 false" in tiles[1].caption


def test_the_random_photos_are_the_same_for_the_same_seed(run: Path) -> None:
    photos = read_samples(Dataset(run.parents[2] / "faces"))
    judged = evaluate_predictor(load(run), photos, []).parts["val"].judged
    names = [[tile.name for tile in random_tiles(judged, 0.5, seed=s)] for s in (0, 0, 1)]
    assert names[0] == names[1] != names[2]
    assert len(names[0]) == len(photos)


@pytest.mark.parametrize("label", ["face", "$\\frac{", "名前", "", "a\nb", "\ud83d", "_x" * 40])
def test_plots_are_drawn_whatever_a_label_is(label: str) -> None:
    one = plots.precision_recall_png({label: (1.0,) * 101}, {label: None})
    other = plots.confusion_png([label, "background"], [[1, 0], [2, 0]])
    assert one[:8] == other[:8] == b"\x89PNG\r\n\x1a\n"


FAR_AWAY: BoxXyxy = (-1e9, -1e9, 1e9, 1e9)


def test_a_box_far_beyond_the_photo_is_drawn_without_trouble(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    write_jpeg(path, np.full((60, 80, 3), 90, np.uint8))
    far = Annotation.from_box("face", FAR_AWAY)
    sample = Sample(image_path=path, width=80, height=60, annotations=(far,))
    (tile,) = worst_tiles([Judged(sample=sample, predictions=())], 0.5)
    assert tile.pixels.shape[2] == 3
    photos = [fates_of(sample, [], {"face": "face"})]
    finding = Finding(
        name="haar", threshold=0.5, photos=tuple(photos), figures=figures_of(photos, ("face",)), model_ms=1.0
    )
    result = ChainEvaluation(
        run="classify/1",
        classes=("face",),
        margin_share=0.1,
        dataset=str(tmp_path),
        part="all",
        findings=(finding, replace(finding, name=LABELLED)),
        class_of_label={"face": "face"},
        statements=(),
        warnings=(),
        folder=tmp_path,
    )
    assert "1 not found" in write_chain(result, tmp_path).read_text()
