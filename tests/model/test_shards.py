"""Shards as TensorFlow itself and as `train` read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.drawn import draw_photo, write_dataset
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.augmented import read_copies
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.errors import ImageError
from thirtyfold.images import letterbox
from thirtyfold.model.data import gather
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import SILENT
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

# As the TF Object Detection API writes them down.
FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string),
    "image/filename": tf.io.FixedLenFeature([], tf.string),
    "image/source_id": tf.io.FixedLenFeature([], tf.string),
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
    **{f"image/object/bbox/{side}": tf.io.VarLenFeature(tf.float32) for side in ("xmin", "ymin", "xmax", "ymax")},
    "image/object/class/text": tf.io.VarLenFeature(tf.string),
    "thirtyfold/labelme": tf.io.FixedLenFeature([], tf.string),
}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Drawn photos in shards, the first with a polygon and a point besides its box."""
    dataset = Dataset(write_dataset(tmp_path / "faces", empty_every=5))
    split_dataset(dataset, SplitOptions(val=0.25, test=0))
    _, annotations = draw_photo(1)
    more = (
        Annotation(label="h\u00e4nd", points=((20, 20), (90, 30), (60, 110)), kind="polygon", group=4),
        Annotation(label="nose", points=((160, 100),), kind="point"),
    )
    label_file = labelme_json.LabelFile(image_path="0001.jpg", width=320, height=240, annotations=(*annotations, *more))
    labelme_json.write(dataset.images_dir / "0001.json", label_file)
    augment_dataset(dataset, AugmentOptions(factor=6, workers=1, store="shards", shard_size=160))
    return dataset


def test_tensorflow_reads_every_record_with_the_usual_keys(dataset: Dataset) -> None:
    samples = {sample.image_path.name: sample for sample in read_copies(dataset)}
    paths = sorted(map(str, (dataset.augmented_dir / "shards").glob("*.tfrecord")))
    read = 0
    for record in tf.data.TFRecordDataset(paths):
        example = tf.io.parse_single_example(record, FEATURES)
        sample = samples[example["image/filename"].numpy().decode()]
        assert (int(example["image/width"]), int(example["image/height"])) == (sample.width, sample.height)
        assert max(sample.width, sample.height) <= 160
        assert example["image/format"] == b"jpeg"
        pixels = tf.io.decode_jpeg(example["image/encoded"], channels=3, dct_method="INTEGER_ACCURATE").numpy()
        assert pixels.shape == (sample.height, sample.width, 3)
        assert np.abs(pixels.astype(int) - read_pixels(sample)).mean() < 1
        sides = [
            tf.sparse.to_dense(example[f"image/object/bbox/{side}"]).numpy()
            for side in ("xmin", "ymin", "xmax", "ymax")
        ]
        labels = [text.decode() for text in tf.sparse.to_dense(example["image/object/class/text"]).numpy()]
        enclosing = [shape for shape in sample.annotations or () if shape.kind != "point"]
        assert labels == [shape.label for shape in enclosing]
        expected = np.array([shape.box_xyxy for shape in enclosing]).reshape(-1, 4) / np.tile(pixels.shape[1::-1], 2)
        assert np.stack(sides, axis=-1) == pytest.approx(expected, abs=1e-6)
        label_file = labelme_json.parse(example["thirtyfold/labelme"].numpy(), Path("record"))
        assert label_file.annotations == sample.annotations
        read += 1
    assert read == len(samples) == 6 * 15
    assert "h\u00e4nd" in {shape.label for sample in samples.values() for shape in sample.annotations or ()}


def test_train_gathers_shards_and_letterboxes_their_pictures(dataset: Dataset) -> None:
    data = gather(dataset, TrainOptions(), SILENT)
    copies = [sample for sample in data.train if sample.record is not None]
    assert data.copies == len(copies) == 90
    # A copy whose longer side is the network's already is not scaled a second time.
    copy = next(copy for copy in copies if copy.width == 160)
    square, scale, _ = letterbox(read_pixels(copy), 160)
    top = (160 - copy.height) // 2
    assert scale == 1
    assert np.array_equal(square[top : top + copy.height], read_pixels(copy))


def test_a_picture_that_went_bad_in_its_shard_is_an_error_that_names_it(dataset: Dataset) -> None:
    copy = read_copies(dataset)[3]
    assert copy.record is not None
    half = replace(copy, record=replace(copy.record, length=copy.record.length // 2))
    with pytest.raises(ImageError, match=r"shard-00000\.tfrecord: the file is cut off"):
        read_pixels(half)
    copy.record.path.unlink()
    with pytest.raises(ImageError, match=r"shard-00000\.tfrecord: cannot be opened"):
        read_pixels(copy)
