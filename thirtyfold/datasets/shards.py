"""Copies in shards: a TFRecord file of many pictures with their labels, as ``train`` and tf.data read it.

Every record is a ``tf.train.Example`` with the keys of the TF Object Detection API
(https://github.com/tensorflow/models/blob/master/research/object_detection/g3doc/using_your_own_dataset.md),
one box for every shape that has an inside, and one key more, ``thirtyfold/labelme``: the labelme file
that would lie beside the picture, whole, so that polygons, masks, groups and lineage are all there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from thirtyfold.datasets import labelme_json, tf_example, tfrecord
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.samples import labelled_sample
from thirtyfold.errors import FileDataError, LabelError
from thirtyfold.sample import Record, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDING = ".tfrecord"
LABELME = "thirtyfold/labelme"
_PICTURE = "image/encoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """``copies`` copies, ``copies_a_shard`` to a file: whoever fills a shard, it holds the same ones."""

    copies: int
    copies_a_shard: int

    @property
    def count(self) -> int:
        """The number of shards."""
        return -(-self.copies // self.copies_a_shard)

    def names(self) -> list[str]:
        """The files' names, in the order of the copies in them."""
        return [self.name(number) for number in range(self.count)]

    def name(self, number: int) -> str:
        return f"shard-{number:0{max(5, len(str(self.count - 1)))}d}{ENDING}"

    def span(self, number: int) -> range:
        """The copies in a shard, counted over all of the dataset's."""
        start = number * self.copies_a_shard
        return range(start, min(start + self.copies_a_shard, self.copies))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCopy:
    """What one record holds. ``offset`` is where the JPEG's bytes begin in the file."""

    jpeg: bytes
    label_file: LabelFile
    size_wh: tuple[int, int]
    offset: int


def note_name(shard: str) -> str:
    """The file that stands beside a shard that lacks copies, and says which photos could not be read."""
    return shard.removesuffix(ENDING) + ".left-out.json"


def to_record(jpeg: bytes, label_file: LabelFile) -> bytes:
    """A copy as it stands in a shard. The label file says the picture's size and name."""
    from thirtyfold.datasets.formats.regions import encloses, extent

    if not label_file.width or not label_file.height:
        raise ValueError(f"{label_file.image_path}: the label file of a copy has to say the picture's size")
    width, height = label_file.width, label_file.height
    name = label_file.image_path.encode("utf-8", "surrogateescape")
    objects = [shape for shape in label_file.annotations if encloses(shape)]
    boxes_xyxy = [extent(shape) for shape in objects]
    return tfrecord.frame(
        tf_example.encode(
            texts={
                _PICTURE: [jpeg],
                "image/format": [b"jpeg"],
                "image/filename": [name],
                "image/source_id": [name],
                "image/object/class/text": [shape.label.encode("utf-8", "replace") for shape in objects],
                LABELME: [labelme_json.to_line(label_file)],
            },
            floats={
                "image/object/bbox/xmin": _shares([box[0] for box in boxes_xyxy], width),
                "image/object/bbox/ymin": _shares([box[1] for box in boxes_xyxy], height),
                "image/object/bbox/xmax": _shares([box[2] for box in boxes_xyxy], width),
                "image/object/bbox/ymax": _shares([box[3] for box in boxes_xyxy], height),
            },
            integers={"image/height": [height], "image/width": [width]},
        )
    )


def read_copies(stream: BinaryIO, size: int, path: Path) -> Iterator[StoredCopy]:
    """Every copy of a shard of ``size`` bytes, checked. Raises :class:`FileDataError`, naming file and offset."""
    for start, data in tfrecord.read_records(stream, size, path):
        try:
            jpeg, labels = tf_example.decode_bytes(data, (_PICTURE, LABELME))
            label_file = labelme_json.parse(labels, path)
            width, height = label_file.width, label_file.height
            if not (jpeg and width and height) or label_file.image_name in ("", ".."):
                raise ValueError("has no picture, or not its name and size")
        except LabelError as error:
            raise FileDataError(path, f"the record at byte {start} {error.reason}") from error
        except ValueError as error:
            raise FileDataError(path, f"the record at byte {start} {error}; was it written by thirtyfold?") from error
        offset = start + data.index(jpeg)
        yield StoredCopy(jpeg=jpeg, label_file=label_file, size_wh=(width, height), offset=offset)


def read_samples(path: Path) -> list[Sample]:
    """Every copy of a shard as a sample with a :class:`Record`. Raises :class:`FileDataError`."""
    samples = []
    try:
        with path.open("rb") as stream:
            for copy in read_copies(stream, path.stat().st_size, path):
                name, record = copy.label_file.image_name, Record(path=path, offset=copy.offset, length=len(copy.jpeg))
                samples.append(labelled_sample(path.parent / name, copy.size_wh, copy.label_file, path, record=record))
    except OSError as error:
        raise FileDataError(path, f"cannot be read ({error.strerror or error})") from error
    return samples


def is_ours(path: Path) -> bool:
    """Whether a shard is one that we wrote."""
    try:
        with path.open("rb") as stream:
            next(read_copies(stream, path.stat().st_size, path), None)
    except (OSError, FileDataError):
        return False
    return True


def _shares(pixels: Sequence[float], side: int) -> list[float]:
    return [min(max(value / side, 0.0), 1.0) for value in pixels]
