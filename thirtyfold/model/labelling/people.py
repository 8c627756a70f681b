"""Who is in a photo, a ticked flag of its label file, and where the face is: what recognition learns.

What is trained on has to be what ``live`` will show the network: the face, as
:func:`thirtyfold.predict.chain.crop` cuts it out behind a face finder. So a photo is replaced by that cut-out, which
lies as a PNG in ``DATASET/.cache/faces/``. Where a person has drawn a box, it says where the face is.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold import files
from thirtyfold.datasets.duplicates import exact_duplicates
from thirtyfold.datasets.pixels import read_pixels
from thirtyfold.datasets.whole_photo import class_counts, class_of, plain_tags
from thirtyfold.errors import DataError, FileDataError, UsageError
from thirtyfold.images import size_of
from thirtyfold.model.options import WHOLE_PHOTOS, TrainOptions
from thirtyfold.predict.chain import MARGIN_SHARE, crop
from thirtyfold.predict.detectors import find_model, open_detector
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, BoxXyxy, Record, Sample, box_area
from thirtyfold.workspace import Dataset

if TYPE_CHECKING:
    from thirtyfold.images import Pixels

FOLDER = ".cache/faces"
FEWEST_PEOPLE = 2
FEWEST_PHOTOS = 2
# With fewer validation people that were not trained on, nothing can be said about strangers.
ENOUGH_NEW_PEOPLE = 3
_SMALLEST_PX = 8


def labelled(samples: Sequence[Sample], options: TrainOptions, dataset: Dataset) -> list[Sample]:
    """The faces of the photos that name a person.

    A photo in which no face is found loses its name, so that it counts as unlabelled; a copy is left out.
    """
    if options.faces == WHOLE_PHOTOS:
        return list(samples)
    cut = _cutter(options.faces, dataset)
    faces = [(sample, cut(sample) if is_labelled(sample) else None) for sample in samples]
    return [
        replace(sample, tags=()) if face is None else face
        for sample, face in faces
        if face is not None or sample.parent is None
    ]


def is_labelled(sample: Sample) -> bool:
    return bool(plain_tags(sample.tags))


def how_to_label(dataset: Dataset) -> str:
    return (
        f"tick who it is with `thirtyfold annotate {dataset.root} --flags NAME,NAME`, or, where no face was found, "
        "draw a box around it"
    )


def classes(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset
) -> tuple[str, ...]:
    """The people of the train photos, in natural order. Others may well be among the held-out ones."""
    if options.labels or options.one_label:
        raise UsageError("--labels, --one-label: say nothing to --task recognize; leave them out")
    return tuple(class_counts(train))


def check(
    train: Sequence[Sample], held_out: Sequence[Sample], options: TrainOptions, dataset: Dataset, progress: Progress
) -> None:
    """Refuse what no recognition can be learned from, and say what the validation photos can show."""
    originals = [sample for sample in (*train, *held_out) if sample.parent is None]
    person_of = {sample.image_path.name: class_of(sample, plain_tags(sample.tags)) for sample in originals}
    for first, other in exact_duplicates(sample.image_path for sample in originals):
        one, two = person_of[first], person_of[other]
        if one != two:
            raise DataError(
                f"{dataset.root}: {first} and {other} are the same file, but one is {one} and the other {two}; "
                "remove one of the two"
            )
    counts = class_counts(train)
    usable = [name for name, photos in counts.items() if photos >= FEWEST_PHOTOS]
    if len(usable) < FEWEST_PEOPLE:
        raise DataError(
            f"{dataset.root}: the train part has {len(usable)} people with {FEWEST_PHOTOS} photos or more; recognition "
            f"is learned from the differences between people, {FEWEST_PEOPLE} of them at least and better hundreds"
        )
    progress.say(_about_validation(counts, [sample for sample in held_out if sample.split == "val"], dataset))


def _about_validation(train_counts: dict[str, int], val: Sequence[Sample], dataset: Dataset) -> str:
    people = class_counts(val)
    new = [name for name in people if name not in train_counts]
    if len(new) >= ENOUGH_NEW_PEOPLE:
        return f"validated by {len(new)} people who are not trained on"
    return (
        f"note: validated by photos of {len(people)} people, {len(new)} of whom are not trained on: the figures "
        "flatter, and say little about strangers. Where there are enough people, keep each on one side: "
        f"`thirtyfold split {dataset.root} --group-by REGEX` with an expression that finds the person in the file name"
    )


def _cutter(finder: str, dataset: Dataset) -> Callable[[Sample], Sample | None]:
    """From a photo to the sample of its face; ``None`` if none is found in it."""
    folder = _folder(dataset)
    model = find_model(finder)
    detector = open_detector(model, progress=SILENT)

    def cut(sample: Sample) -> Sample | None:
        drawn = _drawn_box(sample)
        path = folder / f"{_key(sample, drawn, str(model))}.png"
        try:
            if not path.exists():
                pixels = read_pixels(sample)
                box_xyxy = drawn or _largest(detector(pixels))
                # An empty file remembers that there is no face.
                files.write_bytes(path, _encoded(pixels, box_xyxy), durable=False)
            data = path.read_bytes()
        except FileDataError:
            return sample  # reading it for training will name it
        if not data:
            return None
        width, height = size_of(data, path)
        record = Record(path=path, offset=0, length=len(data))
        return replace(sample, width=width, height=height, annotations=(), record=record)

    return cut


def _encoded(pixels: Pixels, box_xyxy: BoxXyxy | None) -> bytes:
    import cv2

    face = None if box_xyxy is None else crop(pixels, box_xyxy, margin_share=MARGIN_SHARE)
    if face is None or min(face.shape[:2]) < _SMALLEST_PX:
        return b""
    # Without loss, or what is learned would be a shade other than what is seen live.
    _, data = cv2.imencode(".png", cv2.cvtColor(face, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()


def _drawn_box(sample: Sample) -> BoxXyxy | None:
    """The largest box that a person has drawn."""
    return _largest([shape for shape in sample.annotations or () if box_area(shape.box_xyxy) > 0])


def _largest(shapes: Sequence[Annotation]) -> BoxXyxy | None:
    return max((shape.box_xyxy for shape in shapes), key=box_area, default=None)


def _key(sample: Sample, drawn: BoxXyxy | None, finder: str) -> str:
    """All that decides about the cut-out."""
    record = sample.record
    path = record.path if record else sample.image_path
    try:
        stat = path.stat()
        state: tuple[int, ...] = (stat.st_size, stat.st_mtime_ns)
    except OSError:
        state = ()
    place = (record.offset, record.length) if record else ()
    how = ("drawn", drawn) if drawn else ("found", finder)
    text = repr((path.name, state, place, how, MARGIN_SHARE))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _folder(dataset: Dataset) -> Path:
    """Where cut-outs are kept; a passing folder where the dataset cannot be written to."""
    folder = dataset.root / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="thirtyfold-faces-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
