from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thirtyfold.datasets import labelme_json
from thirtyfold.errors import LabelError

HERE = Path("photo.json")

coordinates = st.floats(-500, 5000, allow_nan=False) | st.integers(-500, 5000)
points = st.tuples(coordinates, coordinates).map(list)
foreign_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
foreign_keys = st.text(min_size=1).map(lambda key: f"x_{key}")


@st.composite
def rectangles(draw: st.DrawFn) -> list[list[float]]:
    left, top = draw(coordinates), draw(coordinates)
    width, height = draw(st.floats(0.5, 900)), draw(st.floats(0.5, 900))
    corners = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]
    start = draw(st.integers(0, 3))
    turned = corners[start:] + corners[:start]
    if draw(st.booleans()):
        turned.reverse()
    return turned if draw(st.booleans()) else [turned[0], turned[2]]


@st.composite
def raw_shapes(draw: st.DrawFn) -> dict[str, Any]:
    kind, shape_points = draw(
        st.one_of(
            st.tuples(st.just("rectangle"), rectangles()),
            st.tuples(st.just("polygon"), st.lists(points, min_size=3, max_size=9)),
            st.tuples(st.just("point"), st.lists(points, min_size=1, max_size=1)),
            st.tuples(st.sampled_from(["circle", "line", "mask"]), st.lists(points, min_size=2, max_size=2)),
            st.tuples(st.sampled_from(["linestrip", "points", "rotation"]), st.lists(points, min_size=1, max_size=6)),
        )
    )
    shape = {
        "label": draw(st.text()),
        "points": shape_points,
        "group_id": draw(st.none() | st.integers() | st.text(max_size=5)),
        "shape_type": kind,
    }
    optional = {
        "description": st.none() | st.text(),
        "flags": st.none() | st.dictionaries(st.text(), st.booleans(), max_size=2),
        "mask": st.just("iVBORw0KGgo=") | st.none(),
        "score": st.none() | st.floats(0, 1) | st.integers(0, 1) | st.text(max_size=3),
        "difficult": st.booleans(),
    }
    for key, values in optional.items():
        if draw(st.booleans()):
            shape[key] = draw(values)
    return shape | draw(st.dictionaries(foreign_keys, foreign_values, max_size=2))


@st.composite
def raw_files(draw: st.DrawFn) -> dict[str, Any]:
    raw = {
        "version": draw(st.sampled_from(["4.5.6", "5.1.1", "5.5.0", "7.0.0"])),
        "flags": draw(st.dictionaries(st.text(), st.booleans(), max_size=3)),
        "shapes": draw(st.lists(raw_shapes(), max_size=4)),
        "imagePath": draw(st.sampled_from(["a.jpg", "..\\images\\ä b.jpg", "../raw/0001.JPG", "日本.png"])),
        "imageData": draw(st.none() | st.just("/9j/4AAQSkZJRgABAQ==")),
        "imageHeight": draw(st.none() | st.integers(1, 9000)),
        "imageWidth": draw(st.none() | st.integers(1, 9000)),
    }
    return raw | draw(st.dictionaries(foreign_keys, foreign_values, max_size=3))


@given(raw_files())
def test_reading_writing_and_reading_again_is_the_identity(tmp_path_factory: pytest.TempPathFactory, raw: Any) -> None:
    path = tmp_path_factory.mktemp("labels") / "a.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    first = labelme_json.read(path)
    labelme_json.write(path, first)
    written = path.read_bytes()
    second = labelme_json.read(path)
    assert second == first
    labelme_json.write(path, second)
    assert path.read_bytes() == written


@given(raw_files())
def test_every_key_that_is_not_ours_survives_as_it_was(raw: dict[str, Any]) -> None:
    out = labelme_json.to_dict(labelme_json.from_dict(raw, HERE))
    assert {key: out.get(key) for key in raw if key != "shapes"} == {k: v for k, v in raw.items() if k != "shapes"}
    assert len(out["shapes"]) == len(raw["shapes"])
    for shape, before in zip(out["shapes"], raw["shapes"], strict=True):
        same = [key for key in before if key not in ("points", "shape_type")]
        assert {key: shape[key] for key in same} == {key: before[key] for key in same}
        if len(before["points"]) != 4:
            assert (shape["shape_type"], shape["points"]) == (before["shape_type"], before["points"])


@given(rectangles())
def test_a_rectangle_has_the_same_box_whatever_corner_and_direction_it_was_drawn_from(corners: Any) -> None:
    raw = {"shapes": [{"label": "face", "points": corners, "shape_type": "rectangle"}]}
    (annotation,) = labelme_json.from_dict(raw, HERE).annotations
    assert annotation.kind == "rectangle"
    assert len(annotation.points) == 2
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    assert annotation.box_xyxy == (min(xs), min(ys), max(xs), max(ys))


def test_a_rectangle_dragged_from_the_bottom_right_keeps_its_drag_order() -> None:
    raw = {"shapes": [{"label": "face", "points": [[90, 80], [10.25, -20]], "shape_type": "rectangle"}]}
    (annotation,) = labelme_json.from_dict(raw, HERE).annotations
    assert annotation.points == ((90.0, 80.0), (10.25, -20.0))


