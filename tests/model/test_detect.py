import numpy as np
import pytest

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
    centre = encoded["boxes"][14, 14]
    assert centre[:4] == pytest.approx(small)
    weights_times_area = encoded["boxes"][..., 4].sum()
    assert weights_times_area > 0


def test_the_weights_of_one_object_add_up_to_one_over_its_area() -> None:
    box = (0.3, 0.2, 0.5, 0.6)
    encoded = encode_dense([Target(class_index=0, box_xyxy=box)], 28, 1)
    assert encoded["boxes"][..., 4].sum() == pytest.approx(1 / (0.2 * 0.4), rel=1e-4)


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
