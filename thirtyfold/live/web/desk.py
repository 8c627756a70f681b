"""The photos that wait for a person, and the one place where a page's corrections reach the disk."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import has_machine_made_labels, is_machine_made
from thirtyfold.drawing import color_of
from thirtyfold.errors import LabelError, UsageError
from thirtyfold.images import encode_jpeg, read_rgb, read_size
from thirtyfold.live.web.corrections import Correction, corrected, settled_by_page
from thirtyfold.workspace import Dataset

# A page has no more pixels than this, and a phone's line has to carry them.
_LONGEST_SIDE = 2560
_JPEG_QUALITY = 88
_NO_FILE = "none"


class NoSuchPhoto(UsageError):  # noqa: N818 - the sentence reads so
    """A number that is on no list of ours."""


class ChangedMeanwhile(UsageError):  # noqa: N818
    """The labels on the disk are not those that the page was shown; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A photo to look at, and why."""

    image_path: Path
    why: str


class ReviewDesk:
    """Photos by number, never by name: what is on no list of ours cannot be asked for.

    ``choose`` says what waits, anew for each list; ``labels`` which may be given. To be called from any
    thread: one correction is written at a time, under the dataset's lock.
    """

    def __init__(
        self, dataset: Dataset, *, choose: Callable[[], Sequence[Waiting]], labels: Callable[[], Sequence[str]]
    ) -> None:
        self._dataset = dataset
        self._choose = choose
        self._labels = labels
        self._numbers: dict[Path, int] = {}
        self._photos: list[Waiting] = []
        self._before: dict[int, LabelFile | None] = {}
        self._after: dict[int, LabelFile] = {}
        self._listing = threading.Lock()
        self._writing = threading.Lock()

    def listing(self) -> dict[str, Any]:
        """The photos that wait, and those saved here, as JSON's values. A photo keeps its number."""
        with self._listing:
            for waiting in self._choose():
                if waiting.image_path not in self._numbers:
                    self._numbers[waiting.image_path] = len(self._photos)
                    self._photos.append(waiting)
            return {
                "dataset": self._dataset.root.name or str(self._dataset.root),
                "labels": [{"label": label, "color": _hex(label)} for label in self._labels()],
                "photos": [
                    {
                        "photo": number,
                        "name": waiting.image_path.name,
                        "why": waiting.why,
                        "done": number in self._after,
                    }
                    for number, waiting in enumerate(self._photos)
                ],
            }

    def labels_of(self, photo: int) -> dict[str, Any]:
        """A photo's size and shapes, and the version of its label file.

        Raises :class:`NoSuchPhoto`, :class:`ImageError` and :class:`LabelError`.
        """
        image_path = self._image_path(photo)
        label_file, version = self._read(image_path)
        width, height = read_size(image_path)
        return {
            "photo": photo,
            "version": version,
            "size_wh": [width, height],
            "machine_made": is_machine_made(label_file),
            "shapes": [
                {
                    "was": index,
                    "label": shape.label,
                    "color": _hex(shape.label),
                    "kind": shape.kind,
                    "score": shape.score,
                    "points": shape.points,
                    "box_xyxy": shape.box_xyxy,
                }
                for index, shape in enumerate(label_file.annotations)
            ],
        }

    def picture_of(self, photo: int) -> bytes:
        """The upright photo as JPEG, made smaller where it has more pixels than a page. Raises as above."""
        import cv2

        pixels = read_rgb(self._image_path(photo))
        height, width = pixels.shape[:2]
        scale = _LONGEST_SIDE / max(height, width)
        if scale < 1:
            small_wh = max(1, round(width * scale)), max(1, round(height * scale))
            pixels = cv2.resize(pixels, small_wh, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return encode_jpeg(pixels, quality=_JPEG_QUALITY)

    def save(self, correction: Correction) -> None:
        """Write the labels beside the photo, whole or not at all.

        Raises :class:`ChangedMeanwhile` if somebody else did since they were shown, :class:`UsageError` for
        shapes that cannot be and while another command holds the dataset, :class:`DataError` if the disk is full.
        """
        image_path = self._image_path(correction.photo)
        with self._writing, self._dataset.lock("save"):
            before, version = self._read(image_path)
            if version != correction.version:
                raise ChangedMeanwhile(
                    f"{image_path.name}: its labels were changed meanwhile by somebody else; nothing was saved here"
                )
            width, height = read_size(image_path)
            annotations = corrected(before, correction.shapes, labels=self._labels(), size_wh=(width, height))
            after = replace(
                settled_by_page(before, annotations, had_file=version != _NO_FILE),
                image_path=image_path.name,
                image_data=None,
                width=width,
                height=height,
            )
            labelme_json.write(image_path.with_suffix(".json"), after)
            self._before.setdefault(correction.photo, None if version == _NO_FILE else before)
            self._after[correction.photo] = after

    def changes(self) -> list[tuple[LabelFile | None, LabelFile]]:
        """The labels before and after of each photo that was saved here."""
        return [(self._before[photo], after) for photo, after in list(self._after.items())]

    def _image_path(self, photo: int) -> Path:
        with self._listing:
            if not 0 <= photo < len(self._photos):
                raise NoSuchPhoto("there is no such photo on the list; load the page again")
            return self._photos[photo].image_path

    def _read(self, image_path: Path) -> tuple[LabelFile, str]:
        """The photo's labels, an empty file where it has none, and their version."""
        path = self._dataset.label_path(image_path)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return LabelFile(image_path=image_path.name, width=None, height=None), _NO_FILE
        except OSError as error:
            raise LabelError(path, f"cannot be opened ({error.strerror or error})") from error
        return labelme_json.parse(data, path), hashlib.sha256(data).hexdigest()


class MachineMadePhotos:
    """The photos with labels that a model drew and nobody has looked at; none where there is no dataset yet.

    Label files that are as they were are not read again: some carry their photo inside.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._known: dict[Path, tuple[tuple[int, int], bool]] = {}

    def __call__(self) -> list[Waiting]:
        if not self._dataset.root.is_dir():
            return []
        paths = [path for path in self._dataset.image_paths() if self._is_one(self._dataset.label_path(path))]
        return [Waiting(image_path=path, why="a model drew it") for path in paths]

    def _is_one(self, label_path: Path) -> bool:
        try:
            status = label_path.stat()
        except OSError:
            return False
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._known.get(label_path)
        if known is None or known[0] != stamp:
            known = self._known[label_path] = (stamp, has_machine_made_labels(label_path))
        return known[1]


def _hex(label: str) -> str:
    return "#" + bytes(color_of(label)).hex()