def test_a_turned_rectangle_becomes_a_polygon_of_its_corners() -> None:
    turned = [[10, 0], [20, 10], [10, 20], [0, 10]]
    raw = {"shapes": [{"label": "face", "points": turned, "shape_type": "rectangle", "direction": 0.7}]}
    (annotation,) = labelme_json.from_dict(raw, HERE).annotations
    assert annotation.kind == "polygon"
    assert [list(point) for point in annotation.points] == turned
    assert annotation.extra == {"direction": 0.7}


def test_four_corners_with_noise_in_the_last_digit_are_still_a_rectangle() -> None:
    corners = [[10, 5], [50.0000001, 5], [50, 44.9999999], [10, 45]]
    raw = {"shapes": [{"label": "face", "points": corners, "shape_type": "rectangle"}]}
    (annotation,) = labelme_json.from_dict(raw, HERE).annotations
    assert annotation.kind == "rectangle"
    assert annotation.box_xyxy == pytest.approx((10, 5, 50, 45))


def test_half_a_character_in_a_label_is_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"shapes": [{"label": "\\udc80", "points": [[1, 2]], "shape_type": "point"}]}', encoding="utf-8")
    label_file = labelme_json.read(path)
    labelme_json.write(path, label_file)
    assert labelme_json.read(path) == label_file


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"shapes": [], "imagePath": "a.jpg"}')
    assert labelme_json.read(path).image_path == "a.jpg"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"shapes":' * 100_000, "is not JSON"),
        ("9" * 5000, "is not JSON"),
        ("[]", '"shapes"'),
        ('{"shapes": 3}', '"shapes"'),
        ('{"shapes": [], "flags": [1]}', '"flags"'),
        ('{"shapes": [], "imageWidth": "wide"}', '"imageWidth"'),
        ('{"shapes": [], "imageHeight": 10.5}', '"imageHeight"'),
        ('{"shapes": [], "imageHeight": -1}', '"imageHeight"'),
        ('{"shapes": [], "imageData": 7}', '"imageData"'),
        ('{"shapes": [7]}', "shapes[0] is not an object"),
        ('{"shapes": [{"points": [[1, 2]]}]}', "shapes[0] has no label"),
        ('{"shapes": [{"label": "a", "points": []}]}', "shapes[0] (a) has no points"),
        ('{"shapes": [{"label": "a", "points": [[1, 2, 3]]}]}', "not [x, y]"),
        ('{"shapes": [{"label": "a", "points": [[1, "2"]]}]}', "not two finite numbers"),
        ('{"shapes": [{"label": "a", "points": [[1, NaN]]}]}', "not two finite numbers"),
        ('{"shapes": [{"label": "a", "points": [[1, 1e999]]}]}', "not two finite numbers"),
        ('{"shapes": [{"label": "a", "points": [[1, 1' + "0" * 400 + "]]}]}", "not two finite numbers"),
        ('{"shapes": [{"label": "a", "points": [[1, 1e12]]}]}', "farther away than any photo reaches"),
        ('{"shapes": [{"label": "a", "points": [[1, true]]}]}', "not two finite numbers"),
        ('{"shapes": [{"label": "a", "points": [[1, 2]], "shape_type": 5}]}', "shape_type"),
        ('{"shapes": [{"label": "a", "points": [[1,2],[3,4],[5,6]], "shape_type": "rectangle"}]}', "3 points"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_the_shape(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "0007.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelError) as caught:
        labelme_json.read(path)
    assert "0007.json" in str(caught.value)
    assert reason in str(caught.value)


def test_a_file_that_is_not_utf8_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes('{"shapes": [], "imagePath": "ä"}'.encode("latin-1"))
    with pytest.raises(LabelError, match="not UTF-8"):
        labelme_json.read(tmp_path / "latin.json")
    with pytest.raises(LabelError, match="no such label file"):
        labelme_json.read(tmp_path / "gone.json")
    with pytest.raises(LabelError, match="cannot be opened"):
        labelme_json.read(tmp_path)


def test_real_files_of_labelme_5_are_read_as_they_are(shared: Callable[[str], Path]) -> None:
    folder = shared("data/webcam_faces/labels")
    label_files = {path.stem: labelme_json.read(path) for path in folder.glob("*.json")}
    assert len(label_files) == 30
    assert label_files["17"].image_path == "..\\images\\17.jpg"
    assert label_files["17"].image_name == "17.jpg"
    assert (label_files["17"].image_data or "").startswith("/9j/")
    assert sorted(len(label_file.annotations) for label_file in label_files.values()) == [1] * 29 + [2]


def test_real_files_survive_a_write_key_by_key(shared: Callable[[str], Path], tmp_path: Path) -> None:
    paths = [*shared("data/webcam_faces/labels").glob("*.json"), *shared("data/clip_frames").glob("*.json")]
    for path in paths:
        before = json.loads(path.read_text(encoding="utf-8"))
        labelme_json.write(tmp_path / "out.json", labelme_json.read(path))
        after = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        assert {key: after[key] for key in before if key != "shapes"} == {
            key: value for key, value in before.items() if key != "shapes"
        }
        for shape, shape_before in zip(after["shapes"], before["shapes"], strict=True):
            assert {key: shape[key] for key in shape_before} == shape_before
