"""Recipes that people write: read whole, or refused with file, line and reason."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn import draw_photo
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.recipe_check import COMPOSERS, REFUSED
from thirtyfold.augment.recipes import RECIPES, SEED, WEBCAM, find_recipe
from thirtyfold.augment.transform import augment
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.errors import UsageError
from thirtyfold.images import write_jpeg
from thirtyfold.workspace import Dataset

# On the page they stand as "crops that look for boxes or masks", "for sound", "in three dimensions".
UNNAMED = {
    "AtLeastOneBBoxRandomCrop", "BBoxSafeRandomCrop", "CropNonEmptyMaskIfExists", "RandomCropNearBBox",
    "RandomSizedBBoxSafeCrop", "FrequencyMasking", "TimeMasking", "TimeReverse", "CubicSymmetry", "ToRGB",
}  # fmt: skip
DOORWAY = """\
name: doorway
purpose: faces at our front door   # a comment
swap_on_mirror: {left_eye: right_eye}
steps:
  - Affine: {p: 0.8, rotate: [-10, 10], fill: 114}
  - HorizontalFlip
  - SmoothWarp:
      p: 0.5
      strength: [0.01, 0.03]
  - OneOf:
      p: 1
      steps:
        - MotionBlur
        - GaussianBlur: {p: 1, blur_limit: [3, 7]}
  - CoarseDropout: {p: 0.3, fill: random}
"""


def written(tmp_path: Path, text: str, name: str = "my.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_file_becomes_a_recipe(tmp_path: Path) -> None:
    recipe = find_recipe(str(written(tmp_path, DOORWAY)))
    assert (recipe.name, recipe.purpose) == ("doorway", "faces at our front door")
    assert recipe.swap_on_mirror == {"left_eye": "right_eye"}
    assert [(step.transform, step.probability) for step in recipe.steps] == [
        ("Affine", 0.8),
        ("HorizontalFlip", 0.5),
        ("SmoothWarp", 0.5),
        ("OneOf", 1.0),
        ("CoarseDropout", 0.3),
    ]
    assert recipe.steps[0].arguments == {"rotate": (-10, 10), "fill": 114}
    assert recipe.steps[3].arguments["steps"] == (
        ("MotionBlur", 0.5, {}),
        ("GaussianBlur", 1.0, {"blur_limit": (3, 7)}),
    )


def test_the_same_recipe_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    path = str(written(tmp_path, DOORWAY))
    pixels, annotations = draw_photo(3)
    first, again = find_recipe(path), find_recipe(path)
    assert first.fingerprint == again.fingerprint
    for seed in range(20):
        one, other = augment(pixels, annotations, first, seed), augment(pixels, annotations, again, seed)
        assert np.array_equal(one[0], other[0])
        assert one[1] == other[1]


def test_the_file_name_is_the_recipes_name_and_a_built_in_one_can_be_written_down(tmp_path: Path) -> None:
    lines = [json.dumps(step) for step in WEBCAM.to_dict()["steps"]]
    recipe = find_recipe(str(written(tmp_path, "steps:\n" + "".join(f"- {line}\n" for line in lines), "copy.yml")))
    assert recipe.name == "copy"
    assert recipe.fingerprint == WEBCAM.fingerprint


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("steps:\n  - Blur\n  - HorizontalFip\n", 3, "did you mean HorizontalFlip?"),
        ("steps:\n  - Blur\n  - ElasticTransform: {p: 0.2}\n", 3, "take SmoothWarp instead"),
        ("steps:\n  - Normalize\n", 2, "Normalize can't be part of a recipe"),
        ("steps:\n  - MaskDropout\n", 2, "shapes travel as points"),
        ("steps:\n  - Lambda\n", 2, "a recipe file runs none"),
        ("steps:\n  - Affine:\n      p: 0.5\n      rotat: [-3, 3]\n", 4, "no argument rotat; did you mean rotate?"),
        ("steps:\n  - GaussNoise:\n      p: 1\n      std_range: [2, 3]\n", 4, "must be >= 0 and <= 1"),
        ("steps:\n  - Affine:\n      rotate: 3\n      p: 1.5\n", 4, "p is 1.5"),
        ("steps:\n  - Blur: {p: yes}\n", 2, "p is True"),
        ("steps:\n  - OneOf:\n      p: 1\n      steps:\n        - Blurr\n", 5, "did you mean Blur?"),
        ("steps:\n  - OneOf: {p: 1}\n", 2, "OneOf takes `p` and `steps`"),
        ("steps:\n  - OneOf: {steps: [Blur: {p: 0}]}\n", 2, "above 0"),
        ("steps:\n  - RandomCrop: {height: 9999, width: 10}\n", 2, "RandomCrop fails on a trial picture"),
        ("steps:\n  - Blur: {p: 0.1}\n    MotionBlur: {p: 0.5}\n", 2, "one transform was expected"),
        ("steps:\n  - Blur: [3, 4]\n", 2, "names with values were expected"),
        ("steps:\n  - Blur\n\nstep: 3\n", 4, "no key 'step'; did you mean steps?"),
        ("name: x\n", 1, "`steps:` is missing"),
        ("steps: 3\n", 1, "a list of transforms was expected"),
        ("steps: []\n", 1, "a list of transforms was expected"),
        ("- Blur\n", 1, "names with values were expected"),
        ("steps:\n  - Blur\nname: [a]\n", 3, "a word was expected"),
        ("steps:\n  - Blur:\n      p: 0.1\n      p: 0.2\n", 4, "'p' is there twice"),
        ("swap_on_mirror:\n  l: r\n  r: m\nsteps: [Blur]\n", 3, "change places with one other only"),
        ("swap_on_mirror: {l: l}\nsteps: [Blur]\n", 1, "change places with one other only"),
        ("steps: [\n  - Blur\n", 2, "is not YAML"),
        ("a: &a [1]\nsteps: *a\n", 2, "anchors are not read"),
        ("steps:\n  - Affine:\n      fill: !!python/name:os.system\n", 3, "tags"),
        ("steps:\n  - Affine:\n      rotate: 2024-01-01\n", 3, "not a plain number"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        find_recipe(str(path))
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"#" * 300_000, "no recipe"),
        (b"[" * 100_000, "in one another"),
        (b"a: \x07", "is not YAML"),
    ],
    ids=["empty", "binary", "large", "deep", "bell"],
)
def test_files_that_are_no_recipe_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=message):
        find_recipe(str(path))


def test_a_missing_file_and_an_unknown_name_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        find_recipe(str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match=r"one of webcam, .*, or a recipe file \(.yaml\) was expected"):
        find_recipe("none")
    with pytest.raises(UsageError, match="or a recipe file"):
        find_recipe("n" * 300)  # longer than a file's name may be


def test_the_recipe_in_the_docs_is_one_and_every_built_in_recipe_is_described(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "augment.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert find_recipe(str(written(tmp_path, example))).name == "doorway"
    for name in RECIPES:
        assert f"| `{name}`" in page
    for name in REFUSED:
        assert f"`{name}`" in page or "3D" in name or name in UNNAMED, name


def test_options_come_before_the_steps_of_the_recipe_that_is_extended(tmp_path: Path) -> None:
    folders(tmp_path)
    text = """\
