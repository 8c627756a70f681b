from __future__ import annotations

import io
import json
import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.augment.test_writer import KILLS, _group_lives, augment_in_a_process, copy_of, options, tree
from tests.drawn import draw_photo, write_dataset, write_label
from tests.heard import Heard
from tests.waiting import wait_for
from thirtyfold import images
from thirtyfold.augment.masks import to_region
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.plan import manifest_of
from thirtyfold.augment.recipes import SEED
from thirtyfold.augment.shrink import shrink
from thirtyfold.augment.sources import local_source
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets import labelme_json, shards, tf_example, tfrecord
from thirtyfold.datasets.augmented import copies_dir, read_copies, read_manifest
from thirtyfold.datasets.formats.regions import mask_annotation, mask_of
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.datasets.shards import ShardPlan
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import DataError, FileDataError, ImageError, UsageError
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset


def in_shards(factor: int = 20, **others: object) -> AugmentOptions:
    return options(factor=factor, store="shards", **others)


def shard_paths(dataset: Dataset) -> list[Path]:
    return sorted((dataset.augmented_dir / "shards").glob("*.tfrecord"))


def with_every_kind(root: Path) -> Dataset:
    """A dataset whose first photo has a polygon, a circle, a group, a mask, a point and a tick besides its box."""
    dataset = Dataset(write_dataset(root))
    split_dataset(dataset, SplitOptions(val=0, test=0))
    _, annotations = draw_photo(1)
    disc = np.hypot(*(np.indices((240, 320)) - np.array([[[90]], [[150]]]))) < 50
    disc[85:95, 140:160] = False
    label_file = labelme_json.LabelFile(
        image_path="0001.jpg",
        width=320,
        height=240,
        annotations=(
            *annotations,
            Annotation(label="hand", points=((20, 20), (90, 30), (60, 110)), kind="polygon", group=4),
            Annotation(label="eye", points=((150, 120), (180, 120)), kind="circle", extra={"note": "\u00e4 left one"}),
            Annotation(label="nose", points=((160, 100),), kind="point"),
            mask_annotation("hole", disc),
        ),
        flags={"indoors": True},
    )
    labelme_json.write(root / "images" / "0001.json", label_file)
    return dataset


def test_shards_hold_the_very_pictures_and_label_files_that_would_lie_there_loose(tmp_path: Path) -> None:
    dataset = with_every_kind(tmp_path / "faces")
    loose = copy_of(dataset.root, tmp_path / "loose")
    result = augment_dataset(dataset, in_shards(6))
    augment_dataset(loose, options(factor=6))
    stored = {
        copy.label_file.image_name: copy
        for path in shard_paths(dataset)
        for copy in shards.read_copies(io.BytesIO(path.read_bytes()), path.stat().st_size, path)
    }
    pictures = sorted(copies_dir(loose).glob("*.jpg"))
    assert result.made == result.copies == len(pictures) == len(stored) == 120
    for picture in pictures:
        copy = stored[picture.name]
        assert copy.jpeg == picture.read_bytes()
        assert labelme_json.to_line(copy.label_file) == picture.with_suffix(".json").read_bytes()


def test_train_is_given_the_same_samples_and_pixels_from_either_store(tmp_path: Path) -> None:
    dataset = with_every_kind(tmp_path / "faces")
    loose = copy_of(dataset.root, tmp_path / "loose")
    augment_dataset(dataset, in_shards(6))
    augment_dataset(loose, options(factor=6))
    first, second = read_copies(dataset), read_copies(loose)
    assert len(first) == len(second) == 120
    for one, other in zip(first, second, strict=True):
        assert one.record is not None
        assert other.record is None
        assert one.image_path.name == other.image_path.name
        assert (one.annotations, one.tags, one.session, one.parent) == (
            (other.annotations, other.tags, other.session, other.parent)
        )
        assert np.array_equal(read_pixels(one), read_pixels(other))
    kinds = {annotation.kind for sample in first for annotation in sample.annotations or ()}
    assert {"rectangle", "polygon", "mask", "point"} <= kinds


