"""`check --fix`: what the copies hold, and that the originals stay as they are."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.corpus import HEIGHT, WIDTH, encode, label_of, picture, polygon, rectangle, tree_digest, write_corpus
from tests.drawn import write_dataset
from thirtyfold import cli
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.check.fix import FixResult
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.check.run import check_dataset
from thirtyfold.datasets.samples import capture_sessions, read_samples
from thirtyfold.datasets.split import read_split
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels, read_rgb
from thirtyfold.workspace import Dataset

FIX = CheckOptions(page=False, fix=True)


def fix(root: Path) -> FixResult:
    before = tree_digest(root / "images")
    result = check_dataset(Dataset(root), FIX)
    assert tree_digest(root / "images") == before
    assert result.fixed is not None
    return result.fixed


def one_photo(root: Path, name: str, data: bytes, label: dict[str, Any] | None = None) -> Path:
    """A dataset of one photo with this label; its ``fixed/images``."""
    (root / "images").mkdir(parents=True)
    (root / "images" / name).write_bytes(data)
    if label is not None:
        path = (root / "images" / name).with_suffix(".json")
        path.write_text(json.dumps(label_of(name) | label))
    return root / "fixed" / "images"


def largest_difference(one: Pixels, other: Pixels) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def test_the_fixed_corpus_has_no_error_left_and_its_originals_are_as_they_were(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "broken")
    before = tree_digest(corpus.root)
    result = check_dataset(Dataset(corpus.root), CheckOptions(page=False, fix_dir=tmp_path / "fixed"))
    assert tree_digest(corpus.root) == before
    assert result.fixed is not None
    again = check_dataset(Dataset(tmp_path / "fixed"), CheckOptions(page=False))
    left = set(again.codes())
    assert [problem for problem in again.problems if problem.severity == "error"] == []
    assert not left & {
        "image-cmyk", "image-16-bit", "image-alpha", "image-animated", "image-exif-rotated", "image-wrong-extension",
        "box-partly-outside", "box-duplicate", "label-windows-path", "label-path-leaves-folder", "label-four-corners",
    }  # fmt: skip
    # Nothing is lost without a word: every photo is there or listed.
    left_out = sum("unlabelled" not in why for why in result.fixed.left_out.values())
    twins = sum(texts[0].startswith("not copied: it is the same file") for texts in result.fixed.changes.values())
    assert len(again.photos) + left_out + twins == len(result.photos)
    assert twins == 3
    assert json.loads((tmp_path / "fixed" / "fixed.json").read_text())["left_out"] == dict(result.fixed.left_out)
    read_samples(Dataset(tmp_path / "fixed"))


def test_what_is_well_is_copied_byte_for_byte_with_its_log_and_split(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    split = split_dataset(Dataset(root), SplitOptions())
    result = fix(root)
    assert (result.photos, result.unchanged, result.changes, result.left_out) == (20, 20, {}, {})
    fixed = Dataset(root / "fixed")
    for path in Dataset(root).image_paths():
        assert (fixed.images_dir / path.name).read_bytes() == path.read_bytes()
        copy = labelme_json.read((fixed.images_dir / path.name).with_suffix(".json"))
        assert copy == labelme_json.read(path.with_suffix(".json"))
    assert capture_sessions(fixed) == capture_sessions(Dataset(root))
    assert read_split(fixed) == split


def test_a_split_that_leaks_stays_behind(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    split = split_dataset(Dataset(root), SplitOptions())
    train, test = split.names("train")[0], split.names("test")[0]
    (root / "images" / test).write_bytes((root / "images" / train).read_bytes())
    fix(root)
    assert not (root / "fixed" / "split.json").exists()


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize(("form", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png")])
def test_a_photo_stored_sideways_becomes_upright(tmp_path: Path, orientation: int, form: str, suffix: str) -> None:
    name = f"a{suffix}"
    options = {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    folder = one_photo(tmp_path, name, encode(3, form, orientation=orientation, **options))
    upright = read_rgb(tmp_path / "images" / name)
    result = fix(tmp_path)
    assert result.changes == {f"images/{name}": ("turned upright",)}
    with Image.open(folder / name) as image:
        assert image.getexif().get(0x0112, 1) == 1
    assert largest_difference(read_rgb(folder / name), upright) <= (12 if form == "JPEG" else 0)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_deep_colours_stored_sideways_become_upright_too(tmp_path: Path, orientation: int) -> None:
    deep = cv2.imencode(".png", picture(3).astype(np.uint16) * 257)[1].tobytes()
    exif = Image.Exif()
    exif[0x0112] = orientation
    # An eXIf chunk before the pixels, which neither OpenCV nor Pillow writes into a 16-bit colour PNG.
    chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    piece = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    folder = one_photo(tmp_path, "a.png", deep[:33] + piece + deep[33:])
    upright = read_rgb(tmp_path / "images" / "a.png")
    result = fix(tmp_path)
    assert result.changes == {"images/a.png": ("to 8 bits a colour", "turned upright")}
    assert largest_difference(read_rgb(folder / "a.png"), upright) <= 1


def test_labels_drawn_on_the_pixels_as_stored_are_turned_with_them(tmp_path: Path) -> None:
    for orientation in (5, 6, 7, 8):
        root = tmp_path / str(orientation)
        # A white patch on black, its box drawn by a program that knows nothing of EXIF.
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        pixels[8:36, 10:40] = 255
        image = Image.fromarray(pixels)
        exif = image.getexif()
        exif[0x0112] = orientation
        root.mkdir()
        image.save(root / "patch.png", exif=exif)
        folder = one_photo(
            root, "a.png", (root / "patch.png").read_bytes(), {"shapes": [rectangle([[10, 8], [40, 36]])]}
        )
        (root / "patch.png").unlink()
        fix(root)
        patch = cv2.boundingRect(read_rgb(folder / "a.png")[..., 0])
        left, top, right, bottom = labelme_json.read(folder / "a.json").annotations[0].box_xyxy
        assert (left, top, right - left, bottom - top) == patch


def test_labels_of_a_photo_that_was_scaled_since_are_scaled(tmp_path: Path) -> None:
    folder = one_photo(tmp_path, "a.jpg", encode(3, "JPEG"), {"imageWidth": 128, "imageHeight": 96})
    result = fix(tmp_path)
    assert result.changes == {"images/a.json": ("shapes scaled by 0.5, from 128x96",)}
    assert labelme_json.read(folder / "a.json").annotations[0].box_xyxy == (5, 4, 20, 18)


def test_labels_of_another_shape_of_picture_are_left_out_and_said(tmp_path: Path) -> None:
    folder = one_photo(tmp_path, "a.jpg", encode(3, "JPEG"), {"imageWidth": 640, "imageHeight": 360})
    result = fix(tmp_path)
    assert "the labels were drawn on 640x360" in result.left_out["images/a.json"]
    assert not (folder / "a.json").exists()
    assert (folder / "a.jpg").exists()


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_rgb_of_the_same_colours(tmp_path: Path, suffix: str) -> None:
    form = "JPEG" if suffix == ".jpg" else "TIFF"
    folder = one_photo(
        tmp_path, f"a{suffix}", encode(3, form, mode="CMYK", **({"quality": 95} if form == "JPEG" else {}))
    )
    fix(tmp_path)
    (copy,) = (path for path in folder.iterdir() if path.suffix != ".json")
    with Image.open(copy) as image:
        assert image.mode == "RGB"
    assert np.abs(read_rgb(copy).astype(int) - picture(3)).mean() < 6


@pytest.mark.parametrize(("divide", "scale"), [(1, 65535), (16, 4095), (64, 1023)])
def test_deep_colours_become_8_bits_by_the_range_they_use(tmp_path: Path, divide: int, scale: int) -> None:
    deep = np.tile(np.linspace(0, 65535, WIDTH).astype(np.uint16) // divide, (HEIGHT, 1))
    for name, values in (("grey", deep), ("colour", np.dstack([deep, deep[:, ::-1], deep]))):
        folder = one_photo(tmp_path / name, "a.png", cv2.imencode(".png", values)[1].tobytes())
        fix(tmp_path / name)
        copy = cv2.imread(str(folder / "a.png"), cv2.IMREAD_UNCHANGED)
        assert copy is not None
        assert copy.dtype == np.uint8
        expected = np.round(values / scale * 255)
        assert np.abs(copy.astype(float) - (expected if name == "colour" else np.dstack([expected] * 3))).max() <= 1


def test_transparent_pixels_become_white(tmp_path: Path) -> None:
    pixels = np.dstack([picture(3), np.zeros((HEIGHT, WIDTH), np.uint8)])
    pixels[:, : WIDTH // 2, 3] = 255
    folder = one_photo(tmp_path, "a.png", cv2.imencode(".png", pixels[..., [2, 1, 0, 3]])[1].tobytes())
    fix(tmp_path)
    copy = read_rgb(folder / "a.png")
    assert (copy[:, WIDTH // 2 :] == 255).all()
    assert (copy[:, : WIDTH // 2] == picture(3)[:, : WIDTH // 2]).all()


def test_a_wrong_extension_is_mended_without_new_pixels_and_the_label_follows(tmp_path: Path) -> None:
    data = encode(3, "PNG")
    folder = one_photo(tmp_path, "a.jpg", data, {})
    result = fix(tmp_path)
    assert (folder / "a.png").read_bytes() == data
    assert labelme_json.read(folder / "a.json").image_path == "a.png"
    assert result.changes == {"images/a.jpg": ("named .png, as the PNG it is",)}


def test_two_photos_of_one_name_get_two_and_the_label_goes_to_the_one_it_names(tmp_path: Path) -> None:
    folder = one_photo(tmp_path, "a.png", encode(4, "PNG"), {})
    (tmp_path / "images" / "a.jpg").write_bytes(encode(3, "JPEG"))
    result = fix(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["a-2.json", "a-2.png", "a.jpg"]
    assert labelme_json.read(folder / "a-2.json").image_path == "a-2.png"
    assert "its labels are those of a.png" in result.left_out["images/a.jpg"]


def test_shapes_are_clipped_dropped_and_each_change_is_said(tmp_path: Path) -> None:
    shapes = [
        rectangle([[40, 36], [-10, 8]]),
        rectangle([[5, 5], [5, 30]], label="slip"),
        rectangle([[90, 5], [99, 30]], label="away"),
        polygon([[20, 20], [100, 20], [20, 40]], label="hand"),
        rectangle([[0, 8], [40, 36]]),
    ]
    folder = one_photo(tmp_path, "a.jpg", encode(3, "JPEG"), {"shapes": shapes})
    result = fix(tmp_path)
    face, hand = labelme_json.read(folder / "a.json").annotations
    assert face.points == ((40, 36), (0, 8))
    assert hand.points == ((20, 20), (64, 20), (64, 29), (20, 40))
    assert result.changes["images/a.json"] == (
        "'face' clipped by 10 px",
        "'slip' of no size dropped",
        "'away' outside of the photo dropped",
        "'hand' clipped by 36 px",
        "'face' there twice, one dropped",
    )


def test_a_photo_that_loses_all_its_shapes_becomes_unlabelled_and_never_verified_empty(tmp_path: Path) -> None:
    folder = one_photo(tmp_path, "a.jpg", encode(3, "JPEG"), {"shapes": [rectangle([[5, 5], [5, 5]])]})
    result = fix(tmp_path)
    assert not (folder / "a.json").exists()
    assert result.left_out["images/a.json"].startswith("nothing is left of its 1 shapes")


def test_what_we_do_not_know_of_a_label_survives(tmp_path: Path) -> None:
    label = {
        "shapes": [rectangle([[-10, 8], [40, 36]], description="left", mood="glad")],
        "flags": {"dark": True},
        "who": "me",
    }
    folder = one_photo(tmp_path, "a.jpg", encode(3, "JPEG"), label)
    fix(tmp_path)
    raw = json.loads((folder / "a.json").read_text())
    assert (raw["who"], raw["flags"], raw["shapes"][0]["description"], raw["shapes"][0]["mood"]) == (
        "me", {"dark": True}, "left", "glad",
    )  # fmt: skip


def test_fix_never_writes_into_a_folder_that_holds_something(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1)
    (root / "fixed").mkdir()
    (root / "fixed" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already; remove it or name another folder with --fix-into"):
        check_dataset(Dataset(root), FIX)
    assert [path.name for path in (root / "fixed").iterdir()] == ["mine.txt"]


def test_the_command_ends_with_4_only_if_something_had_to_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_dataset(tmp_path / "faces", sessions=1)
    label = root / "images" / "0001.json"
    raw = json.loads(label.read_text())
    raw["shapes"].append(raw["shapes"][0] | {"points": [[3, 3], [3, 3]]})
    label.write_text(json.dumps(raw))
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", str(root), "--no-html", "--fix"])
    assert ended.value.code in (0, None)
    assert "of no size dropped" in " ".join(capsys.readouterr().out.split())
    (root / "images" / "0002.jpg").write_bytes(b"")
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", str(root), "--no-html", "--fix-into", str(tmp_path / "copies")])
    assert ended.value.code == 4
    assert "images/0002.jpg is left out" in capsys.readouterr().err
    assert len(list((tmp_path / "copies" / "images").glob("*.jpg"))) == 4
