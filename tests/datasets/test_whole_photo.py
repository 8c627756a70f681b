from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.classes import write_tagged
from tests.heard import Heard
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.whole_photo import (
    class_counts,
    class_of,
    head_and_value,
    plain_tags,
    refuse_bad_classes,
    tag_of,
)
from thirtyfold.errors import DataError, LabelError
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset


def photos(**counts: int) -> list[Sample]:
    """Samples without files: so many photos of each class."""
    return [photo(f"{name}{number}.jpg", name) for name, count in counts.items() for number in range(count)]


def photo(name: str, *tags: str, parent: str | None = None) -> Sample:
    return Sample(image_path=Path("nowhere") / name, width=1, height=1, tags=tags, parent=parent)


def refused(train: list[Sample], val: list[Sample] | None = None, test: list[Sample] | None = None) -> str:
    with pytest.raises(DataError) as error:
        refuse_bad_classes(train, val or [], test or [], Path("datasets/pets"), Heard())
    return str(error.value)


def said(train: list[Sample], val: list[Sample] | None = None, test: list[Sample] | None = None) -> str:
    heard = Heard()
    refuse_bad_classes(train, val or [], test or [], Path("datasets/pets"), heard)
    return heard.text


def test_a_flag_with_an_equals_sign_is_the_value_of_a_head_and_no_class() -> None:
    assert head_and_value("gender=female") == ("gender", "female")
    assert head_and_value(tag_of("gender", "a=b")) == ("gender", "a=b")
    assert [head_and_value(tag) for tag in ("with_mask", "=x", "x=", "")] == [None] * 4
    assert plain_tags(("cat", "gender=female", "tame")) == ("cat", "tame")


def test_the_class_of_a_photo_is_its_one_tag_among_the_classes() -> None:
    assert class_of(photo("1.jpg", "blurred", "dog"), ("cat", "dog")) == "dog"
    assert class_of(photo("1.jpg", "blurred"), ("cat", "dog")) is None
    with pytest.raises(LabelError, match=r"1\.json: has 2 classes ticked \(cat, dog\) where one is meant"):
        class_of(photo("1.jpg", "cat", "dog"), ("cat", "dog"))


def test_classes_are_counted_in_natural_order_and_copies_are_not() -> None:
    samples = [*photos(n10=1, n9=2, n1=1), photo("n9-00.jpg", "n9", parent="n90.jpg"), photo("x.jpg", "age=old")]
    assert list(class_counts(samples).items()) == [("n1", 1), ("n9", 2), ("n10", 1)]


def test_what_nothing_can_be_learned_from_is_refused_by_name() -> None:
    assert "no photo has a class" in refused([photo("1.jpg"), photo("2.jpg")])
    assert "annotate datasets/pets --flags" in refused([photo("1.jpg")])
    assert "all photos are of one class, cat" in refused(photos(cat=3))
    assert "the class dog has one photo, dog0.jpg" in refused(photos(cat=12, dog=1))
    assert "no train photo is of the class dog, only dog0.jpg, dog1.jpg of val or test" in refused(
        photos(cat=12), [], photos(dog=2)
    )
    assert "3.json: has 2 classes ticked" in refused([*photos(cat=12, dog=12), photo("3.jpg", "cat", "dog")])


def test_one_file_under_two_classes_is_refused_with_both_names(tmp_path: Path) -> None:
    tags: Mapping[str, tuple[str, ...]] = {"a.jpg": ("cat",), "b.jpg": ("cat",), "c.jpg": ("dog",), "d.jpg": ("dog",)}
    dataset = Dataset(write_tagged(tmp_path / "pets", tags))
    said(read_samples(dataset))
    shutil.copy(dataset.images_dir / "a.jpg", dataset.images_dir / "d.jpg")
    text = refused(read_samples(dataset))
    assert "a.jpg and d.jpg are the same file, but one is cat and the other dog" in text
    # Twice in one class is no contradiction; `check` and the split take care of it.
    shutil.copy(dataset.images_dir / "b.jpg", dataset.images_dir / "a.jpg")
    shutil.copy(dataset.images_dir / "c.jpg", dataset.images_dir / "d.jpg")
    said(read_samples(dataset))


def test_few_photos_and_unequal_classes_are_said_and_not_refused() -> None:
    assert said(photos(cat=10, dog=10), photos(cat=10, dog=10)) == ""
    text = said([*photos(cat=44, dog=4)])
    assert "cat has 44 photos, dog 4" in text
    assert "fewer than 10 photos of dog (4)" in text
    assert "unequal" not in said(photos(cat=100, dog=10))
    assert "no val photo is of dog" in said(photos(cat=20, dog=20), [photo("v.jpg", "cat")])
