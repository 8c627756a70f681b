"""Objects cut out of pictures, each into a file of its own.

A box becomes a JPEG (a PNG where the photo was kept without loss), anything with an outline a PNG whose pixels outside
of it are transparent, holes as well. Files are called after photo, class and number (``street_face_002.jpg``), and
``index.csv`` says where each came from.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold import files
from thirtyfold.errors import UsageError
from thirtyfold.images import encode_jpeg
from thirtyfold.predict.chain import MOST_MARGIN, SMALLEST_PX, crop, verdict_of
from thirtyfold.sample import Annotation, BoxXyxy
from thirtyfold.workspace import safe_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from thirtyfold.images import Pixels

INDEX_NAME = "index.csv"
COLUMNS = ("file", "photo", "label", "score", "left", "top", "right", "bottom", "verdict", "verdict_score")
_LOSSLESS = frozenset({".png", ".bmp", ".tif", ".tiff"})
_OUTLINED = frozenset({"polygon", "circle", "mask"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CropOptions:
    """``folder`` is new or empty; ``margin_share`` of an object's sides is added all round.

    What has a score below ``min_score`` is left out. ``by_class``: a folder for each class, as a classifier learns
    from; there what is smaller than :data:`~thirtyfold.predict.chain.SMALLEST_PX` is left out as well.
    """

    folder: Path
    margin_share: float = 0.0
    min_score: float = 0.0
    by_class: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.margin_share <= MOST_MARGIN:
            raise UsageError(f"--margin {self.margin_share}: a share between 0 and {MOST_MARGIN:g} was expected")
        if not 0 <= self.min_score <= 1:
            raise UsageError(f"--min-score {self.min_score}: a score between 0 and 1 was expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One object in its file ``path``, cut out of ``photo``; ``box_xyxy`` is the object's own, without the margin."""

    path: Path
    photo: Path
    annotation: Annotation

    @property
    def box_xyxy(self) -> BoxXyxy:
        return self.annotation.box_xyxy

    def to_dict(self) -> dict[str, Any]:
        """A line of ``index.csv``; its ``file`` is the path as it is."""
        verdict = verdict_of(self.annotation)
        score = self.annotation.score
        left, top, right, bottom = (round(value, 2) for value in self.box_xyxy)
        return {
            "file": str(self.path),
            "photo": str(self.photo),
            "label": self.annotation.label,
            "score": None if score is None else round(score, 4),
            "left": left,
            "top": top,
            "right": right,
            "bottom": bottom,
            "verdict": None if verdict is None else verdict.label,
            "verdict_score": None if verdict is None else round(verdict.score, 4),
        }


