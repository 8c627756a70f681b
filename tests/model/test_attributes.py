"""The task *attributes*: losses, what it refuses, how it is judged, and a training with everything after it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.aged import draw_people, write_heads
from tests.guessing import HOSTILE, plain_photo, write_guessing_run
from tests.heard import Heard
from thirtyfold.augment.online import augmenter_of
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.cli import main
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.datasets.unlabelled import as_unlabelled
from thirtyfold.errors import DataError, LabelError, ModelError, UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.model import attributes
from thirtyfold.model.data import gather
from thirtyfold.model.evaluate import evaluate
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.evaluate_photos import PhotoEvaluation
from thirtyfold.model.exams.attributes import EXAM
from thirtyfold.model.export.outputs import _gap
from thirtyfold.model.labelling.base import labelling_options
from thirtyfold.model.online import CopyMaker, OnlineBatches
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.provenance import write_photos
from thirtyfold.model.report.card import model_card
from thirtyfold.model.train import TrainResult, train
from thirtyfold.predict.artifact import read_card, write_artifact
from thirtyfold.predict.attribute_heads import ANSWERS
from thirtyfold.predict.runtime import load
from thirtyfold.progress import SILENT
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

OPTIONS = TrainOptions(task="attributes", backbone="scratch", size=32, batch=8, epochs=2)
TWO_HEADS = ("gender=female", "gender=male", "age")
SCALED = replace(OPTIONS, number_scales=(("age", 40.0, 10.0),))


def known(gender: str | None = None, age: float | None = None) -> Sample:
    tags = () if gender is None else (f"gender={gender}",)
    values = {} if age is None else {"age": age}
    return Sample(image_path=Path("x.jpg"), width=8, height=8, tags=tags, values=values)


def encoded(*samples: Sample) -> dict[str, Any]:
    each = [attributes.encode_sample(sample, SCALED, TWO_HEADS) for sample in samples]
    return {name: np.stack([one[name] for one in each]) for name in each[0]}


def loss_of(output: str, truth: Any, said: Any) -> float:
    losses, weights = attributes.losses(SCALED, TWO_HEADS)
    assert weights == {"head0_gender": 1.0, "head1_age": 1.0}
    return float(losses[output](truth, np.array(said, np.float32)))


def test_what_is_not_known_of_a_photo_has_no_weight() -> None:
    targets = encoded(known("male", 31), known("female"), known(age=7))
    assert targets["head0_gender"].tolist() == [[0, 1, 1], [1, 0, 1], [0, 0, 0]]
    assert targets["head1_age"].tolist() == [[31, 1], [0, 0], [7, 1]]


def test_the_loss_is_the_mean_over_the_photos_that_are_known() -> None:
    targets = encoded(known("male", 31), known("female"), known(age=60))
    said = [[0.2, 0.8], [0.7, 0.3], [0.5, 0.5]]
    expected = -(np.log(0.8) + np.log(0.7)) / 2
    assert loss_of("head0_gender", targets["head0_gender"], said) == pytest.approx(expected, rel=1e-5)
    # Huber of the errors in spreads of ten years: half a square up to one of them, in proportion beyond.
    ages = [[36.0], [99.0], [35.0]]
    assert loss_of("head1_age", targets["head1_age"], ages) == pytest.approx((0.5 * 0.5**2 + 2.5 - 0.5) / 2, rel=1e-5)


def test_a_batch_of_which_nothing_is_known_costs_nothing() -> None:
    targets = encoded(known("male"), known("female"))
    assert loss_of("head1_age", targets["head1_age"], [[3.0], [4.0]]) == 0
    nobody = encoded(known(age=3))
    assert loss_of("head0_gender", nobody["head0_gender"], [[0.5, 0.5]]) == 0


def test_a_photo_of_which_only_one_head_is_known_teaches_only_that_one() -> None:
    keras.utils.set_random_seed(3)
    model = attributes.build(SCALED, TWO_HEADS).model
    losses, weights = attributes.losses(SCALED, TWO_HEADS)
    model.compile(keras.optimizers.SGD(0.1), loss=losses, loss_weights=weights, run_eagerly=True)
    heads = {layer.name: layer for layer in model.get_layer("heads").layers}
    before = {name: [w.copy() for w in layer.get_weights()] for name, layer in heads.items()}
    pixels = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), np.uint8)
    model.train_on_batch(pixels, encoded(known("male"), known("female")))
    moved = {
        name
        for name, layer in heads.items()
        if any((a != b).any() for a, b in zip(before[name], layer.get_weights(), strict=True))
    }
    assert moved == {"head0_gender"}


def test_the_network_starts_at_the_mean_of_the_train_photos_and_answers_in_their_unit() -> None:
    samples = [known("male", age) for age in (20.0, 40.0, 60.0)] + [known("female")]
    settled = attributes.resolve_options(OPTIONS, samples, TWO_HEADS)
    assert settled.number_scales == (("age", 40.0, pytest.approx(np.std([20, 40, 60]))),)
    assert (settled.number_heads, settled.class_heads) == (("age",), ("gender",))
    model = attributes.build(settled, TWO_HEADS).model
    for layer in model.get_layer("heads").layers:
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    said = model.predict_on_batch(np.zeros((1, 32, 32, 3), np.uint8))
    assert said["head1_age"] == pytest.approx(40.0)
    assert said["head0_gender"][0].tolist() == [0.5, 0.5]
    decoder, options = attributes.decoder(settled, TWO_HEADS, many=False)
    assert (decoder, options["scales"]["age"][0]) == ("attributes", 40.0)


def test_a_run_remembers_what_kind_each_head_is() -> None:
    settled = attributes.resolve_options(OPTIONS, [known("male", 20.0), known("female", 30.0)], TWO_HEADS)
    again = labelling_options({"task": "attributes", "number_heads": list(settled.number_heads), "size": 31})
    assert again.number_heads == ("age",)


@pytest.mark.parametrize("option", [{"attributes": "a.csv"}, {"attributes_from_name": "{age}"}])
def test_tables_of_attributes_are_for_attributes(option: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--task attributes"):
        TrainOptions(task="classify", **option)  # type: ignore[arg-type]


# What is refused, and what is said. Of a..l the first eight learn, two validate, two test.


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twelve plain photos in three parts, without any label."""
    root = tmp_path / "people"
    for number, letter in enumerate("abcdefghijkl"):
        write_jpeg(root / "images" / f"{letter}.jpg", plain_photo("male" if number % 2 else "female", 20 + 5 * number))
    parts = {
        f"{letter}.jpg": part
        for part, letters in (("train", "abcdefgh"), ("val", "ij"), ("test", "kl"))
        for letter in letters
    }
    groups = {name: name for name in parts}
    write_split(Dataset(root), Split(parts=parts, groups=groups, how="hand", leak_free=True))
    return Dataset(root)


