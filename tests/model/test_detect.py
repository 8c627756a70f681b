import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thirtyfold.model import detect
from thirtyfold.model.detect import Target, encode_dense, encode_global
from thirtyfold.predict.decoders import DECODERS, Placement

PLACE = Placement(size=224, scale=1.0, offset_xy=(0.0, 0.0), image_wh=(224, 224))


@pytest.mark.parametrize(
    "box", [(0.4, 0.3, 0.5, 0.45), (0.0, 0.0, 0.05, 0.05), (0.9, 0.2, 1.0, 0.4), (0.1, 0.1, 0.9, 0.9)]
)
def test_what_is_encoded_for_dense_heads_decodes_to_the_same_box(box: tuple[float, float, float, float]) -> None:
    encoded = encode_dense([Target(class_index=1, box_xyxy=box)], 28, 2)
    outputs = {"scores": encoded["scores"][None], "boxes": encoded["boxes"][None, ..., :4]}
    found = DECODERS["dense"].decode(outputs, ("hand", "face"), 0.5, {"boxes": "many"}, PLACE)
    assert [annotation.label for annotation in found] == ["face"]
    assert found[0].box_xyxy == pytest.approx([v * 224 for v in box], abs=0.01)


def test_every_object_of_a_photo_is_encoded_and_the_smaller_one_keeps_its_cells() -> None:
    large, small = (0.1, 0.1, 0.9, 0.9), (0.46, 0.46, 0.56, 0.56)
    encoded = encode_dense([Target(class_index=0, box_xyxy=b) for b in (small, large)], 28, 1)
    assert encoded["boxes"][14, 14, :4] == pytest.approx(small)
    assert (encoded["boxes"][..., :4] == np.float32(large)).all(axis=-1).any()


def test_the_weights_of_the_objects_of_a_photo_are_equal_and_add_up_to_one() -> None:
    boxes = [(0.1, 0.1, 0.2, 0.2), (0.3, 0.2, 0.9, 0.8), (0.2, 0.15, 0.3, 0.25)]
    encoded = encode_dense([Target(class_index=0, box_xyxy=box) for box in boxes], 28, 1)["boxes"]
    for box in boxes:
        mine = (encoded[..., :4] == np.float32(box)).all(axis=-1)
        assert encoded[mine, 4].sum() == pytest.approx(1 / 3, rel=1e-4)
    assert encoded[..., 4].sum() == pytest.approx(1.0, rel=1e-4)


def test_of_two_neighbours_each_has_the_cells_nearer_to_itself() -> None:
    left, right = (0.2, 0.4, 0.5, 0.6), (0.42, 0.38, 0.74, 0.62)  # the larger one begins before the other ends
    encoded = encode_dense([Target(class_index=0, box_xyxy=box) for box in (left, right)], 56, 1)["boxes"]
    rows, columns = np.nonzero((encoded[..., :4] == np.float32(left)).all(axis=-1))
    assert len(rows)
    assert columns.max() / 56 < 0.5
    assert (encoded[28, int(0.58 * 56), :4] == np.float32(right)).all()


@settings(max_examples=40)
@given(
    centres=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), min_size=1, max_size=60, unique=True),
    side_px=st.floats(4, 16),
)
def test_a_crowd_of_small_faces_decodes_to_as_many_boxes(centres: list[tuple[int, int]], side_px: float) -> None:
    # On a map at stride 4 of 640 px, the middles of any two faces at least one face apart.
    side = side_px / 640
    boxes = [((x + 0.5) / 40, (y + 0.5) / 40) for x, y in centres]
    targets = [
        Target(class_index=0, box_xyxy=(cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2)) for cx, cy in boxes
    ]
    encoded = encode_dense(targets, 160, 1)
    outputs = {"scores": encoded["scores"][None], "boxes": encoded["boxes"][None, ..., :4]}
    place = Placement(size=640, scale=1.0, offset_xy=(0.0, 0.0), image_wh=(640, 640))
    found = DECODERS["dense"].decode(outputs, ("face",), 0.9, {"boxes": "many"}, place)
    truths = [[value * 640 for value in target.box_xyxy] for target in targets]
    assert len(found) == len(truths)
    for truth in truths:
        assert min(np.abs(np.subtract(truth, shape.box_xyxy)).max() for shape in found) < 0.01


def test_only_what_is_near_a_centre_is_touched_by_it() -> None:
    encoded = encode_dense([Target(class_index=0, box_xyxy=(0.5, 0.5, 0.52, 0.52))], 160, 1)
    rows, columns = np.nonzero(encoded["scores"][..., 0])
    assert (max(rows) - min(rows), max(columns) - min(columns)) < (12, 12)


def test_a_photo_without_objects_encodes_to_nothing() -> None:
    for encoded in (encode_dense([], 8, 2), encode_global([], 2)):
        assert not encoded["scores"].any()
        assert not encoded["boxes"].any()


def test_global_heads_learn_the_largest_object_and_every_class_that_is_there() -> None:
    small, large = (
        Target(class_index=0, box_xyxy=(0.1, 0.1, 0.2, 0.2)),
        Target(class_index=1, box_xyxy=(0.3, 0.3, 0.8, 0.9)),
    )
    encoded = encode_global([small, large], 3)
    assert encoded["scores"].tolist() == [1.0, 1.0, 0.0]
    assert encoded["boxes"] == pytest.approx([0.3, 0.3, 0.8, 0.9, 1.0])


def test_distances_become_boxes_around_the_middle_of_their_cell() -> None:
    logits = np.zeros((1, 4, 4, 4), np.float32)
    boxes = np.asarray(detect.BoxesFromDistances()(logits))
    reach = detect._TYPICAL_DISTANCE
    assert boxes[0, 1, 2] == pytest.approx([0.625 - reach, 0.375 - reach, 0.625 + reach, 0.375 + reach])