class CropFolder:
    """Writes cut-outs, and a line of ``index.csv`` for each as it is written, so that a run cut short loses none.

    Raises :class:`UsageError` if the folder is not empty.
    """

    def __init__(self, options: CropOptions) -> None:
        folder = options.folder
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"--crops {folder}: is there already; choose a new folder")
        self.folder = folder
        self.written: list[Crop] = []
        self.left_out = 0
        self._options = options
        self._index = folder / INDEX_NAME
        self._has_index = False
        self._taken: set[str] = set()
        self._class_folders: dict[str, str] = {}

    def add(
        self, photo: Path, relative: Path, pixels: Pixels, annotations: Sequence[Annotation], *, part: str | None = None
    ) -> None:
        """Cut ``annotations`` out of RGB ``pixels`` (height, width, 3), those of ``photo``.

        ``relative`` is the photo's name with the folders that its cut-outs are put into, too. ``part`` is that of the
        split, a folder above the class.
        """
        counts: dict[str, int] = {}
        for annotation in annotations:
            if annotation.score is not None and annotation.score < self._options.min_score:
                continue
            cut = cut_out(pixels, annotation, margin_share=self._options.margin_share)
            if not cut.size or (self._options.by_class and min(cut.shape[:2]) < SMALLEST_PX):
                self.left_out += 1
                continue
            name = safe_name(annotation.label, limit=40)
            counts[name.casefold()] = number = counts.get(name.casefold(), 0) + 1
            suffix, data = encoded(cut, lossless=photo.suffix.lower() in _LOSSLESS)
            path = self._free(relative, annotation.label, name, number, suffix, part)
            files.write_bytes(self.folder / path, data, durable=False)
            made = Crop(path=self.folder / path, photo=photo, annotation=annotation)
            self.begin_index()
            self._add_to_index({**made.to_dict(), "file": path.as_posix()}.values())
            self.written.append(made)

    def begin_index(self) -> None:
        """Write the titles of ``index.csv``, where no cut-out has done so: an empty table says that there are none."""
        if not self._has_index:
            self._has_index = True
            self._add_to_index(COLUMNS)

    def _add_to_index(self, cells: Iterable[object]) -> None:
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="").writerow(cells)
        files.append_line(self._index, line.getvalue(), durable=False)

    def _free(self, relative: Path, label: str, name: str, number: int, suffix: str, part: str | None) -> Path:
        """A place that nothing else of this run has: two photos may differ in their ending only."""
        stem = files.cut_to_bytes(relative.stem, 120)
        again = 1
        while True:
            photo = stem if again == 1 else f"{stem}-{again}"
            if self._options.by_class:
                flat = "-".join((*relative.parts[:-1], photo))
                path = Path(
                    part or "", self._class_folder(label), f"{files.cut_to_bytes(flat, 200)}_{number:03d}{suffix}"
                )
            else:
                path = relative.with_name(f"{photo}_{name}_{number:03d}{suffix}")
            # Windows and macOS tell no capitals apart.
            if (key := path.as_posix().casefold()) not in self._taken:
                self._taken.add(key)
                return path
            again += 1

    def _class_folder(self, label: str) -> str:
        """The folder of a label, and of no other: two labels may differ only in letters that no file name can have."""
        if label not in self._class_folders:
            from thirtyfold.datasets.formats.class_folders import NO_CLASSES
            from thirtyfold.datasets.formats.label_set import part_named

            name = safe_name(label)
            name = f"_{name}" if part_named(name) or name.lower() in NO_CLASSES else name
            known = {folder.casefold() for folder in self._class_folders.values()}
            free, again = name, 1
            while free.casefold() in known:
                again += 1
                free = f"{name}-{again}"
            self._class_folders[label] = free
        return self._class_folders[label]


def cut_out(pixels: Pixels, annotation: Annotation, *, margin_share: float = 0.0) -> NDArray[np.uint8]:
    """An object of RGB ``pixels`` (height, width, 3) as a picture of its own, in new memory; empty if it lies outside.

    A box is RGB; what has an outline is RGBA, 255 where the centre of a pixel lies inside by the even-odd rule, and
    black and transparent elsewhere.
    """
    if annotation.kind not in _OUTLINED:
        return crop(pixels, annotation.box_xyxy, margin_share=margin_share)
    import numpy as np

    from thirtyfold.datasets.formats import regions
    from thirtyfold.datasets.rasterize import label_map

    height, width = pixels.shape[:2]
    left, top, right, bottom = regions.extent(annotation)
    dx, dy = margin_share * (right - left), margin_share * (bottom - top)
    x1, y1 = max(0, math.floor(left - dx)), max(0, math.floor(top - dy))
    x2, y2 = min(width, math.ceil(right + dx)), min(height, math.ceil(bottom + dy))
    if x1 >= x2 or y1 >= y2:
        return np.empty((0, 0, 4), np.uint8)
    shift = (1.0, (float(-x1), float(-y1)))
    inside = label_map([annotation], {annotation.label: 1}, (x2 - x1, y2 - y1), transform=shift) == 1
    rgba = np.zeros((y2 - y1, x2 - x1, 4), np.uint8)
    rgba[inside, :3] = pixels[y1:y2, x1:x2][inside]
    rgba[inside, 3] = 255
    return rgba


def encoded(cut: NDArray[np.uint8], *, lossless: bool = False) -> tuple[str, bytes]:
    """The ending and the bytes of a cut-out's file: PNG for RGBA, or where ``lossless``, else JPEG."""
    import cv2

    if cut.shape[2] == 3 and not lossless:
        return ".jpg", encode_jpeg(cut)
    to_file = cv2.COLOR_RGBA2BGRA if cut.shape[2] == 4 else cv2.COLOR_RGB2BGR
    ok, data = cv2.imencode(".png", cv2.cvtColor(cut, to_file))
    if not ok:
        raise ValueError(f"a picture of shape {cut.shape} cannot be written as PNG")
    return ".png", data.tobytes()