def test_every_copy_is_in_one_shard_and_no_shard_is_much_larger_than_the_others() -> None:
    for copies in (1, 63, 64, 65, 1000, 12_345):
        plan = ShardPlan(copies=copies, copies_a_shard=64)
        spans = [plan.span(number) for number in range(plan.count)]
        assert [number for span in spans for number in span] == list(range(copies))
        assert all(len(span) == 64 for span in spans[:-1])
    many = ShardPlan(copies=300_000_000, copies_a_shard=1024)
    assert many.name(0) == "shard-000000.tfrecord"
    assert many.name(7) < many.name(10) < many.name(many.count - 1)
    assert ShardPlan(copies=64, copies_a_shard=64).names() == ["shard-00000.tfrecord"]


@pytest.mark.slow
def test_shards_are_the_same_bytes_with_one_process_and_with_two(drawn_dataset: Path, tmp_path: Path) -> None:
    one, two = copy_of(drawn_dataset, tmp_path / "one"), copy_of(drawn_dataset, tmp_path / "two")
    augment_dataset(one, in_shards(70, recipe="seed"))
    assert augment_dataset(two, in_shards(70, recipe="seed", workers=2)).made == 700
    assert tree(one.augmented_dir) == tree(two.augmented_dir)
    assert len(shard_paths(two)) == 11


def test_running_again_makes_only_shards_that_are_missing(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, in_shards())
    before = tree(dataset.augmented_dir)
    heard = Heard()
    assert augment_dataset(dataset, in_shards(), progress=heard).made == 0
    assert "All 200 copies are there" in heard.text
    shard_paths(dataset)[1].unlink()
    (dataset.augmented_dir / "shards" / ".shard-00001.tfrecord.abc.tmp").write_bytes(b"half a shard")
    with pytest.raises(DataError, match="64 copies are still missing; run `thirtyfold augment"):
        read_copies(dataset)
    assert augment_dataset(dataset, in_shards()).made == 64
    assert tree(dataset.augmented_dir) == before


def test_another_store_or_size_replaces_the_copies(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, options(factor=2))
    heard = Heard()
    augment_dataset(dataset, in_shards(2), progress=heard)
    assert "were made from other --store: they are made anew" in heard.text
    assert not copies_dir(dataset).exists()
    (dataset.augmented_dir / "shards" / "mine.tfrecord").write_bytes(b"of somebody else")
    heard = Heard()
    augment_dataset(dataset, in_shards(2, shard_size=64), progress=heard)
    assert "were made from other --shard-size: they are made anew" in heard.text
    assert max(read_copies(dataset)[0].width, read_copies(dataset)[0].height) == 64
    kept = drawn_dataset / "augmented.old-1"
    assert [path.name for path in kept.rglob("*") if path.is_file()] == ["mine.tfrecord"]
    augment_dataset(dataset, options(factor=2))
    assert not (dataset.augmented_dir / "shards").exists()


def test_a_photo_that_cannot_be_read_is_left_out_noted_and_tried_again(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    split_dataset(dataset, SplitOptions(val=0, test=0))
    photo = dataset.images_dir / "0002.jpg"
    whole = photo.read_bytes()
    photo.write_bytes(whole[:-2000] + b"\0" * 2000)  # of the same size: only its pixels say that it is broken
    (problem,) = augment_dataset(dataset, in_shards()).problems
    assert "0002.jpg: the file is cut off" in problem
    note = dataset.augmented_dir / "shards" / "shard-00000.left-out.json"
    assert json.loads(note.read_text()) == {"0002.jpg": problem.partition(": ")[2]}
    assert {copy.parent for copy in read_copies(dataset)} == {f"{n:04d}.jpg" for n in range(1, 21) if n != 2}
    again = augment_dataset(dataset, in_shards())
    assert (len(again.problems), again.copies, again.photos) == (1, 380, 19)
    photo.write_bytes(whole)
    mended = augment_dataset(dataset, in_shards())
    assert (mended.problems, mended.copies, mended.made) == ((), 400, 64)
    assert not note.exists()
    assert len(read_copies(dataset)) == 400
    manifest = read_manifest(dataset)
    assert manifest is not None
    assert manifest.left_out == ()


def test_a_damaged_shard_is_one_error_with_file_and_byte(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, in_shards(4))
    (path,) = shard_paths(dataset)
    samples = read_copies(dataset)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(sample.record.offset for sample in samples if sample.record) + 900])
    with pytest.raises(FileDataError, match=r"shard-00000\.tfrecord: damaged at byte \d+: .* is cut off; delete"):
        read_copies(dataset)
    with pytest.raises(ImageError, match=r"shard-00000\.tfrecord: is cut off at byte"):
        for sample in samples:
            read_pixels(sample)
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    with pytest.raises(FileDataError, match="damaged at byte 0: the record's bytes are not those that were written"):
        read_copies(dataset)


