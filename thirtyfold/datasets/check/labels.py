"""What is wrong with one photo's label file: read leniently, shape by shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from thirtyfold import files
from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.check.boxes import shape_findings
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.reading import read_label_bytes
from thirtyfold.errors import LabelError

Finding = tuple[str, str, int | None]  # code, message, index of the shape in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """What a label file holds. ``label_file`` is ``None`` if nothing of it can be read.

    It holds the shapes that can be read, without the embedded photo; ``places`` are
    their indices in the file.
    """

    path: Path
    findings: tuple[Finding, ...] = ()
    label_file: LabelFile | None = None
    places: tuple[int, ...] = ()
    machine_made: bool = False

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(code for code, _, _ in self.findings)


def read_labels(path: Path) -> LabelFacts:
    """Read a label file as far as it can be read. Never raises for what is wrong with it."""
    try:
        data = read_label_bytes(path)
    except LabelError as error:
        return _nothing(path, "label-not-json", error.reason)
    if not data.strip(b"\0 \t\r\n"):
        return _nothing(path, "label-empty", "has no bytes" if not data else f"holds {len(data)} bytes of nothing")
    try:
        raw = files.parse_json(data)
    except UnicodeDecodeError:
        return _nothing(path, "label-not-json", "is not UTF-8 text")
    except ValueError as error:
        return _nothing(path, "label-not-json", str(error)[:160])
    if not isinstance(raw, dict) or not isinstance(raw.get("shapes"), list):
        return _nothing(path, "label-not-labelme", f"is {describe_json(raw)}")
    return _from_dict(raw, path)


def label_findings(
    facts: LabelFacts, *, image_path: Path, size_wh: tuple[int, int] | None, root: Path, photo_names: Mapping[str, str]
) -> Iterator[Finding]:
    """What is wrong between a label file and its photo. Pure: no file is touched.

    ``size_wh`` is the upright photo's, ``None`` if it can't be read. ``photo_names``
    maps the lower-case names of all photos to their names.
    """
    label_file = facts.label_file
    if label_file is None:
        return
    yield from _path_findings(label_file, facts.path, image_path, root, photo_names)
    stated_wh = (label_file.width, label_file.height)
    if None in stated_wh:
        yield "label-size-missing", "imageWidth or imageHeight is missing", None
    if size_wh is None:
        return
    if None not in stated_wh and stated_wh != size_wh:
        stated = f"{stated_wh[0]}x{stated_wh[1]}"
        yield "label-size-differs", f"was drawn on {stated}, the photo is {size_wh[0]}x{size_wh[1]}", None
        return  # every shape would be said to be in the wrong place
    for code, index, message in shape_findings(label_file.annotations, size_wh):
        yield code, message, facts.places[index]


def describe_json(raw: object) -> str:
    """What a JSON that is not labelme's is, for a person."""
    if not isinstance(raw, dict):
        return f"a JSON {type(raw).__name__}, labelme writes an object"
    if {"images", "annotations"} <= raw.keys():
        return "a COCO file"
    if {"version", "flags"} & raw.keys():
        return 'a labelme file without its list "shapes"'
    keys = ", ".join(sorted(str(key) for key in raw)[:4])
    return f"JSON of another program (keys {keys or 'none'})"


def _from_dict(raw: dict[str, Any], path: Path) -> LabelFacts:
    findings: list[Finding] = []
    kept, places = [], []
    try:
        head = labelme_json.from_dict({**raw, "shapes": [], "imageData": None}, path)
    except LabelError as error:
        return _nothing(path, "label-broken", error.reason)
    for index, shape in enumerate(raw["shapes"]):
        try:
            (annotation,) = labelme_json.from_dict({"shapes": [shape]}, path).annotations
        except LabelError as error:
            findings.append(("shape-broken", error.reason.replace("shapes[0]", f"shapes[{index}]"), index))
            continue
        if annotation.kind == "mask" and not regions.mask_is_readable(annotation):
            why = f"shapes[{index}] ({annotation.label}) has a mask that is no PNG of the size that its corners say"
            findings.append(("shape-broken", why, index))
            continue
        kept.append(annotation)
        places.append(index)
    embedded = raw.get("imageData")
    if isinstance(embedded, str) and embedded:
        findings.append(("label-embeds-photo", f"imageData takes {len(embedded) / 1000:.0f} kB", None))
    elif embedded is not None and not isinstance(embedded, str):
        findings.append(("label-broken", '"imageData" must be text or null', None))
    four = sum(_has_four_corners(shape) for shape in raw["shapes"])
    if four:
        findings.append(("label-four-corners", f"{four} rectangles have four corners", None))
    label_file = replace(head, annotations=tuple(kept))
    made = is_machine_made(label_file)
    if made:
        findings.append(("label-machine-made", "carries a model's mark", None))
    return LabelFacts(
        path=path, findings=tuple(findings), label_file=label_file, places=tuple(places), machine_made=made
    )


def _path_findings(
    label_file: LabelFile, label_path: Path, image_path: Path, root: Path, photo_names: Mapping[str, str]
) -> Iterator[Finding]:
    written = label_file.image_path
    if written == image_path.name:
        return  # with a backslash, too: old programs unpack `images\\1.jpg` as one name
    if "\\" in written:
        yield "label-windows-path", f"imagePath is {written!r}", None
    if _leaves(written, label_path, root):
        yield "label-path-leaves-folder", f"imagePath is {written!r}", None
    name = label_file.image_name
    if name.casefold() == image_path.name.casefold():
        return
    other = photo_names.get(name.casefold())
    # The same stem is a photo that was converted since (a.png, now a.jpg), or two that share this file.
    if other is not None and Path(other).stem.casefold() != image_path.stem.casefold():
        yield "label-of-another-photo", f"names {other!r}, but lies beside {image_path.name!r}", None
    elif other is None:
        yield "label-image-path", f"names {name!r}, the photo is {image_path.name!r}", None


def _leaves(written: str, label_path: Path, root: Path) -> bool:
    path = PurePosixPath(written.replace("\\", "/"))
    if path.is_absolute() or (len(written) > 1 and written[1] == ":"):
        return True
    depth = len(label_path.parent.relative_to(root).parts)
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _has_four_corners(shape: object) -> bool:
    return (
        isinstance(shape, dict)
        and shape.get("shape_type") == "rectangle"
        and isinstance(shape.get("points"), list)
        and len(shape["points"]) == 4
    )


def _nothing(path: Path, code: str, message: str) -> LabelFacts:
    return LabelFacts(path=path, findings=((code, message, None),))
