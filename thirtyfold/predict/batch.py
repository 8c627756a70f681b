"""The objects in pictures and folders: what `thirtyfold predict` does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.drawing import draw_annotations
from thirtyfold.errors import ImageError, NothingToDo, UsageError
from thirtyfold.images import Pixels, encode_jpeg, is_image, read_rgb
from thirtyfold.predict.chain import THEN, Chain, DetectorAsSecond, caption, full_label, in_its_colour, verdict_of
from thirtyfold.predict.detectors import Detector, Model, open_detector
from thirtyfold.predict.forms import AUTO
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, Sample

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".gif"})
# Copies of a dataset's photos, and photos somebody threw out: not what "all of this folder" means.
SKIPPED_FOLDERS = frozenset({"augmented", "discarded"})
# Stands in every picture that `--save` writes, as a JPEG comment. What has it may be written over.
_MARK = b"drawn by thirtyfold predict"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to look at, and its name (with folders) below the place to save to."""

    path: Path
    relative: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictResult:
    """What was found: a sample a picture that could be read, in the order given; the others in ``problems``."""

    samples: tuple[Sample, ...]
    problems: tuple[ImageError, ...] = ()
    saved: tuple[Path, ...] = ()

    def to_list(self) -> list[dict[str, Any]]:
        """For ``--json``: points in pixels of the upright original, to a hundredth."""
        return [
            {
                "image_path": str(sample.image_path),
                "width": sample.width,
                "height": sample.height,
                "annotations": [_annotation_dict(annotation) for annotation in sample.annotations or ()],
            }
            for sample in self.samples
        ]

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(photo, label, score, box) for a table, a line an object; pictures without any get a line, too."""
        rows = []
        for sample in self.samples:
            for annotation in sample.annotations or ():
                box = ", ".join(f"{value:.0f}" for value in annotation.box_xyxy)
                verdict = verdict_of(annotation)
                score = annotation.score if verdict is None else verdict.score
                rows.append((str(sample.image_path), full_label(annotation), f"{score or 0:.2f}", box))
            if not sample.annotations:
                rows.append((str(sample.image_path), "nothing", "", ""))
        return rows


def predict_paths(
    sources: Sequence[Path],
    model: Model,
    *,
    threshold: float | None = None,
    form: str = AUTO,
    then: Model | None = None,
    save_dir: Path | None = None,
    progress: Progress = SILENT,
) -> PredictResult:
    """Find the objects in pictures and in folders of pictures; a second model, ``then``, looks at each of them.

    With ``save_dir`` the pictures with their boxes are written there as JPEG, under the
    names they have below their folder. A picture that can't be read becomes one of
    ``problems`` and the rest goes on. Raises :class:`UsageError` for a source that is not
    there and a place to save to that would mix with the originals, :class:`NothingToDo`
    where there are no pictures, and what :func:`thirtyfold.predict.detectors.open_detector` raises.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold {threshold}: a score between 0 and 1 was expected")
    pictures = find_pictures(sources, save_dir=save_dir)
    predictor = open_detector(model, threshold=threshold, form=form, progress=progress)
    if then is not None:
        second = DetectorAsSecond(open_detector(then, progress=progress))
        predictor = Chain(predictor, second, remember=False, limit=None)
    samples: list[Sample] = []
    problems: list[ImageError] = []
    saver = Saver(save_dir, {picture.path.resolve() for picture in pictures}) if save_dir is not None else None
    with progress.bar("predict", total=len(pictures), unit="picture") as bar:
        for picture in pictures:
            try:
                pixels = read_rgb(picture.path)
            except ImageError as error:
                problems.append(error)
                progress.say(f"left out: {error}")
            else:
                sample = _sample(picture.path, pixels, predictor)
                samples.append(sample)
                if saver is not None:
                    found = sample.annotations or ()
                    drawn = draw_annotations(pixels, [*map(in_its_colour, found)], texts=[*map(caption, found)])
                    saver.save(picture.relative, drawn)
            bar.advance()
    if saver is not None:
        progress.say(f"{len(saver.written)} pictures with their boxes are in {save_dir}")
    return PredictResult(
        samples=tuple(samples), problems=tuple(problems), saved=tuple(saver.written) if saver is not None else ()
    )


