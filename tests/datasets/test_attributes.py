from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.classes import write_tagged
from tests.heard import Heard
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.datasets.attributes import Attributes, Head, attach, read_attributes
from thirtyfold.datasets.class_import import open_dataset
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.datasets.stratify import quantile_bins
from thirtyfold.errors import LabelError, UsageError
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

AGES = (23, 31.5, 40, 18, 67, 35, 52, 29, 44, 71, 60, 38)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Twelve photos, a.jpg to l.jpg, without any label."""
    return Dataset(write_tagged(tmp_path / "faces", {f"{letter}.jpg": () for letter in "abcdefghijkl"}))


def table(dataset: Dataset, text: str | bytes) -> Path:
    path = dataset.root / "attributes.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def good_rows(separator: str = ",") -> list[str]:
    lines = ["image,gender,age"] + [
        f"{letter}.jpg,{'female' if index % 2 else 'male'},{age}"
        for index, (letter, age) in enumerate(zip("abcdefghijkl", AGES, strict=True))
    ]
    return [line.replace(",", separator) for line in lines]


def test_a_table_gives_classes_and_numbers_and_an_empty_cell_is_just_not_known(dataset: Dataset) -> None:
    rows = good_rows()
    rows[1], rows[2], rows[3] = "a.jpg,,23", "b.jpg,female,", "c.jpg,,"
    table(dataset, "\n".join(rows))
    attributes = read_attributes(dataset)
    assert attributes.heads == {
        "gender": Head(kind="class", classes=("female", "male")),
        "age": Head(kind="number"),
    }
    assert attributes.of("a.jpg") == {"age": 23.0}
    assert attributes.of("b.jpg") == {"gender": "female"}
    assert attributes.of("c.jpg") == {}
    assert attributes.of("d.jpg") == {"gender": "female", "age": 18.0}


@pytest.mark.parametrize(
    "written",
    [
        "\ufeff" + "\r\n".join(good_rows()),
        "\n".join(good_rows(";")).replace("31.5", "31,5"),
        "\n".join(good_rows("\t")),
        "\n".join(f"{line}," for line in good_rows()),
        "\n\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in good_rows()) + "\n\n",
        "\n".join(good_rows()).replace("image", "Image").replace("a.jpg", "faces\\images\\A.JPG"),
    ],
    ids=["byte-order mark", "semicolons and decimal commas", "tabs", "one comma too many", "quotes", "paths"],
)
def test_tables_as_spreadsheets_write_them_say_the_same(dataset: Dataset, written: str) -> None:
    table(dataset, "\n".join(good_rows()))
    plain = read_attributes(dataset)
    table(dataset, written)
    assert read_attributes(dataset) == plain
    assert plain.of("b.jpg") == {"gender": "female", "age": 31.5}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: [row.replace("image", "photo", 1) for row in rows], "line 1: has no column 'image', only photo"),
        (lambda rows: ["image,age,age", *rows[1:]], "line 1: has the column 'age' twice"),
        (lambda rows: ["image,,age", *rows[1:]], "line 1: has a column without a name"),
        (lambda rows: ["image", *[row.split(",")[0] for row in rows[1:]]], "line 1: has no column but 'image'"),
        (lambda rows: [], "is empty"),
        (lambda rows: rows[:1], "has a first line and no other"),
        (lambda rows: [*rows[:2], "zoe.jpg,female,30", *rows[3:]], "line 3: there is no photo 'zoe.jpg'"),
        (lambda rows: [*rows[:2], ",female,30", *rows[3:]], "line 3: names no photo"),
        (lambda rows: [*rows[:2], "b.jpg,female,thirty", *rows[3:]], "line 3: age 'thirty' is not a number"),
        (lambda rows: [*rows[:2], "b.jpg,female,nan", *rows[3:]], "line 3: age 'nan' is not a number"),
        (lambda rows: [*rows[:2], "b.jpg,nan,30", *rows[3:]], "line 3: gender is 'nan'"),
        (lambda rows: [*rows[:2], "b.jpg,female,200", *rows[3:]], "line 3: age 200 is no age of a person"),
        (lambda rows: [*rows[:2], "b.jpg,female,-1", *rows[3:]], "line 3: age -1 is no age of a person"),
        (lambda rows: [*rows[:2], "b.jpg,female,1e999", *rows[3:]], "line 3: age 1e999 is beyond all numbers"),
        (lambda rows: [*rows, "a.jpg,male,24"], "line 14: age of a.jpg is '24' here and '23' in line 2"),
        (lambda rows: [*rows[:2], "b.jpg,Female,30", *rows[3:]], "line 5: gender 'female' and 'Female' (line 3)"),
        (lambda rows: [*rows[:2], 'b.jpg,"female,30', *rows[3:]], "line 3: is no line of a CSV file"),
        (lambda rows: [*rows[:2], "b.jpg,female,30,7", *rows[3:]], "line 3: has 4 cells, the first line has 3"),
    ],
)
def test_a_wrong_table_is_refused_by_file_and_line(
    dataset: Dataset, change: Callable[[list[str]], list[str]], told: str
) -> None:
    path = table(dataset, "\n".join(change(good_rows())))
    with pytest.raises(LabelError) as refused:
        read_attributes(dataset)
    assert str(refused.value).startswith(f"{path}: ")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_utf8_are_refused_by_line(dataset: Dataset) -> None:
    rows = good_rows()
    table(dataset, "\n".join([*rows[:3], "c.jpg,männlich,40", *rows[4:]]).encode("latin-1"))
    with pytest.raises(LabelError, match="line 4: is not UTF-8; save the file as UTF-8"):
        read_attributes(dataset)
    table(dataset, "\n".join(rows).encode("utf-16"))
    with pytest.raises(LabelError, match="is UTF-16"):
        read_attributes(dataset)
    table(dataset, b"image,age\na.jpg,\x00\n")
    with pytest.raises(LabelError, match="line 2: holds a zero byte"):
        read_attributes(dataset)


def test_a_table_that_was_named_and_is_not_there_is_said(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"nothing\.csv: cannot be opened"):
        read_attributes(dataset, AttributeOptions(table=tmp_path / "nothing.csv"))
    assert read_attributes(dataset) == Attributes()


def test_few_whole_numbers_are_classes_many_are_a_number_and_the_person_has_the_last_word(dataset: Dataset) -> None:
    letters = "abcdefghijkl"
    rows = ["image,race,weight,id,word"]
    rows += [f"{name}.jpg,{index % 3},{50 + index},2017011617452{index},w{index}" for index, name in enumerate(letters)]
    table(dataset, "\n".join(rows))
    heard = Heard()
    heads = read_attributes(dataset, progress=heard).heads
    assert heads == {"race": Head(kind="class", classes=("0", "1", "2")), "weight": Head(kind="number")}
    assert "id is left out of the attributes: numbers like 20170116174520 look like a time or an id" in heard.text
    assert "word is left out of the attributes: 12 different values in 12 photos are no classes" in heard.text

    heads = read_attributes(dataset, AttributeOptions(numbers=("race",), classes=("word", "weight"))).heads
    assert heads["race"] == Head(kind="number")
    assert heads["weight"].classes[:2] == ("50", "51")
    assert heads["word"].classes[1:3] == ("w1", "w2")  # natural order: w2 before w10
    with pytest.raises(UsageError, match="mood is no attribute"):
        read_attributes(dataset, AttributeOptions(numbers=("mood",)))


def test_a_word_among_numbers_is_a_slip_and_not_a_new_class(dataset: Dataset) -> None:
    rows = ["image,weight"] + [f"{letter}.jpg,{50 + index}" for index, letter in enumerate("abcdefghijkl")]
    table(dataset, "\n".join([*rows[:-1], "l.jpg,heavy"]))
    with pytest.raises(LabelError, match="line 13: weight 'heavy' is not a number, as the other values are"):
        read_attributes(dataset)


def test_file_names_say_it_as_utkface_has_them(tmp_path: Path) -> None:
    names = [f"{age:.0f}_{index % 2}_{index % 3}_2017011617452{index}.jpg.chip.jpg" for index, age in enumerate(AGES)]
    names += ["61_1_20170109142408075.jpg", "53__0_20170116184028385.jpg"]
    dataset = Dataset(write_tagged(tmp_path / "utk", dict.fromkeys(names, ())))
    options = AttributeOptions(from_name="{age}_{gender:0=male,1=female}_{race}_{time}")
    heard = Heard()
    attributes = read_attributes(dataset, options, progress=heard)
    assert set(attributes.heads) == {"age", "gender", "race"}
    assert attributes.of(names[1]) == {"age": 32.0, "gender": "female", "race": "1"}
    # A value that is missing costs that value only; a name of another kind says nothing.
    assert attributes.of("53__0_20170116184028385.jpg") == {"age": 53.0, "race": "0"}
    assert attributes.of("61_1_20170109142408075.jpg") == {}
    assert "1 of 14 file names do not fit" in heard.text
    assert "time is left out" in heard.text
    quiet = Heard()
    read_attributes(dataset, replace(options, from_name="{age}_{gender}_{race}_{_time}"), progress=quiet)
    assert "left out" not in quiet.text


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{age}-{gender}", "fits no file name, not even a.jpg"),
        ("{age", "a brace is open"),
        ("age_gender", "names no attribute"),
        ("{age}{gender}", "cannot be told apart"),
        ("{age}_{age}", "stands there twice"),
        ("{gender:male,female}", "codes are written like"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(dataset: Dataset, pattern: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_attributes(dataset, AttributeOptions(from_name=pattern))
    assert told in str(refused.value)


def test_a_code_without_a_meaning_is_refused_by_file(tmp_path: Path) -> None:
    dataset = Dataset(write_tagged(tmp_path / "utk", {"30_2.jpg": (), "31_0.jpg": ()}))
    with pytest.raises(LabelError, match=r"30_2\.jpg: gender is '2' in its name, which stands for nothing \(0=male\)"):
        read_attributes(dataset, AttributeOptions(from_name="{age}_{gender:0=male}"))


def test_label_files_say_it_by_flags_and_by_a_key_of_their_own(tmp_path: Path) -> None:
    flags = {"a.jpg": ("gender=female", "smiling"), "b.jpg": (), "c.jpg": ()}
    dataset = Dataset(write_tagged(tmp_path / "faces", flags))
    label_file = labelme_json.LabelFile(
        image_path="b.jpg", width=48, height=48, extra={"attributes": {"age": 31, "gender": "male", "left": None}}
    )
    labelme_json.write(dataset.images_dir / "b.json", label_file)
    attributes = read_attributes(dataset)
    assert attributes.heads == {"gender": Head(kind="class", classes=("female", "male")), "age": Head(kind="number")}
    assert attributes.of("a.jpg") == {"gender": "female"}
    assert attributes.of("b.jpg") == {"gender": "male", "age": 31.0}

    table(dataset, "image,gender\na.jpg,male\n")
    with pytest.raises(LabelError, match=r"a\.json: gender of a\.jpg is 'female' here and 'male' in line 2"):
        read_attributes(dataset)


def test_attached_to_samples_they_are_tags_and_values_and_copies_have_those_of_their_photo() -> None:
    attributes = Attributes(
        heads={"gender": Head(kind="class", classes=("female", "male")), "age": Head(kind="number")},
        by_photo={"a.jpg": {"gender": "female", "age": 31.0}, "b.jpg": {"age": 40.0}},
    )
    photo = Sample(image_path=Path("a.jpg"), width=1, height=1, tags=("smiling",))
    copy = Sample(image_path=Path("a-00.jpg"), width=1, height=1, parent="a.jpg", tags=("gender=male",))
    other = Sample(image_path=Path("b.jpg"), width=1, height=1)
    unknown = Sample(image_path=Path("c.jpg"), width=1, height=1)
    one, two, three, four = attach([photo, copy, other, unknown], attributes)
    assert (one.tags, one.values) == (("smiling", "gender=female"), {"age": 31.0})
    # What the copy's own file says has gone through the mirror with it.
    assert (two.tags, two.values) == (("gender=male",), {"age": 31.0})
    assert (three.tags, three.values) == ((), {"age": 40.0})
    assert four == unknown
    assert photo.tags == ("smiling",)
    assert attach([one], attributes) == [one]


def test_a_split_gives_every_part_its_share_of_ages(tmp_path: Path) -> None:
    names = [f"{number:03d}.jpg" for number in range(60)]
    dataset = Dataset(write_tagged(tmp_path / "faces", dict.fromkeys(names, ())))
    rows = [f"{name},{18 + index}" for index, name in enumerate(names)]
    table(dataset, "\n".join(["image,age", *rows]))
    split = split_dataset(dataset, SplitOptions(val=0.2, test=0.2))
    assert set(split.classes["val"]) == {"age 18–32", "age 33–47", "age 48–62", "age 63–77"}
    assert list(split.classes["val"].values()) == list(split.classes["test"].values()) == [3, 3, 3, 3]


def test_quarters_of_equal_numbers_share_one() -> None:
    assert quantile_bins("age", {}) == {}
    assert quantile_bins("age", {"a": 30, "b": 30, "c": 30}) == {"a": "age 30", "b": "age 30", "c": "age 30"}
    forty = {str(number): float(number) for number in range(40)}
    assert sorted(set(quantile_bins("age", forty).values())) == ["age 0–9", "age 10–19", "age 20–29", "age 30–39"]
    few = {str(number): float(number) for number in range(12)}
    assert set(quantile_bins("age", few).values()) == {"age 0–11"}
    most_are_thirty = forty | {str(number): 30.0 for number in range(30)}
    assert sorted(set(quantile_bins("age", most_are_thirty).values())) == ["age 30–39"]


def test_real_faces_with_a_table_of_ages(
    shared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset(shared("data/lfw10"))
    samples = read_samples(dataset)
    people = sorted({sample.tags[0] for sample in samples})
    rows = [f"{sample.image_path.name};male;{50 + people.index(sample.tags[0])},5" for sample in samples]
    table(dataset, "\ufeff" + "\r\n".join(["image;gender;age", *rows]))
    attributes = read_attributes(dataset)
    assert attributes.heads["age"] == Head(kind="number")
    assert attach(samples, attributes)[0].values == {"age": 50.5}