def write_table(dataset: Dataset, changes: Mapping[str, str] | None = None) -> Path:
    rows = {
        letter: f"{'male' if number % 2 else 'female'},{20 + 5 * number}"
        for number, letter in enumerate("abcdefghijkl")
    }
    rows |= changes or {}
    path = dataset.root / "attributes.csv"
    path.write_text("image,gender,age\n" + "".join(f"{letter}.jpg,{cells}\n" for letter, cells in rows.items()))
    return path


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"c": "female,thirty"}, r"attributes\.csv: line 4: age 'thirty' is not a number"),
        ({"c": "female,200"}, r"attributes\.csv: line 4: age 200 is no age of a person"),
        ({"zzz": "female,20"}, r"attributes\.csv: line 14: there is no photo 'zzz\.jpg'"),
        (dict.fromkeys("abcdefghijkl", "male,30"), "all train photos have the same gender, male"),
        (dict.fromkeys("abcdefgh", "male,30") | {"a": "female,30"}, "age is 30 in all train photos that have it"),
        ({"k": "diverse,30"}, r"k\.jpg: its gender is diverse, which no train photo has \(female, male\)"),
        (dict.fromkeys("abcd", "male,") | dict.fromkeys("efgh", "female,"), r"i\.jpg: has the attribute 'age', which"),
        ({"l": ","}, r"1 of 12 photos have no labels, first l\.jpg"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_refused_by_file_and_line(
    dataset: Dataset, changes: Mapping[str, str], text: str
) -> None:
    write_table(dataset, changes)
    with pytest.raises(DataError, match=text):
        gather(dataset, OPTIONS, SILENT)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("photo,gender\na.jpg,male\n", r"line 1: has no column 'image'"),
        ("image,gender,gender\na.jpg,male,male\n", r"line 1: has the column 'gender' twice"),
        ("image,gender\na.jpg,male,7\n", r"line 2: has 3 cells"),
    ],
)
def test_a_table_of_wrong_columns_is_refused(dataset: Dataset, tmp_path: Path, table: str, text: str) -> None:
    path = tmp_path / "elsewhere.csv"
    path.write_text(table)
    with pytest.raises(LabelError, match=rf"elsewhere\.csv: {text}"):
        gather(dataset, replace(OPTIONS, attributes=str(path)), SILENT)


