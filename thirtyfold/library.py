"""What ``import thirtyfold`` offers to those who write Python: each function one call into a room.

Heavy imports stand inside the functions; ``thirtyfold/__init__.py`` finds these names when they are asked for. Options
have the names and the checks of the command line, which is why errors speak of ``--size``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from thirtyfold.augment.by_name import augment
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.errors import ThirtyfoldError
from thirtyfold.model.options import TrainOptions
from thirtyfold.predict.forms import AUTO
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, Sample
from thirtyfold.workspace import DEFAULT_RUNS, Dataset

if TYPE_CHECKING:
    from thirtyfold.augment.writer import AugmentResult
    from thirtyfold.images import Pixels
    from thirtyfold.model.train import TrainResult
    from thirtyfold.predict.detectors import Detector

__all__ = [
    "Annotation",
    "Sample",
    "ThirtyfoldError",
    "augment",
    "augment_dataset",
    "draw",
    "load",
    "read",
    "read_pixels",
    "train",
    "write",
]

_Keywords = ParamSpec("_Keywords")
_Options = TypeVar("_Options")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentKeywords(AugmentOptions):
    """``augment``'s options, and who is told how far it is."""

    progress: Progress = SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainKeywords(TrainOptions):
    """``train``'s options, the folder that runs go to, and who is told how far it is."""

    runs: str | Path = DEFAULT_RUNS
    progress: Progress = SILENT


def _with_keywords(
    options: Callable[_Keywords, _Options],
) -> Callable[[Callable[[Path, _Options], _Result]], Callable[Concatenate[str | Path, _Keywords], _Result]]:
    """Options as keywords: ``train(folder, size=96)`` for a function of a folder and ``TrainOptions(size=96)``.

    Type checkers and editors see every option with its type, without a second list of them.
    """

    def decorate(
        function: Callable[[Path, _Options], _Result],
    ) -> Callable[Concatenate[str | Path, _Keywords], _Result]:
        @functools.wraps(function)
        def called(folder: str | Path, /, *arguments: _Keywords.args, **keywords: _Keywords.kwargs) -> _Result:
            return function(Path(folder), options(*arguments, **keywords))

        folder = inspect.Parameter("folder", inspect.Parameter.POSITIONAL_ONLY, annotation="str | Path")
        keywords = inspect.signature(options).parameters.values()
        signature = inspect.signature(function).replace(parameters=[folder, *keywords])
        called.__signature__ = signature  # type: ignore[attr-defined]
        return called

    return decorate


def _as(kind: type[_Options], keywords: Any) -> _Options:
    """The part of the keywords that are options of the command."""
    return kind(**{field.name: getattr(keywords, field.name) for field in fields(kind)})  # type: ignore[arg-type]


def read(path: str | Path, *, format: str | None = None) -> list[Sample]:  # noqa: A002 - the field's word
    """The photos of a folder, a label file or one photo, with their labels, sorted by name.

    ``format`` is one of labelme, coco, yolo, voc, masks, folders, imglab, dicom; left out, the files show it. A folder
    of photos without any labels is read too: ``annotations`` is ``None`` for a photo nobody has labelled, ``()``
    for one that a person found empty. Nothing is left out silently: the first photo or label that can't be read
    is raised (:class:`DataError`), :class:`UsageError` where there is no dataset or its format can't be told.

    >>> import thirtyfold
    >>> samples = thirtyfold.read("datasets/faces")
    >>> len(samples), samples[0].image_path.name, (samples[0].width, samples[0].height)
    (12, 'visit1_0001.jpg', (640, 480))
    >>> [annotation.label for annotation in samples[0].annotations]
    ['face']
    """
    from thirtyfold.datasets.formats.table import FORMATS, candidates, detect, locate
    from thirtyfold.datasets.samples import read_sample
    from thirtyfold.errors import LabelError, UsageError
    from thirtyfold.images import is_image

    path = Path(path)
    if is_image(path) and path.is_file() and format in (None, "labelme"):
        return [read_sample(path, path.with_suffix(".json"))]
    source = locate(path)
    if format is None:
        only_photos = path.is_dir() and not candidates(source) and Dataset(path).image_paths()
        format = "labelme" if only_photos else detect(source)[0]  # noqa: A001
    if format not in FORMATS:
        raise UsageError(f"format {format}: one of {', '.join(FORMATS)} was expected")
    label_set = FORMATS[format].reader.read(source)
    if label_set.problems:
        raise label_set.problems[0]
    for entry in label_set.entries:
        if entry.embedded_in is not None:
            raise LabelError(
                entry.embedded_in, f"holds its photo inside; `thirtyfold convert {path} NEW --to labelme` takes it out"
            )
    return sorted((entry.sample for entry in label_set.entries), key=lambda sample: sample.image_path)


