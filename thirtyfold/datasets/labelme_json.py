"""labelme's JSON, read and written without loss.

Format: labelme 4 to 7, https://github.com/wkentaro/labelme (``_label_file.py``), and
the dialect of X-AnyLabeling, which writes rectangles with four corners. We keep our
own codec, as labelme has no Python interface: every key that we don't know survives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.reading import is_coordinate, is_finite, read_label_bytes
from thirtyfold.errors import LabelError
from thirtyfold.sample import Annotation, Point

# What labelme 5 and 6 write; labelme 7 reads it.
VERSION = "5.5.0"
_SHAPE_KEYS = ("label", "points", "shape_type", "group_id")
# Written for every shape, as labelme does; not worth keeping as "unknown keys".
_SHAPE_DEFAULTS: Mapping[str, Any] = {"description": "", "flags": {}, "mask": None}
# Other programs keep top-level keys that they don't know, so ours has a name that nobody else uses.
_LINEAGE = "thirtyfold"
_FILE_KEYS = ("version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFile:
    """One labelme file. ``image_path`` is what stands in it, backslashes and all.

    ``width`` and ``height`` are ``None`` where the file does not say. ``image_data`` is
    the base64 text of an embedded picture.
    """

    image_path: str
    width: int | None
    height: int | None
    annotations: tuple[Annotation, ...] = ()
    flags: Mapping[str, Any] = field(default_factory=dict, hash=False)
    version: str = VERSION
    image_data: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def tags(self) -> tuple[str, ...]:
        """The ticked flags: classes of the whole image."""
        return tuple(name for name, ticked in self.flags.items() if ticked)

    @property
    def lineage(self) -> Mapping[str, Any]:
        """What thirtyfold itself notes in the file, under the top-level key ``"thirtyfold"``; ``{}`` if nothing."""
        lineage = self.extra.get(_LINEAGE)
        return lineage if isinstance(lineage, Mapping) else {}

    def with_lineage(self, lineage: Mapping[str, Any]) -> LabelFile:
        """The same file with that ``lineage``; without the key if it is empty."""
        rest = {key: value for key, value in self.extra.items() if key != _LINEAGE}
        return replace(self, extra=rest | ({_LINEAGE: dict(lineage)} if lineage else {}))

    @property
    def image_name(self) -> str:
        """The bare file name of the image, whatever folders and slashes stand before it."""
        return PurePosixPath(self.image_path.replace("\\", "/")).name


def read(path: Path) -> LabelFile:
    """Read one labelme file. Raises :class:`LabelError`, naming the shape that is wrong."""
    return parse(read_label_bytes(path), path)


def parse(data: bytes, path: Path) -> LabelFile:
    """A labelme file's bytes; ``path`` is for the error's text. Raises :class:`LabelError`."""
    try:
        raw = files.parse_json(data)
    except UnicodeDecodeError as error:
        raise LabelError(path, "is not UTF-8 text; save it again from labelme") from error
    except ValueError as error:
        raise LabelError(path, f"is not JSON ({error}); save it again from labelme") from error
    return from_dict(raw, path)


def from_dict(raw: Any, path: Path) -> LabelFile:
    """A parsed labelme file; ``path`` is for the error's text. Raises :class:`LabelError`."""
    if not isinstance(raw, dict) or not isinstance(raw.get("shapes"), list):
        raise LabelError(path, 'is not a labelme file: an object with a list "shapes" was expected')
    flags = raw.get("flags") or {}
    if not isinstance(flags, dict):
        raise LabelError(path, '"flags" must be an object of true and false')
    image_data = raw.get("imageData")
    if image_data is not None and not isinstance(image_data, str):
        raise LabelError(path, '"imageData" must be text (a picture in base64) or null')
    return LabelFile(
        image_path=str(raw.get("imagePath") or ""),
        width=_size(raw.get("imageWidth"), "imageWidth", path),
        height=_size(raw.get("imageHeight"), "imageHeight", path),
        annotations=tuple(_shape_from(shape, index, path) for index, shape in enumerate(raw["shapes"])),
        flags=flags,
        version=str(raw.get("version") or VERSION),
        image_data=image_data,
        extra={key: value for key, value in raw.items() if key not in _FILE_KEYS},
    )


