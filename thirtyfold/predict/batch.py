"""The objects in pictures and folders: what `thirtyfold predict` does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold.datasets.machine_made import AREA_PX
from thirtyfold.drawing import Color
from thirtyfold.errors import ImageError, NothingToDo, UsageError
from thirtyfold.images import Pixels, is_image, read_rgb
from thirtyfold.predict.answers import (
    AnswerOptions,
    is_whole,
    ranked_of,
    whole_columns,
    whole_rows,
    with_top,
    write_csv,
)
from thirtyfold.predict.attribute_heads import ANSWERS, rounded_answers
from thirtyfold.predict.chain import THEN, Chain, all_labels, full_label, verdict_dict, verdict_of
from thirtyfold.predict.crops import Crop, CropOptions
from thirtyfold.predict.detectors import Model, open_detector
from thirtyfold.predict.forms import AUTO
from thirtyfold.predict.label_colors import colors_for
from thirtyfold.predict.outputs import Outputs
from thirtyfold.predict.recognizer import open_second
from thirtyfold.predict.segment_options import SegmentOptions
from thirtyfold.predict.segmenter import with_options
from thirtyfold.predict.steps import Steps, look
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, Sample
from thirtyfold.workspace import is_set_aside

_VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".gif"})


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
    crops: tuple[Crop, ...] = ()
    masks: tuple[Path, ...] = ()
    mm_per_pixel: float | None = None
    top: int | None = None
    steps: tuple[Steps, ...] = ()

    def to_list(self) -> list[dict[str, Any]]:
        """For ``--json``: points in pixels of the upright original, to a hundredth."""
        cut = {id(crop.annotation): {"crop": str(crop.path)} for crop in self.crops}
        debugs = [{"debug": steps.to_dict()} for steps in self.steps] or [{}] * len(self.samples)
        return [
            {
                "image_path": str(sample.image_path),
                "width": sample.width,
                "height": sample.height,
                "annotations": [
                    _annotation_dict(annotation) | self._area(annotation) | cut.get(id(annotation), {})
                    for annotation in sample.annotations or ()
                ],
            }
            | debug
            for sample, debug in zip(self.samples, debugs, strict=True)
        ]

    def columns(self) -> tuple[str, ...]:
        """The titles of :meth:`rows`; areas stand there where outlines were found."""
        if is_whole(self.samples):
            return whole_columns(self.samples, self.top)
        unit = "px" if self.mm_per_pixel is None else "mm²"
        return ("photo", "label", "score", "left, top, right, bottom", *([f"area, {unit}"] if self._outlined else []))

    def rows(self) -> list[tuple[str, ...]]:
        """A line an object for a table; pictures without any get a line, too. Of classes a line a picture."""
        if is_whole(self.samples):
            return whole_rows(self.samples, self.top)
        rows = []
        for sample in self.samples:
            for annotation in sample.annotations or ():
                box = ", ".join(f"{value:.0f}" for value in annotation.box_xyxy)
                verdict = verdict_of(annotation)
                score = annotation.score if verdict is None else verdict.score
                areas = [f"{area:,.4g}" if area < 1e4 else f"{area:,.0f}" for area in self._area(annotation).values()]
                row = (str(sample.image_path), full_label(annotation), f"{score or 0:.2f}", box)
                rows.append((*row, *((areas or [""])[-1:] if self._outlined else [])))
            if not sample.annotations:
                rows.append((str(sample.image_path), "nothing", "", "", *([""] if self._outlined else [])))
        return rows

    def remarks(self) -> list[str]:
        """What happened to each picture, where that was asked for."""
        return [
            line
            for sample, steps in zip(self.samples, self.steps, strict=False)
            for line in (str(sample.image_path), *(f"  {said}" for said in steps.lines()))
        ]

    @property
    def _outlined(self) -> bool:
        return any(AREA_PX in annotation.extra for sample in self.samples for annotation in sample.annotations or ())

    def _area(self, annotation: Annotation) -> dict[str, float]:
        if AREA_PX not in annotation.extra:
            return {}
        area_px = float(annotation.extra[AREA_PX])
        if self.mm_per_pixel is None:
            return {AREA_PX: area_px}
        return {AREA_PX: area_px, "area_mm2": round(area_px * self.mm_per_pixel**2, 4)}


def predict_paths(
    sources: Sequence[Path],
    model: Model,
    *,
    threshold: float | None = None,
    form: str = AUTO,
    then: Model | None = None,
    colors: Mapping[str, Color] | None = None,
    save_dir: Path | None = None,
    crops: CropOptions | None = None,
    segments: SegmentOptions | None = None,
    answers: AnswerOptions | None = None,
    progress: Progress = SILENT,
) -> PredictResult:
    """Find the objects in pictures and in folders of pictures; a second model, ``then``, looks at each of them.

    With ``save_dir`` the pictures with their boxes are written there as JPEG, under the
    names they have below their folder; ``colors`` are RGB by label where the usual ones are not wanted. With ``crops``
    every object is cut out into a file of its own (:mod:`thirtyfold.predict.crops`). ``segments`` are for models that
    outline; ``answers`` are what else is to be said of what was found. A picture that can't be read becomes one of
    ``problems`` and the rest goes on. Raises :class:`UsageError` for a source that is not
    there and a place to save to that would mix with the originals, :class:`NothingToDo`
    where there are no pictures, and what :func:`thirtyfold.predict.detectors.open_detector` raises.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold {threshold}: a score between 0 and 1 was expected")
    pictures = find_pictures(sources, save_dir=save_dir)
    segments, answers = segments or SegmentOptions(), answers or AnswerOptions()
    predictor = with_options(open_detector(model, threshold=threshold, form=form, progress=progress), segments)
    predictor = with_top(predictor, answers.top)
    mask_classes = predictor.classes
    if then is not None:
        predictor = Chain(predictor, open_second(then, progress), remember=False, limit=None)
    outputs = Outputs(
        save_dir=save_dir,
        crops=crops,
        segments=segments,
        explain=answers.explain,
        mask_classes=mask_classes,
        inks=colors_for(all_labels(predictor), colors),
        originals={picture.path.resolve() for picture in pictures},
    )
    samples: list[Sample] = []
    steps: list[Steps] = []
    problems: list[ImageError] = []
    with progress.bar("predict", total=len(pictures), unit="picture") as bar:
        for picture in pictures:
            began = time.perf_counter()
            try:
                pixels = read_rgb(picture.path)
            except ImageError as error:
                problems.append(error)
                progress.say(f"left out: {error}")
            else:
                found, taken = look(pixels, predictor, read_ms=(time.perf_counter() - began) * 1000)
                samples.append(_sample(picture.path, pixels, found))
                steps.append(taken)
                outputs.add(picture.path, picture.relative, pixels, found)
            bar.advance()
    if answers.csv is not None:
        write_csv(answers.csv, samples, answers.top)
        progress.say(f"{len(samples)} pictures are in {answers.csv}")
    for line in outputs.finish():
        progress.say(line)
    return PredictResult(
        samples=tuple(samples),
        problems=tuple(problems),
        saved=outputs.saved,
        crops=outputs.crops,
        masks=outputs.masks,
        mm_per_pixel=segments.mm_per_pixel,
        top=answers.top,
        steps=tuple(steps) if answers.debug else (),
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


def _pictures_of(source: Path, saving_to: Path | None) -> Iterator[Picture]:
    if source.is_dir():
        for path in _walk(source, saving_to):
            yield Picture(path, path.relative_to(source))
    elif not source.exists():
        raise UsageError(f"{source}: no such picture or folder")
    elif source.suffix.lower() in _VIDEO_SUFFIXES:
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
            if not name.startswith(".") and not is_set_aside(here / name) and (here / name).resolve() != saving_to
        )
        yield from (here / name for name in sorted(names) if is_image(here / name) and not is_set_aside(here / name))


def _sample(path: Path, pixels: Pixels, found: tuple[Annotation, ...]) -> Sample:
    height, width = pixels.shape[:2]
    return Sample(image_path=path, width=width, height=height, annotations=found)


def _annotation_dict(annotation: Annotation) -> dict[str, Any]:
    verdict = verdict_of(annotation)
    said = None if verdict is None else verdict_dict(verdict)
    ranked = ranked_of(annotation)
    return {
        "label": annotation.label,
        "kind": annotation.kind,
        "points": [[round(x, 2), round(y, 2)] for x, y in annotation.points],
        "score": None if annotation.score is None else round(annotation.score, 4),
        **({THEN: said} if THEN in annotation.extra else {}),
        **({"ranked": [[label, round(score, 6)] for label, score in ranked]} if ranked else {}),
        **({ANSWERS: rounded_answers(annotation.extra[ANSWERS])} if ANSWERS in annotation.extra else {}),
    }