def hostile(**changed: object) -> bytes:
    """A record that is right in every way but for what is changed."""
    label = {"shapes": [], "imagePath": "a-00.jpg", "imageWidth": 8, "imageHeight": 8}
    jpeg = images.encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    texts = {"image/encoded": [jpeg], shards.LABELME: [json.dumps({**label, **changed}).encode()]}
    return tfrecord.frame(tf_example.encode(texts=texts, floats={}, integers={}))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tfrecord.frame(b"\xff\xff no Example"), "is not a tf.train.Example"),
        (tfrecord.frame(tf_example.encode(texts={}, floats={}, integers={})), "has 0 values of image/encoded"),
        (hostile(shapes=[{"label": "x"}]), r"shapes\[0\] \(x\) has no points"),
        (hostile(imageWidth=None), "has no picture, or not its name and size"),
        (hostile(imageWidth=-4), '"imageWidth" must be a whole number'),
        (hostile(imagePath="../.."), "has no picture, or not its name and size"),
        (hostile(imageWidth=9), "is 8x8, but its labels are for 9x8"),
    ],
)
def test_a_shard_from_elsewhere_can_only_be_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "shards" / "shard-00000.tfrecord"
    path.parent.mkdir()
    path.write_bytes(hostile() + data)
    with pytest.raises(FileDataError, match=rf"shard-00000\.tfrecord.*{said}"):
        for sample in shards.read_samples(path):
            read_pixels(sample)


def test_the_preview_shows_what_is_in_the_shards(drawn_dataset: Path) -> None:
    dataset = Dataset(drawn_dataset)
    augment_dataset(dataset, in_shards(shard_size=96))
    sheet = images.read_rgb(dataset.augmented_dir / "preview.jpg")
    assert sheet.shape == (4 + 4 * 244, 4 + 6 * 244, 3)
    # The boxes are drawn, each in the first colour of the palette, around a face in nearly every cell.
    cells = [sheet[4 + 244 * row :, 4 + 244 * column :][:240, :240] for row in range(4) for column in range(6)]
    assert sum(cell.std() > 20 for cell in cells) == 24


