from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from thirtyfold.capture.camera import open_camera
from thirtyfold.capture.demo_camera import _FACE_XYXY, HEIGHT, WIDTH, DemoCamera, _truth
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation


def _frames(seed: int, count: int, step: int) -> Iterator[tuple[Pixels, tuple[Annotation, ...]]]:
    scene = DemoCamera(seed)._scene
    return (scene.render(index * step) for index in range(count))


def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    for one, two, other in zip(_frames(3, 4, 20), _frames(3, 4, 20), _frames(4, 4, 20), strict=True):
        assert np.array_equal(one[0], two[0])
        assert one[1] == two[1]
        assert np.abs(one[0].astype(int) - other[0]).mean() > 20


def test_a_frame_depends_on_its_index_alone() -> None:
    camera = DemoCamera(2)
    frames = [camera.read() for _ in range(3)]
    assert frames[2] is not None
    assert np.array_equal(frames[2].pixels, DemoCamera(2)._scene.render(2)[0])


def test_it_is_640_by_480_at_30_frames_a_second_and_ends() -> None:
    camera = DemoCamera(0, length_seconds=0.1)
    frames = [camera.read() for _ in range(4)]
    assert frames[3] is None
    last = frames[2]
    assert last is not None and last.seconds == pytest.approx(2 / 30)
    assert last.pixels.shape == (480, 640, 3) and last.pixels.dtype == np.uint8
    assert not camera.live


def test_faces_come_and_go_in_every_session() -> None:
    for seed in range(6):
        truths = [annotations for _, annotations in _frames(seed, 60, 12)]
        empty = sum(1 for annotations in truths if annotations == ())
        assert 3 <= empty <= 20, f"seed {seed}: {empty} of {len(truths)} frames are empty"
        boxes = [annotations[0].box_xyxy for annotations in truths if annotations]
        assert all(0 <= left < right <= WIDTH and 0 <= top < bottom <= HEIGHT for left, top, right, bottom in boxes)
        heights = [bottom - top for _, top, _, bottom in boxes]
        assert max(heights) > 2 * min(heights), "near and far"


def test_the_box_fits_the_warped_face_whatever_the_turn() -> None:
    """Against an independent check: the filled face ellipse, warped as pixels."""
    left, top, right, bottom = _FACE_XYXY
    ys, xs = np.mgrid[0:512, 0:512]
    inside = ((2 * xs - left - right) / (right - left)) ** 2 + ((2 * ys - top - bottom) / (bottom - top)) ** 2 <= 1
    face = inside.astype(np.uint8) * 255
    checked = 0
    for seed in range(5):
        scene = DemoCamera(seed)._scene
        for index in range(0, 900, 30):
            matrix = scene._person_matrix(index / 30)
            annotations = _truth(matrix)
            warped = cv2.warpAffine(face, matrix, (WIDTH, HEIGHT)) > 127
            if not annotations:
                assert warped.mean() < 0.4 * np.pi / 4 * 200 * 160 / (WIDTH * HEIGHT)
                continue
            ys, xs = np.nonzero(warped)
            found = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            assert annotations[0].box_xyxy == pytest.approx(found, abs=2.0)
            checked += 1
    assert checked > 80


def test_a_face_detector_that_never_saw_it_agrees_with_the_boxes(shared: Callable[[str], Path]) -> None:
    detector = cv2.FaceDetectorYN.create(
        str(shared("weights/yunet_n_640_640.onnx")), "", (WIDTH, HEIGHT), score_threshold=0.7
    )
    overlaps = []
    for seed in (1, 2, 3):
        for pixels, truth in _frames(seed, 12, 25):
            _, found = detector.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
            if found is None or not truth:
                continue
            x, y, w, h = found[0][:4]
            left, top, right, bottom = truth[0].box_xyxy
            inner = max(0, min(right, x + w) - max(left, x)) * max(0, min(bottom, y + h) - max(top, y))
            overlaps.append(inner / (w * h + (right - left) * (bottom - top) - inner))
    assert len(overlaps) >= 20
    assert np.median(overlaps) > 0.75


def test_it_is_opened_by_its_name() -> None:
    camera = open_camera("demo:7")
    assert camera.name == "demo:7"
    frame = camera.read()
    assert frame is not None and frame.annotations is not None
    camera.close()
    assert camera.read() is None
    with pytest.raises(UsageError):
        DemoCamera(-1)