def test_the_command_line_says_in_a_sentence_what_is_wrong(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ages.csv"
    path.write_text("image,age,tooth\na.jpg,thirty,4\n")
    train_it = ["train", str(dataset.root), "--task", "attributes", "--backbone", "scratch", "--runs", str(tmp_path)]
    for options, code, text in (
        ([*train_it, "--attributes", str(path)], 4, f"{path}: line 2: age 'thirty' is not a number"),
        ([*train_it, "--attributes-from-name", "{age}"], 4, "a.jpg: age 'a' is not a number"),
        ([*train_it, "--numbers", "tooth"], 4, "no photo has labels yet"),
        (["train", str(dataset.root), "--numbers", "tooth"], 2, "take --task attributes"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(options)
        assert ended.value.code == code
        assert text in capsys.readouterr().err


def test_validation_photos_that_say_nothing_choose_no_epoch(dataset: Dataset) -> None:
    write_table(dataset, {"i": "male,", "j": "female,"})
    told = Heard()
    gather(dataset, OPTIONS, told)
    assert "age is known of no val photo" in told.text
    with pytest.raises(DataError, match="no validation photo says anything about age"):
        gather(dataset, replace(OPTIONS, labels=("age",)), SILENT)


def test_heads_are_chosen_by_their_names_and_the_rest_is_no_matter(dataset: Dataset) -> None:
    write_table(dataset, dict.fromkeys("abcdefgh", "male,30") | {"a": "male,31", "k": "female,30"})
    data = gather(dataset, replace(OPTIONS, labels=("age",)), SILENT)
    assert data.classes == ("age",)
    with pytest.raises(DataError, match="no train photo has the attribute 'weight'; there are gender, age"):
        gather(dataset, replace(OPTIONS, labels=("weight",)), SILENT)
    with pytest.raises(DataError, match="no train photo has the attribute 'weight'"):
        gather(dataset, replace(OPTIONS, number_heads=("weight",)), SILENT)


def test_flags_of_numbers_and_of_names_are_no_classes(dataset: Dataset) -> None:
    for number, path in enumerate(dataset.image_paths()):
        flags = {f"age={20 + number}": True, f"name=person {number}": True, f"gender={'fm'[number % 2]}": True}
        file = labelme_json.LabelFile(image_path=path.name, width=48, height=48, flags=flags)
        labelme_json.write(path.with_suffix(".json"), as_unlabelled(file))
    told = Heard()
    data = gather(dataset, OPTIONS, told)
    assert data.classes == ("gender=f", "gender=m", "age")
    assert "name is left out of the attributes: 12 different values in 12 photos are no classes" in told.text
    assert [sample.values["age"] for sample in data.train] == [float(20 + number) for number in range(8)]
    # Of eight different ones no photo has another's: said to be classes, they are.
    with pytest.raises(DataError, match=r"i\.jpg: its age is 28, which no train photo has"):
        gather(dataset, replace(OPTIONS, class_heads=("age",)), SILENT)


def test_names_of_heads_in_label_files_are_looked_at(dataset: Dataset) -> None:
    write_table(dataset)
    path = dataset.image_paths()[0]
    extra = {"attributes": {"a=b": 3}}
    file = labelme_json.LabelFile(image_path=path.name, width=48, height=48, extra=extra)
    labelme_json.write(path.with_suffix(".json"), as_unlabelled(file))
    with pytest.raises(LabelError, match="'a=b' is no name of one"):
        gather(dataset, OPTIONS, SILENT)


# Judging a model whose answers are known.


@pytest.fixture(scope="module")
def guesses(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    """A dataset of plain photos with a table, and a run that guesses, as if it had been trained on its split."""
    root = tmp_path_factory.mktemp("plain") / "people"
    rows, parts = ["image,gender,age"], {}
    for number in range(60):
        gender, age = ("female", "male")[number % 2], 10 + number
        name = f"{number:02}.jpg"
        write_jpeg(root / "images" / name, plain_photo(gender, age))
        # Every tenth is labelled as what it is not, and the ages of men five years too low.
        told = gender if number % 10 else "male"
        rows.append(f"{name},{told},{age if gender == 'female' else age - 5}")
        parts[name] = "train" if number < 6 else "val" if number < 12 else "test"
    (root / "attributes.csv").write_text("\n".join(rows) + "\n")
    dataset = Dataset(root)
    groups = {name: name for name in parts}
    write_split(dataset, Split(parts=parts, groups=groups, how="hand", leak_free=True))
    data = gather(dataset, OPTIONS, SILENT)
    run = write_guessing_run(root.parent / "runs" / "attributes" / "1")
    write_photos(run, data)
    (run / "args.json").write_text(json.dumps({"dataset": str(root)}))
    facts = {
        "train_photos": 6, "copies": 0, "val_photos": 6, "test_photos": 48, "split": data.split_how,
        "split_leak_free": True, "data_fingerprint": data.fingerprint, "dataset": "people",
        "options": {"task": "attributes", "backbone": "none", "heads": "pooled"},
    }  # fmt: skip
    write_artifact(run, replace(read_card(run), training=facts))
    return dataset, run


def test_a_model_is_judged_head_by_head_and_group_by_group(guesses: tuple[Dataset, Path], tmp_path: Path) -> None:
    _, run = guesses
    result = evaluate(EvaluateOptions(run=str(run), out=tmp_path / "judged"))
    assert isinstance(result, PhotoEvaluation)
    (model,) = result.to_dict()["models"]
    assert model["gender accuracy"] == pytest.approx(44 / 48, abs=1e-4)
    assert model["age MAE"] == pytest.approx(2.5, abs=0.2)
    assert model["age bias"] == pytest.approx(2.5, abs=0.2)
    assert model["heads"][HOSTILE] == {"photos": 0}
    by_gender = next(group for group in model["groups"] if (group["of"], group["by"]) == ("age", "gender"))
    figures = {row["group"]: (row["photos"], row["figure"]) for row in by_gender["groups"]}
    assert figures["female"] == (20, pytest.approx(0, abs=0.3))
    # Four of these are women, whose ages are right.
    assert figures["male"] == (28, pytest.approx(24 / 28 * 5, abs=0.3))
    assert by_gender["verdict"] == "differ"
    assert any("Age MAE differs clearly by gender" in remark for remark in result.remarks())
    assert result.columns()[1:4] == ("gender accuracy", "gender balanced accuracy", "age MAE, years")
    page = (tmp_path / "judged" / "report.html").read_text()
    for title in ("age by gender", "gender by age", "age by decade", "answers over truths", "always the mean"):
        assert title in page, title
    assert HOSTILE not in page
    assert "../&lt;b&gt;" in page


def test_quality_counts_the_heads_that_are_known(guesses: tuple[Dataset, Path]) -> None:
    artifact = load(guesses[1]).artifact
    outputs = {
        "head0_gender": np.array([[0.9, 0.1]]), "head1_age": np.array([[30.0]]), "head2_b_x_label": np.array([[0.0]]),
    }  # fmt: skip
    assert EXAM.quality(outputs, known("female", 30.0), artifact) == 1
    assert EXAM.quality(outputs, known("male", 30.0), artifact) == 0.5
    # Ten years off is half a spread of the train photos.
    assert EXAM.quality(outputs, known(age=40.0), artifact) == 0.5
    assert EXAM.quality(outputs, known(age=90.0), artifact) == 0
    assert EXAM.quality(outputs, known(), artifact) is None


@pytest.mark.parametrize("scales", [[1, 2], {"age": 3}, {"age": ["a", "b"]}, {"age": [40, 0]}, {"age": [1, "nan"]}])
def test_scales_that_make_no_sense_are_refused(guesses: tuple[Dataset, Path], scales: Any) -> None:
    artifact = replace(load(guesses[1]).artifact, decoder_options={"scales": scales})
    with pytest.raises(ModelError, match="train again"):
        EXAM.units(artifact)


def test_forms_may_differ_by_a_share_of_the_spread(guesses: tuple[Dataset, Path]) -> None:
    units = EXAM.units(load(guesses[1]).artifact)
    assert units == {"head1_age": 20.0, "head2_b_x_label": 10.0}
    ours, theirs = {"head1_age": np.array([[30.0]])}, {"head1_age": np.array([[31.0]])}
    assert _gap(ours, theirs, units) == (0.05, 0.05)


def test_other_photos_are_judged_by_their_own_table(guesses: tuple[Dataset, Path], tmp_path: Path) -> None:
    _, run = guesses
    root = tmp_path / "others"
    for number in range(8):
        gender = ("female", "male")[number % 2]
        write_jpeg(root / "images" / f"{30 + number}_{number % 2}.jpg", plain_photo(gender, 30 + number, side=40))
    with pytest.raises(DataError, match="8 photos without labels"):
        evaluate(EvaluateOptions(run=str(run), dataset=root, out=tmp_path / "none"))
    named = EvaluateOptions(
        run=str(run), dataset=root, out=tmp_path / "named", attributes_from_name="{age}_{gender:0=female,1=male}"
    )
    result = evaluate(named)
    assert isinstance(result, PhotoEvaluation)
    figures = result.parts["attributes/1"].figures
    # Eight ages would be classes by themselves; the run knows that they are numbers.
    assert (figures["photos"], figures["gender accuracy"]) == (8, 1.0)
    assert figures["age MAE"] < 0.5
    assert "left_out" not in figures["heads"]["gender"]
    strange = evaluate(replace(named, out=tmp_path / "strange", attributes_from_name="{age}_{gender:0=female,1=other}"))
    assert isinstance(strange, PhotoEvaluation)
    its = strange.parts["attributes/1"].figures["heads"]["gender"]
    assert (its["photos"], its["left_out"]) == (4, {"other": 4})
    assert "gender: 4 photos have values that it was never taught (other), and are left out." in strange.remarks()
    table = tmp_path / "elsewhere.csv"
    table.write_text("image,age\n" + "".join(f"{30 + number}_{number % 2}.jpg,{20 + number}\n" for number in range(8)))
    tabled = evaluate(EvaluateOptions(run=str(run), dataset=root, out=tmp_path / "tabled", attributes=table))
    assert isinstance(tabled, PhotoEvaluation)
    assert tabled.parts["attributes/1"].figures["age MAE"] == pytest.approx(10, abs=0.5)
    assert tabled.parts["attributes/1"].figures["heads"]["gender"] == {"photos": 0}


def test_the_card_says_what_such_guesses_are_worth(guesses: tuple[Dataset, Path]) -> None:
    artifact = read_card(guesses[1])
    artifact = replace(artifact, metrics={})
    card = model_card("attributes-1", artifact, words=EXAM.card_words(artifact))
    for said in ("Not for deciding anything about a person", "agreed to it", "drawn towards the mean"):
        assert said in card
    assert HOSTILE not in card


# A training, from drawn heads to a run.


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, TrainResult, str]:
    """20 people, two photos each, a fifth of what is known left out, a copy of each train photo."""
    root = write_heads(tmp_path_factory.mktemp("aged") / "heads", draw_people(20), side=48, unknown=0.1)
    dataset, told = Dataset(root), Heard()
    augment_dataset(dataset, AugmentOptions(factor=1, recipe="light"), progress=told)
    result = train(dataset, OPTIONS, runs_dir=root.parent / "runs", progress=told)
    return dataset, result, told.text


@pytest.mark.slow
def test_copies_learn_what_is_known_of_their_photos(trained: tuple[Dataset, TrainResult, str]) -> None:
    dataset, result, told = trained
    assert result.artifact.classes == TWO_HEADS
    assert result.artifact.training["copies"] == result.artifact.training["train_photos"] // 2 > 0
    data = gather(dataset, OPTIONS, SILENT)
    by_name = {sample.image_path.name: sample for sample in data.train if sample.parent is None}
    for copy in (sample for sample in data.train if sample.parent is not None):
        assert (copy.tags, copy.values) == (by_name[copy.parent or ""].tags, by_name[copy.parent or ""].values)
    assert "is known of" in told
    assert "validation quality" in told


@pytest.mark.slow
def test_a_finished_run_answers_in_years_and_says_how_good_it_is(trained: tuple[Dataset, TrainResult, str]) -> None:
    _, result, _ = trained
    metrics = result.metrics["test"]
    assert set(metrics["heads"]) == {"gender", "age"}
    assert {group["by"] for group in metrics["groups"]} == {"gender", "age"}
    assert metrics["heads"]["age"]["mae_of_mean"] > 0
    # What is judged is the exported model; Keras says the same but for rounding.
    assert result.artifact.metrics["tflite_against_keras"]["largest_difference"] < 1e-3
    (found,) = load(result.run_dir)(plain_photo("male", 40))
    mean, spread = result.artifact.decoder_options["scales"]["age"]
    assert abs(found.extra[ANSWERS]["age"]["value"] - mean) < 6 * spread
    with (result.run_dir / "results.csv").open() as stream:
        (first, *_) = csv.DictReader(stream)
    assert {"head0_gender_loss", "head1_age_loss", "val_quality"} <= set(first)
    assert (result.run_dir / "report.html").stat().st_size > 20_000
    assert "test age MAE" in result.facts()
    again = evaluate(EvaluateOptions(run=str(result.run_dir), out=result.run_dir / "evaluation-9"))
    assert isinstance(again, PhotoEvaluation)
    (figures,) = (part.figures for part in again.parts.values())
    assert figures["age MAE"] == metrics["age MAE"]


def test_online_copies_carry_the_attributes_of_their_photos(dataset: Dataset) -> None:
    write_table(dataset, {"b": "male,"})
    data = gather(dataset, replace(OPTIONS, augment="online"), SILENT)
    batches = OnlineBatches(
        data.train,
        CopyMaker(augmenter_of("light", data.train, 0), 2),
        lambda sample: attributes.encode_sample(sample, SCALED, data.classes),
        size=32,
        batch=24,
        seed=0,
    )
    _, targets = batches[0]
    batches.on_epoch_end()
    # Eight photos and two copies of each; of one the age is not known.
    assert sorted(targets["head1_age"].tolist()) == sorted(
        [[20.0 + 5 * n, 1.0] for n in range(8) if n != 1] * 3 + [[0, 0]] * 3
    )
    assert targets["head0_gender"].sum(axis=0).tolist() == [12, 12, 24]


def test_on_well_known_people_gender_cannot_be_learned_and_age_is_known_by_a_table(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    born = {
        "Ariel_Sharon": 1928, "Arnold_Schwarzenegger": 1947, "Colin_Powell": 1937, "Donald_Rumsfeld": 1932,
        "George_W_Bush": 1946, "Gerhard_Schroeder": 1944, "Hugo_Chavez": 1954, "Jacques_Chirac": 1932,
        "Tony_Blair": 1953, "Vladimir_Putin": 1952,
    }  # fmt: skip
    root, rows, parts, groups = tmp_path / "lfw", ["image,gender,age"], {}, {}
    for number, (person, year) in enumerate(born.items()):
        for path in sorted((shared("data/lfw10") / person).glob("*.jpg")):
            (root / "images").mkdir(parents=True, exist_ok=True)
            (root / "images" / path.name).symlink_to(path)
            rows.append(f"{path.name},male,{2002 - year}")
            parts[path.name] = "train" if number < 6 else "val" if number < 8 else "test"
            groups[path.name] = person
    table = tmp_path / "people.csv"
    table.write_text("\n".join(rows) + "\n")
    write_split(Dataset(root), Split(parts=parts, groups=groups, how="person", leak_free=True))
    options = replace(OPTIONS, attributes=str(table))
    with pytest.raises(DataError, match="all train photos have the same gender, male"):
        gather(Dataset(root), options, SILENT)
    data = gather(Dataset(root), replace(options, labels=("age",)), SILENT)
    assert (len(data.train), len(data.val), len(data.test)) == (60, 20, 20)
    assert {sample.values["age"] for sample in data.test} == {49.0, 50.0}