def write(
    samples: Sequence[Sample],
    folder: str | Path,
    *,
    format: str = "labelme",  # noqa: A002 - the field's word
    copy: bool = False,
) -> dict[str, int]:
    """Write photos and labels into a new ``folder`` as labelme, coco, yolo, voc, masks or folders.

    Returns what the format could not carry, by reason, and how many times: ``{}`` if nothing was lost
    (docs/formats.md has the reasons). Photos are linked where the disk can, or copied with ``copy``; those given
    stay as they are. The folder appears when it is whole. Raises :class:`UsageError` for another format or a
    folder that is not empty, :class:`DataError` where there is nothing to write.

    >>> import thirtyfold
    >>> samples = thirtyfold.read("datasets/faces")
    >>> thirtyfold.write(samples, "faces-coco", format="coco")
    {}
    >>> thirtyfold.read("faces-coco")[0].annotations[0].box_xyxy == samples[0].annotations[0].box_xyxy
    True
    """
    from thirtyfold.datasets.formats.convert import write_samples

    losses = write_samples(list(samples), Path(folder), to=format, copy=copy)
    return {reason: things for reason, (things, _) in losses.totals().items()}


def read_pixels(photo: str | Path | Sample) -> Pixels:
    """A photo, or a sample's, as RGB uint8 (height, width, 3), upright as a viewer shows it.

    OpenCV's own ``imread`` gives BGR. Raises :class:`ImageError`.

    >>> import thirtyfold
    >>> thirtyfold.read_pixels("datasets/faces/images/visit1_0001.jpg").shape
    (480, 640, 3)
    """
    from thirtyfold.datasets.pixels import read_pixels as pixels_of
    from thirtyfold.images import read_rgb

    return pixels_of(photo) if isinstance(photo, Sample) else read_rgb(Path(photo))


@_with_keywords(AugmentKeywords)
def augment_dataset(folder: Path, keywords: AugmentKeywords) -> AugmentResult:
    """Multiply the train photos of a dataset, as ``thirtyfold augment`` does; goes on where it was stopped.

    Takes that command's options as keywords: ``factor``, ``recipe``, ``seed``, ``workers``, ... Splits first if
    nobody has. Raises :class:`DataError`, :class:`UsageError`.

    >>> import thirtyfold
    >>> made = thirtyfold.augment_dataset("datasets/faces", factor=4, workers=1)
    >>> made.photos, made.copies
    (6, 24)
    """
    from thirtyfold.augment.writer import augment_dataset as multiply

    return multiply(Dataset(folder), _as(AugmentOptions, keywords), progress=keywords.progress)


@_with_keywords(TrainKeywords)
def train(folder: Path, keywords: TrainKeywords) -> TrainResult:
    """Train a model on a dataset and its copies, as ``thirtyfold train`` does, into a new folder of ``runs``.

    Takes that command's options as keywords: ``backbone``, ``weights``, ``size``, ``epochs``, ``seed``, ...
    ``result.run_dir`` is the run's folder, ``result.metrics["test"]`` the figures of the photos it has not seen.
    Only ImageNet weights are fetched, and only if ``weights`` asks for them. Raises :class:`DataError`,
    :class:`ModelError`, :class:`UsageError`.

    >>> import thirtyfold
    >>> made = thirtyfold.augment_dataset("datasets/faces", factor=4, workers=1)
    >>> result = thirtyfold.train("datasets/faces", backbone="scratch", size=64, epochs=1)
    >>> result.run_dir.as_posix()
    'runs/detect/1'
    """
    from thirtyfold.augment.online import augmenter_of
    from thirtyfold.model.train import train as train_model

    options = _as(TrainOptions, keywords)
    runs = Path(keywords.runs)
    return train_model(Dataset(folder), options, runs_dir=runs, augmenter_of=augmenter_of, progress=keywords.progress)


def load(
    run: str | Path = "latest", *, runs: str | Path = DEFAULT_RUNS, threshold: float | None = None, form: str = AUTO
) -> Detector:
    """A trained model, ready to be called: ``load(run)(pixels)`` gives annotations, best score first.

    ``run`` is a run's folder, a task's number (``detect/3``), ``latest`` (the one that ``runs`` got last), or for
    faces ``haar`` or ``yunet``, which need no training. It runs by LiteRT, without TensorFlow. ``threshold`` is the
    score (0 to 1) from which something counts as found, the run's own unless given. Loading runs no code from the
    folder. A model belongs to one thread at a time. Raises :class:`ModelError`.

    >>> import thirtyfold
    >>> find = thirtyfold.load("haar")
    >>> [face.label for face in find(thirtyfold.read_pixels("datasets/faces/images/visit1_0002.jpg"))]
    ['face']
    """
    from thirtyfold.predict.detectors import find_model, open_detector

    return open_detector(find_model(run, Path(runs)), threshold=threshold, form=form)


def draw(pixels: Pixels, annotations: Sequence[Annotation], *, names: bool = True) -> Pixels:
    """A copy of RGB uint8 ``pixels`` (height, width, 3) with outlines on it, and labels and scores if ``names``.

    >>> import thirtyfold
    >>> sample = thirtyfold.read("datasets/faces")[0]
    >>> pixels = thirtyfold.read_pixels(sample)
    >>> drawn = thirtyfold.draw(pixels, sample.annotations)
    >>> drawn.shape == pixels.shape, bool((drawn == pixels).all())
    (True, False)
    """
    from thirtyfold.drawing import draw_annotations
    from thirtyfold.images import require_rgb

    require_rgb(pixels)
    return draw_annotations(pixels, annotations, names=names)
