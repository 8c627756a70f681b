"""Any labels, from any format through any other and back: what differs afterwards was said before.

Every loss is written down with a reason that ``losses.ALLOWED`` allows (a writer that has another one
fails). Here: a photo with no loss comes back as it was, and of one with losses only that
differs which the reasons name.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.datasets.formats.label_samples import entry, read_as, run, write_as, write_photo
from thirtyfold.datasets.formats import regions
from thirtyfold.datasets.formats.convert_options import WRITABLE
from thirtyfold.datasets.formats.format_io import Source
from thirtyfold.datasets.formats.label_set import Entry, is_ignored, says_something
from thirtyfold.datasets.formats.losses import ALLOWED
from thirtyfold.sample import Annotation

SIZE = (40, 30)
LABELS = ("cat", "dog", "größe: L", "7", "__ignore__")
PAIRS = list(permutations(WRITABLE, 2))
# What changes only what stands beside the points.
_BESIDE = {"score", "group", "extra", "image_extra", "ids", "session", "machine_made", "tags", "class_order"}

numbers = st.one_of(st.integers(-4, 44).map(float), st.floats(-4, 44).map(lambda value: round(value, 3)))
inside = st.one_of(st.integers(0, 30).map(float), st.floats(0, 30).map(lambda value: round(value, 3)))


@st.composite
def shapes(draw: st.DrawFn) -> Annotation:
    coordinate = draw(st.sampled_from([inside, inside, inside, numbers]))
    point = st.tuples(coordinate, coordinate)
    kind = draw(st.sampled_from(["rectangle"] * 4 + ["polygon"] * 4 + ["circle", "mask", "mask", "point", "linestrip"]))
    label = draw(st.sampled_from(LABELS))
    extra: dict[str, object] = {}
    if draw(st.integers(0, 3)) == 0:
        extra = draw(
            st.sampled_from(
                [
                    {"description": "left one"},
                    {"coco": {"iscrowd": 1, "id": 3}},
                    {"coco": {"iscrowd": 0, "area": 7.0}},
                    {"voc": {"pose": "Left", "occluded": "1"}},
                    {"imglab": {"parts": {"0": ["1", "2"]}}},
                ]
            )
        )
    more = {"group": draw(st.sampled_from([None, None, 1, 2])), "score": draw(st.sampled_from([None, None, 0.5]))}
    if kind == "mask":
        bits = draw(st.lists(st.booleans(), min_size=30, max_size=30).filter(any))
        mask = np.zeros((30, 40), np.bool_)
        top, left = draw(st.integers(0, 20)), draw(st.integers(0, 20))
        mask[top : top + 10, left : left + 12] = np.kron(np.array(bits).reshape(5, 6), np.ones((2, 2), np.bool_))
        made = regions.mask_annotation(label, mask)
        return Annotation(label=label, kind=kind, points=made.points, extra={**extra, **made.extra}, **more)
    count = {"rectangle": 2, "circle": 2, "point": 1, "linestrip": 3}.get(kind) or draw(st.integers(3, 6))
    points = draw(st.lists(point, min_size=count, max_size=count, unique=True))
    return Annotation(label=label, kind=kind, points=tuple(points), extra=extra, **more)


@st.composite
def photos(draw: st.DrawFn) -> dict[str, object]:
    labels = draw(st.one_of(st.none(), st.lists(shapes(), max_size=4)))
    machine = draw(st.integers(0, 5)) == 0 and labels is not None
    extra = draw(st.sampled_from([{}, {}, {"coco": {"license": 4, "mine": 1}}, {"voc": {"owner": {"name": "me"}}}]))
    return {
        "shapes": labels,
        "tags": tuple(draw(st.lists(st.sampled_from(["day", "night", "a b"]), max_size=2, unique=True))),
        "session": draw(st.sampled_from([None, None, "s1"])),
        "split": draw(st.sampled_from([None, "train", "val", "test"])),
        "machine_made": machine,
        "extra": {**extra, "labelme": {"thirtyfold": {"predicted_by": "runs/1"}}} if machine else extra,
    }


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    return [write_photo(folder / f"{name}.png", seed=seed) for seed, name in enumerate(["a", "b 1", "ü"])]


@pytest.mark.slow
@pytest.mark.parametrize(("here", "there"), PAIRS, ids=[f"{a}-{b}-{a}" for a, b in PAIRS])
@given(rows=st.lists(photos(), min_size=1, max_size=3))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_what_differs_after_a_walk_there_and_back_was_said(
    pictures: list[Path], here: str, there: str, rows: list[dict[str, object]]
) -> None:
    entries = [entry(path, **{**row}) for path, row in zip(pictures, rows, strict=False)]  # type: ignore[arg-type]
    if not any(e.sample.tags for e in entries):
        entries[0] = entry(pictures[0], **{**rows[0], "tags": ("day",)})  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_as(here, entries, root / "a", class_names=["unused", *LABELS])
        before = read_as(here, root / "a")
        assert not before.problems
        if there == "folders" and not any(e.sample.tags for e in before.entries):
            return  # refused, and tested elsewhere
        to = run(root / "a", root / "b", there, from_=here)
        back = run(root / "b", root / "c", here, from_=there) if _can_go_back(root / "b", there, here) else None
        if back is None:
            return
        after = read_as(here, root / "c")
        assert not after.problems
        losses = [to.losses.by_file, back.losses.by_file]
        assert {
            reason
            for book, name in zip(losses, (there, here), strict=True)
            for found in book.values()
            for reason in found
        } <= (ALLOWED[there] | ALLOWED[here])
        found = {e.name: e for e in after.entries}
        for e in before.entries:
            reasons = {reason for book in losses for reason in book.get(e.name, {})}
            if "no_class" in reasons:
                assert e.name not in found
            else:
                _compare(e, found.pop(e.name), reasons)
        assert not found
        if "folders" not in (here, there):
            assert set(before.class_names) <= set(after.class_names)
            assert [n for n in after.class_names if n in before.class_names] == list(before.class_names)


def _can_go_back(folder: Path, there: str, here: str) -> bool:
    return here != "folders" or any(e.sample.tags for e in read_as(there, Source(root=folder).root).entries)


def _compare(before: Entry, after: Entry, reasons: Collection[str]) -> None:
    one, two = before.sample, after.sample
    assert one.split == two.split
    assert set(one.tags) == set(two.tags) or "tags" in reasons
    assert one.session == two.session or "session" in reasons
    assert one.machine_made == two.machine_made or "machine_made" in reasons
    if not {"image_extra", "ids"} & set(reasons):
        assert _told(before.extra) == _told(after.extra)
    if "shapes" in reasons or "verified_empty" in reasons:
        return
    assert (one.annotations is None) == (two.annotations is None)
    left, right = (_expected(sample.annotations or (), reasons) for sample in (one, two))
    if set(reasons) <= {*_BESIDE, "open_shape", "ignored"} and not _is_redrawn(left, right):
        assert Counter(map(_rounded, left)) == Counter(map(_rounded, right))
        _compare_beside(left, right, reasons)
    elif not {"overlap", "clipped", "holes", "covered", "outside", "merged"} & set(reasons):
        _compare_pixels(left, right, reasons)
    else:
        assert {shape.label for shape in right} <= {shape.label for shape in left} | {"__ignore__"}


def _expected(annotations: Collection[Annotation], reasons: Collection[str]) -> list[Annotation]:
    kept = [shape for shape in annotations if regions.encloses(shape) or "open_shape" not in reasons]
    if "ignored" in reasons:
        # Left out, or void, which comes back under its own label.
        kept = [shape for shape in kept if not is_ignored(shape) and shape.label != "__ignore__"]
    return kept


def _is_redrawn(left: list[Annotation], right: list[Annotation]) -> bool:
    """Masks come back from pixels as outlines where they have no hole: the same area, drawn otherwise."""
    return [shape.kind for shape in left].count("mask") != [shape.kind for shape in right].count("mask")


def _rounded(shape: Annotation) -> tuple[object, ...]:
    points = [shape.box_xyxy[:2], shape.box_xyxy[2:]] if shape.kind == "rectangle" else shape.points
    return (shape.label, shape.kind, tuple((_hundredth(x), _hundredth(y)) for x, y in points))


def _hundredth(value: float) -> float:
    # The points are drawn in thousandths, so that the last digits of YOLO's shares never decide.
    return round(value + 0.0014, 2)


def _compare_beside(left: list[Annotation], right: list[Annotation], reasons: Collection[str]) -> None:
    if "score" not in reasons:
        assert sorted(str(shape.score) for shape in left) == sorted(str(shape.score) for shape in right)
    if "group" not in reasons:
        assert sorted(str(shape.group) for shape in left) == sorted(str(shape.group) for shape in right)
    if not {"extra", "ids"} & set(reasons):
        texts = [sorted(str(_told(dict(shape.extra))) for shape in side) for side in (left, right)]
        assert texts[0] == texts[1]


def _told(value: object) -> object:
    """Without what says nothing, and what formats make up by themselves."""
    if not isinstance(value, dict):
        return value
    own = ("id", "area", "mask", "bbox", "bndbox")
    inner = {key: _told(held) for key, held in sorted(value.items()) if key not in own and says_something(held)}
    return {key: held for key, held in inner.items() if held is not None} or None


def _compare_pixels(left: list[Annotation], right: list[Annotation], reasons: Collection[str]) -> None:
    """Boxes by their corners, everything else by the pixels of each label."""
    if "box_to_area" not in reasons and "box_to_polygon" not in reasons:
        boxes = [sorted((s.box_xyxy for s in side if s.kind == "rectangle"), key=_by_place) for side in (left, right)]
        assert len(boxes[0]) <= len(boxes[1])  # an outline too thin for a pixel is still a box in VOC
        if len(boxes[0]) == len(boxes[1]):
            for one, two in zip(*boxes, strict=True):
                thin = one[2] - one[0] < 1 or one[3] - one[1] < 1
                assert np.abs(np.subtract(one, two)).max() <= (1.5 if thin else 0.5) + 1e-6
    ignored = {"__ignore__"} if "ignored" in reasons else set()
    for label in {shape.label for shape in left} - ignored:
        drawn = {"rectangle"} if {"box_to_area", "box_to_polygon"} & set(reasons) else set()
        kinds = drawn | {"polygon", "circle", "mask"}
        pixels = [_pixels([s for s in side if s.label == label and s.kind in kinds]) for side in (left, right)]
        # A centre that lies on an edge may fall to either side by the last digit.
        nudged = [_pixels([s for s in left if s.label == label and s.kind in kinds], by) for by in _NUDGES]
        undecided = np.any([other != pixels[0] for other in nudged], axis=0)
        assert not ((pixels[0] != pixels[1]) & ~undecided).any()


def _by_place(box_xyxy: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(_hundredth, box_xyxy))


_NUDGES = [(x, y) for x in (-1e-4, 1e-4) for y in (-1e-4, 1e-4)]


def _pixels(side: list[Annotation], by: tuple[float, float] = (0, 0)) -> np.ndarray:
    canvas = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    for shape in side:
        if regions.encloses(shape):
            moved = () if shape.kind == "mask" else tuple((x + by[0], y + by[1]) for x, y in shape.points)
            canvas |= regions.mask_of(replace(shape, points=moved or shape.points), SIZE)
    return canvas