extends: seed
cover: {p: 0.2, cutouts: hands}
copy_paste:
background: {folder: rooms}
steps:
  - CoverPart: {p: 0.1, covered: [0.1, 0.2]}
  - Blur
"""
    recipe = find_recipe(str(written(tmp_path, text)))
    names = [(step.transform, step.probability) for step in recipe.steps]
    assert names[:3] == [("ReplaceBackground", 0.5), ("CopyPaste", 0.5), ("CoverPart", 0.2)]
    assert recipe.steps[3:-2] == SEED.steps
    assert names[-2:] == [("CoverPart", 0.1), ("Blur", 0.5)]
    assert recipe.steps[0].arguments["folder"].names == ("a.jpg", "b.jpg")
    assert recipe.steps[2].arguments["cutouts"].names == ("hand.png",)
    assert recipe.pastes
    assert not SEED.pastes


def test_folders_are_meant_from_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders(tmp_path)
    (tmp_path / "recipes").mkdir()
    path = written(tmp_path / "recipes", "background: {folder: ../rooms}\n")
    first = find_recipe(str(path))
    absolute = written(tmp_path / "recipes", f"background: {{folder: {tmp_path / 'rooms'}}}\n", "absolute.yaml")
    assert find_recipe(str(absolute)).steps == first.steps
    monkeypatch.chdir(tmp_path / "recipes")
    assert find_recipe("my.yaml").steps == first.steps


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("extends: webcan\n", 1, "there is no recipe webcan; did you mean webcam?"),
        ("steps: [Blur]\nbackground:\n  p: 0.5\n", 2, "ReplaceBackground needs folder, a folder of pictures"),
        ("background:\n  p: 0.5\n  folder: nowhere\n", 3, "nowhere: a folder of pictures was expected"),
        ("background:\n  folder: empty\n", 2, "empty: holds no picture"),
        ("background:\n  folder: torn\n", 2, "torn.jpg: not a picture"),
        ("background: {folder: [rooms]}\n", 1, "a word was expected"),
        ("cover:\n  p: 0.1\n  cutouts: rooms\n", 3, "a.jpg: has no transparent background"),
        ("cover:\n  covered: [0.5, 0.2]\n", 2, "[low, high] from 0.01 to 0.95 was expected"),
        ("cover: {turn: wide}\n", 1, "degrees from 0 to 180"),
        ("copy_paste:\n  p: 0.1\n  objects: [1, 2.5]\n", 3, "whole numbers were expected"),
        ("copy_paste: {scale: 3}\n", 1, "[low, high] from 0.01 to 100 was expected"),
        ("copy_paste: {mirror: often}\n", 1, "true or false was expected"),
        ("copy_paste: {object: [1, 2]}\n", 1, "CopyPaste has no argument object; did you mean objects?"),
        ("copypaste: {p: 1}\n", 1, "no key 'copypaste'; did you mean copy_paste?"),
        ("steps:\n  - OneOf:\n      steps: [Blur, CoverPart]\n", 2, "CoverPart can't be part of OneOf"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, str) else "",
)
def test_what_is_wrong_with_an_option_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    folders(tmp_path)
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        find_recipe(str(path))
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def folders(root: Path) -> None:
    """``rooms`` with two photos, ``hands`` with a cut-out, ``empty``, and ``torn`` with what is no picture."""
    for name in ("hands", "empty", "torn"):
        (root / name).mkdir()
    for name in ("b", "a"):
        write_jpeg(root / "rooms" / f"{name}.jpg", draw_photo(1)[0])
    (root / "rooms" / "notes.txt").write_text("no picture")
    cv2.imwrite(str(root / "hands" / "hand.png"), np.full((20, 10, 4), 255, np.uint8))
    (root / "torn" / "torn.jpg").write_bytes(b"\xff\xd8 and no more")


def test_the_options_in_the_docs_are_right(tmp_path: Path) -> None:
    folders(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "augment.md").read_text(encoding="utf-8")
    (example,) = [part.partition("```")[0] for part in page.split("```yaml\n")[1:] if "copy_paste" in part[:300]]
    steps = [step.transform for step in find_recipe(str(written(tmp_path, example))).steps]
    assert steps[:3] == ["ReplaceBackground", "CopyPaste", "CoverPart"]
    for name in COMPOSERS:
        assert f"| `{name}`" in page


def test_nothing_in_a_recipe_file_is_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    for evil in (
        f"steps: !!python/object/apply:os.mkdir ['{made}']\n",
        f"steps:\n  - !!python/object/apply:os.mkdir ['{made}']\n",
        f"steps:\n  - Affine: {{fill: !!python/object/apply:os.mkdir ['{made}']}}\n",
    ):
        with pytest.raises(UsageError):
            find_recipe(str(written(tmp_path, evil)))
    assert not made.exists()


def test_copies_follow_the_file_and_are_made_anew_when_it_changes(drawn_dataset: Path, tmp_path: Path) -> None:
    dataset, path = Dataset(drawn_dataset), written(tmp_path, "name: turn\nsteps:\n  - VerticalFlip: {p: 1}\n")
    options = AugmentOptions(factor=1, recipe=str(path), workers=1)
    assert augment_dataset(dataset, options).made > 0
    assert augment_dataset(dataset, options).made == 0
    label = json.loads(min((dataset.augmented_dir / "images").glob("*.json")).read_text())
    assert label["thirtyfold"]["recipe"] == "turn"
    path.write_text("name: turn\nsteps:\n  - HorizontalFlip: {p: 1}\n")
    assert augment_dataset(dataset, options).made > 0


def test_a_step_that_fails_on_a_small_photo_says_which_and_of_what_size(tmp_path: Path) -> None:
    recipe = find_recipe(str(written(tmp_path, "steps:\n  - RandomCrop: {p: 1, height: 400, width: 400}\n")))
    with pytest.raises(UsageError, match="recipe my: RandomCrop can't be done to a picture of 320 x 240 pixels"):
        augment(*draw_photo(1), recipe, 0)