def find_pictures(sources: Sequence[Path], *, save_dir: Path | None = None) -> list[Picture]:
    """The pictures that ``sources`` name, folders walked in sorted order, each picture once.

    Left out in folders: files and folders that start with a dot, augmented copies, and
    what lies in ``save_dir``. Raises as :func:`predict_paths` does.
    """
    if not sources:
        raise UsageError("nothing to look at: give pictures or folders, like `thirtyfold predict photo.jpg`")
    saving_to = save_dir.resolve() if save_dir is not None else None
    found: dict[Path, Picture] = {}
    for source in sources:
        for picture in _pictures_of(source, saving_to):
            found.setdefault(picture.path.resolve(), picture)
    if not found:
        raise NothingToDo(f"no pictures in {', '.join(map(str, sources))}; JPEG, PNG, BMP, WebP and TIFF are read")
    if saving_to is not None and any(path.parent == saving_to for path in found):
        raise UsageError(f"--save {save_dir}: the originals lie there; choose another folder, like {save_dir}-found")
    return list(found.values())


class Saver:
    """Writes drawn pictures below ``folder``; never over a file that it did not draw itself, on this run or before."""

    def __init__(self, folder: Path, originals: set[Path]) -> None:
        self.written: list[Path] = []
        self._folder = folder
        self._taken = set(originals)

    def save(self, relative: Path, pixels: Pixels) -> Path:
        """Write RGB ``pixels`` under ``relative``, as .jpg, and return where."""
        path = self._folder / relative.with_suffix(".jpg")
        number = 1
        while path.resolve() in self._taken or (path.exists() and not _is_ours(path)):
            number += 1
            path = self._folder / relative.with_name(f"{relative.stem}-{number}.jpg")
        self._taken.add(path.resolve())
        files.write_bytes(path, _marked(encode_jpeg(pixels)), durable=False)
        self.written.append(path)
        return path


def _pictures_of(source: Path, saving_to: Path | None) -> Iterator[Picture]:
    if source.is_dir():
        for path in _walk(source, saving_to):
            yield Picture(path, path.relative_to(source))
    elif not source.exists():
        raise UsageError(f"{source}: no such picture or folder")
    elif source.suffix.lower() in VIDEO_SUFFIXES:
        raise UsageError(
            f"{source}: is a video; use `thirtyfold live --source {source} --view none --save found.mp4`, "
            "or take photos out of it with `thirtyfold capture --source`"
        )
    else:
        # Whatever its name: who names a file wants it looked at.
        yield Picture(source, Path(source.name))


def _walk(folder: Path, saving_to: Path | None) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in SKIPPED_FOLDERS and (here / name).resolve() != saving_to
        )
        yield from (here / name for name in sorted(names) if is_image(here / name))


def _sample(path: Path, pixels: Pixels, predictor: Detector) -> Sample:
    height, width = pixels.shape[:2]
    return Sample(image_path=path, width=width, height=height, annotations=predictor(pixels))


def _annotation_dict(annotation: Annotation) -> dict[str, Any]:
    verdict = verdict_of(annotation)
    said = None if verdict is None else {"label": verdict.label, "score": round(verdict.score, 4)}
    return {
        "label": annotation.label,
        "kind": annotation.kind,
        "points": [[round(x, 2), round(y, 2)] for x, y in annotation.points],
        "score": None if annotation.score is None else round(annotation.score, 4),
        **({THEN: said} if THEN in annotation.extra else {}),
    }


def _marked(jpeg: bytes) -> bytes:
    """A JPEG file with our comment right behind its start marker (ITU T.81, B.2.4.5)."""
    return jpeg[:2] + b"\xff\xfe" + (len(_MARK) + 2).to_bytes(2, "big") + _MARK + jpeg[2:]


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _MARK in stream.read(64)
    except OSError:
        return False
