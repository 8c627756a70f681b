"""SmoothWarp: a dot in the picture and its point must go to the same place."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from thirtyfold.augment.recipes import Recipe, Step
from thirtyfold.augment.transform import augment
from thirtyfold.augment.warp import SmoothWarp
from thirtyfold.images import Pixels
from thirtyfold.sample import Annotation, Point


def recipe(**arguments: object) -> Recipe:
    return Recipe(name="test", steps=(Step(transform="SmoothWarp", probability=1.0, arguments=arguments),))


def dot(point: Point, width: int = 320, height: int = 240) -> Pixels:
    """A soft white dot around a point, in pixels from the outer corner."""
    ys, xs = np.mgrid[:height, :width] + 0.5
    grey = 255 * np.exp(-((xs - point[0]) ** 2 + (ys - point[1]) ** 2) / 8)
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)


def centre_of_white(pixels: Pixels) -> Point:
    grey = np.where(pixels[..., 0] < 10, 0, pixels[..., 0]).astype(np.float64)
    ys, xs = np.mgrid[: grey.shape[0], : grey.shape[1]] + 0.5
    return float((grey * xs).sum() / grey.sum()), float((grey * ys).sum() / grey.sum())


@pytest.mark.parametrize("strength", [(0.005, 0.02), (0.03, 0.05)])
def test_points_go_where_the_pixels_go(strength: tuple[float, float]) -> None:
    moved_by = []
    for seed in range(80):
        start = tuple(float(v) for v in np.random.default_rng(seed).uniform((60, 60), (260, 180)))
        annotation = Annotation(label="dot", points=(start,), kind="point")  # type: ignore[arg-type]
        pixels, moved = augment(dot(start), [annotation], recipe(strength=strength), seed)  # type: ignore[arg-type]
        assert moved[0].points[0] == pytest.approx(centre_of_white(pixels), abs=0.2)
        moved_by.append(np.hypot(*np.subtract(moved[0].points[0], start)))
    assert float(np.mean(moved_by)) > 1.5


def test_an_outline_of_many_vertices_lies_on_the_warped_mask() -> None:
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = tuple((160 + 70 * float(np.cos(t)), 120 + 50 * float(np.sin(t))) for t in turns)
    for seed in range(40):
        pixels, moved = augment(
            filled(outline),
            [Annotation(label="o", points=outline, kind="polygon")],
            recipe(strength=(0.03, 0.03)),
            seed,
        )
        there, expected = filled(moved[0].points)[..., 0] > 127, pixels[..., 0] > 127
        assert (there & expected).sum() / (there | expected).sum() > 0.98


def filled(outline: tuple[Point, ...]) -> Pixels:
    pixels = np.zeros((240, 320, 3), np.uint8)
    corners = np.round((np.asarray(outline) - 0.5) * 256).astype(np.int32)
    cv2.fillPoly(pixels, [corners], (255, 255, 255), shift=8)
    return pixels


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 90), (90, 1), (3, 5), (33, 400), (1280, 720)])
def test_pictures_of_any_size_keep_it(size_wh: tuple[int, int]) -> None:
    pixels = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
    for seed in range(3):
        assert augment(pixels, [], recipe(strength=(0.2, 0.2), cells=9), seed)[0].shape == pixels.shape


def test_nothing_folds_however_strong() -> None:
    warp = SmoothWarp(cells=12, strength=(0.2, 0.2), p=1)
    for seed in range(20):
        warp.set_random_state(np.random.default_rng(seed), random.Random(seed))
        field = warp.get_params_dependent_on_data({"shape": (240, 320, 3)}, {})["field"]
        assert np.diff(field[..., 0], axis=1).min() > -1
        assert np.diff(field[..., 1], axis=0).min() > -1


@pytest.mark.parametrize("wrong", [{"cells": 1}, {"strength": (0.3, 0.4)}, {"strength": (0.02, 0.01)}])
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SmoothWarp(**wrong)  # type: ignore[arg-type]