def to_dict(label_file: LabelFile) -> dict[str, Any]:
    """The JSON object of a label file, keys in labelme's order."""
    return {
        "version": label_file.version,
        "flags": dict(label_file.flags),
        "shapes": [_shape_to(annotation) for annotation in label_file.annotations],
        "imagePath": label_file.image_path,
        "imageData": label_file.image_data,
        "imageHeight": label_file.height,
        "imageWidth": label_file.width,
        **label_file.extra,
    }


def write(path: Path, label_file: LabelFile, *, durable: bool = True) -> None:
    """Write a labelme file, atomically. The same label file gives the same bytes."""
    files.write_json(path, to_dict(label_file), durable=durable)


def to_line(label_file: LabelFile) -> bytes:
    """The same JSON in one line, as copies have it: half the bytes, a third of the time, and labelme opens it too."""
    raw = to_dict(label_file)
    try:
        return json.dumps(raw, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:  # half a character, which JSON can hold as \udc80 and UTF-8 can't
        return json.dumps(raw).encode("ascii") + b"\n"


def _shape_from(raw: Any, index: int, path: Path) -> Annotation:
    where = f"shapes[{index}]"
    if not isinstance(raw, dict):
        raise LabelError(path, f"{where} is not an object")
    label, points, kind = raw.get("label"), raw.get("points"), raw.get("shape_type") or "polygon"
    if not isinstance(label, str):
        raise LabelError(path, f"{where} has no label; open it in labelme and name the shape")
    if not isinstance(points, list) or not points:
        raise LabelError(path, f"{where} ({label}) has no points; delete it in labelme")
    pairs = tuple(_point_from(point, f"{where} ({label})", path) for point in points)
    group = raw.get("group_id")
    extra = {
        key: value
        for key, value in raw.items()
        if key not in _SHAPE_KEYS and not (key in _SHAPE_DEFAULTS and value == _SHAPE_DEFAULTS[key])
    }
    score = extra.get("score")
    if is_finite(score):
        del extra["score"]
        score = float(score)
    else:
        score = None
    if group is not None and (not isinstance(group, int) or isinstance(group, bool)):
        # labelme writes whole numbers; another tool's groups are kept as they are.
        extra["group_id"], group = group, None
    if not isinstance(kind, str):
        raise LabelError(path, f"{where} ({label}) has a shape_type that is not text: {str(kind)[:40]}")
    if kind == "rectangle":
        kind, pairs = _two_corners(pairs, where, label, path)
    return Annotation(label=label, points=pairs, kind=kind, score=score, group=group, extra=extra)


def _shape_to(annotation: Annotation) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "label": annotation.label,
        "points": [[x, y] for x, y in annotation.points],
        "group_id": annotation.group,
        "description": "",
        "shape_type": annotation.kind,
        "flags": {},
        "mask": None,
    }
    if annotation.score is not None:
        shape["score"] = annotation.score
    return shape | dict(annotation.extra)


def _point_from(raw: Any, where: str, path: Path) -> Point:
    if not isinstance(raw, list) or len(raw) != 2:
        raise LabelError(path, f"{where} has a point that is not [x, y]: {str(raw)[:60]}")
    if not all(is_coordinate(v) for v in raw):
        finite = all(is_finite(v) for v in raw)
        what = "farther away than any photo reaches" if finite else "not two finite numbers"
        raise LabelError(path, f"{where} has a point that is {what}: {str(raw)[:60]}")
    return (float(raw[0]), float(raw[1]))


def _two_corners(points: tuple[Point, ...], where: str, label: str, path: Path) -> tuple[str, tuple[Point, ...]]:
    """Rectangles as two opposite corners, which is all that labelme 7 opens."""
    if len(points) == 2:
        return "rectangle", points
    if len(points) != 4:
        raise LabelError(path, f"{where} ({label}) is a rectangle of {len(points)} points; 2 or 4 were expected")
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    # Tools that compute the corners leave noise in the last digits.
    corners = {
        (abs(x - left) < abs(x - right), abs(y - top) < abs(y - bottom))
        for x, y in points
        if min(abs(x - left), abs(x - right)) < 0.01 and min(abs(y - top), abs(y - bottom)) < 0.01
    }
    if len(corners) != 4 and right > left and bottom > top:
        return "polygon", points  # a turned rectangle: its corners say more than its box
    return "rectangle", ((left, top), (right, bottom))


def _size(raw: Any, key: str, path: Path) -> int | None:
    if raw is None:
        return None
    if not is_finite(raw) or raw < 0 or raw != int(raw):
        raise LabelError(path, f'"{key}" must be a whole number of pixels, not {str(raw)[:40]}')
    return int(raw)