@pytest.mark.parametrize("size_wh", [(640, 480), (451, 450), (1001, 333), (224, 168)])
def test_a_smaller_copy_has_its_shapes_where_the_pixels_went(size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    pixels: Pixels = np.full((height, width, 3), 20, np.uint8)
    left, top, right, bottom = width // 3, height // 4, width // 3 + width // 4, height // 4 + height // 3
    pixels[top:bottom, left:right] = 240
    inside = np.zeros((height, width), bool)
    inside[top:bottom, left:right] = True
    given = (
        Annotation(label="box", points=((right, bottom), (left, top))),
        Annotation(label="quad", points=((left, top), (right, top), (right, bottom), (left, bottom)), kind="polygon"),
        mask_annotation("mask", inside),
    )
    small, moved, lost = shrink(pixels, given, 224)
    assert lost == 0
    assert max(small.shape[:2]) == 224
    assert small.shape[0] == round(height * 224 / max(size_wh))
    scale_xy = small.shape[1] / width, small.shape[0] / height
    expected = (left * scale_xy[0], top * scale_xy[1], right * scale_xy[0], bottom * scale_xy[1])
    for annotation in moved[:2]:
        assert annotation.box_xyxy == pytest.approx(expected, abs=1e-3)
    # The pixels went the same way: half of the grey of an edge pixel is half of its share.
    bright = (small[..., 0].astype(float) - 20) / 220
    assert bright.sum() == pytest.approx((expected[2] - expected[0]) * (expected[3] - expected[1]), rel=0.02)
    for axis, (low, high) in ((0, (expected[0], expected[2])), (1, (expected[1], expected[3]))):
        profile = bright.sum(axis) / bright.sum()
        assert (profile * (np.arange(profile.size) + 0.5)).sum() == pytest.approx((low + high) / 2, abs=0.2)
    mask = mask_of(moved[2], (small.shape[1], small.shape[0]))
    # Where a pixel is clearly one or the other; an edge through its middle is a tie.
    assert mask[bright > 0.8].all()
    assert not mask[bright < 0.2].any()


def test_smaller_copies_keep_circles_round_masks_in_pieces_and_say_what_vanished() -> None:
    pixels = np.zeros((400, 800, 3), np.uint8)
    dust, rings = np.zeros((400, 800), bool), np.zeros((400, 800), bool)
    dust[100, 100] = True
    rings[100:200, 100:300], rings[120:180, 150:250], rings[300:350, 700:780] = True, False, True
    given = (
        Annotation(label="eye", points=((400, 200), (440, 200)), kind="circle", group=3, extra={"note": "left"}),
        mask_annotation("dust", dust),
        mask_annotation("rings", rings),
    )
    _, moved, lost = shrink(pixels, given, 80)
    assert lost == 1
    assert [annotation.label for annotation in moved] == ["eye", "rings"]
    assert (moved[0].kind, moved[0].group, moved[0].extra) == ("circle", 3, {"note": "left"})
    assert np.asarray(moved[0].points) == pytest.approx(np.array([(40, 20), (44, 20)]), abs=0.05)
    assert mask_of(moved[1], (80, 40)).sum() == pytest.approx(rings.sum() / 100, rel=0.02)
    assert to_region(moved[1], (80, 40)) is not None


def test_a_copy_that_is_small_already_is_left_as_it_is() -> None:
    pixels, annotations = draw_photo(3)
    same, moved, lost = shrink(pixels, annotations, 320)
    assert same is pixels
    assert (moved, lost) == (tuple(annotations), 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"store": "zip"}, "--store zip: files or shards was expected"),
        ({"shard_size": 224}, "--shard-size is for pictures in shards; add --store shards"),
        ({"store": "shards", "shard_size": 3}, "--shard-size 3: 16 to 10000 pixels"),
        ({"engine": "ray"}, "--engine ray: processes or dask was expected"),
        ({"scheduler": "tcp://h:1"}, "--scheduler tcp://h:1 is the address of a Dask cluster; add --engine dask"),
        ({"engine": "dask", "scheduler": "h:1"}, "an address like tcp://10.0.0.5:8786 was expected"),
        ({"engine": "dask", "scheduler": "tcp://h:1", "workers": 2}, "a cluster at --scheduler has its own workers"),
    ],
)
def test_options_that_clash_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options(**({"workers": 0} | wrong))


def test_large_photos_make_shards_of_fewer_copies(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    images.write_jpeg(tmp_path / "images" / "0.jpg", np.zeros((3000, 4000, 3), np.uint8))
    write_label(tmp_path / "images" / "0.jpg", [], width=4000, height=3000)
    split_dataset(dataset, SplitOptions(val=0, test=0, group_by="."))
    source = local_source(dataset, Heard())
    small, large = (manifest_of(source, SEED, in_shards(100, shard_size=size)).copies_a_shard for size in (64, 0))
    assert (small, large) == (64, 16)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_shards_killed_again_and_again_at_random_moments_end_with_the_same_bytes(
    drawn_dataset: Path, tmp_path: Path
) -> None:
    undisturbed, killed = Dataset(drawn_dataset), copy_of(drawn_dataset, tmp_path / "killed")
    moments = random.Random(31)
    factor, made = 24 * KILLS, [0]
    more = ("--factor", str(factor), "--workers", "2", "--store", "shards", "--recipe", "seed")
    for _ in range(KILLS):
        process = augment_in_a_process(killed, *more)
        # Half of the kills hit the start, the others the work.
        if moments.random() < 0.5:
            time.sleep(moments.uniform(0, 0.5))
        else:
            while process.poll() is None and len(shard_paths(killed)) <= made[-1]:
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.05))
        assert process.poll() is None, "it was done before it could be killed so often"
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        wait_for(lambda pid=process.pid: not _group_lives(pid), "the workers to end")  # type: ignore[misc]
        made.append(len(shard_paths(killed)))
        # A shard that has its name is whole, at every moment.
        for path in shard_paths(killed)[-3:]:
            assert 0 < len(shards.read_samples(path)) <= 1024
    assert all(first <= second for first, second in pairwise(made))
    assert len(set(made)) > KILLS / 3
    for dataset in (undisturbed, killed):
        augment_dataset(dataset, options(factor=factor, workers=2, store="shards", recipe="seed"))
    assert tree(killed.augmented_dir) == tree(undisturbed.augmented_dir)
