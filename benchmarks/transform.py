"""What a copy costs before it is encoded: the recipes, against albumentations' own way with boxes.

    python benchmarks/transform.py [FOLDER_OF_LABELLED_PHOTOS] [--photos 12] [--copies 30] [--rounds 3]

A line a recipe, in microseconds of the processor's time a copy, one thread: ours with every shape, ours
with no shape (what the pixels alone take), and ``albumentations.Compose`` of the same transforms with
``bbox_params`` and the boxes of the same shapes. The three take turns within a round; the smallest of the rounds
is printed. Steps that albumentations can't do to boxes (``SmoothWarp``, ``CoverPart``) are left out of its pipeline,
and the ratio with them. A rare step may take a hundred times as long as the others (``GaussNoise``), and the two draw
chances of their own: take ``--copies`` large.
Without a folder the photos are drawn: their noise costs no more here than real pictures do.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import albumentations
import cv2

from thirtyfold.augment.recipe_check import COMPOSERS
from thirtyfold.augment.recipes import RECIPES, Recipe
from thirtyfold.augment.transform import augment, build, copy_seed
from thirtyfold.datasets.samples import read_sample
from thirtyfold.images import Pixels, read_rgb
from thirtyfold.sample import Annotation

Photo = tuple[Pixels, tuple[Annotation, ...]]


def ours(photo: Photo, recipe: Recipe) -> Callable[[int], object]:
    return lambda copy: augment(*photo, recipe, copy_seed(0, "photo", copy))


def ours_without_shapes(photo: Photo, recipe: Recipe) -> Callable[[int], object]:
    return lambda copy: augment(photo[0], (), recipe, copy_seed(0, "photo", copy))


def albumentations_way(photo: Photo, recipe: Recipe) -> Callable[[int], object]:
    pixels, annotations = photo
    height, width = pixels.shape[:2]
    boxes = []
    for annotation in annotations:
        left, top, right, bottom = annotation.box_xyxy
        # albumentations refuses boxes that reach over the edge.
        boxes.append([max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)])
    # Without a seed: given one, it starts every transform at the same number, and the rare ones never happen.
    pipeline = albumentations.Compose(
        [build(step) for step in recipe.steps if step.transform not in OURS_ALONE],
        bbox_params=albumentations.BboxParams(format="pascal_voc", label_fields=["labels"], min_visibility=0.4),
    )
    return lambda copy: pipeline(image=pixels, bboxes=boxes, labels=[item.label for item in annotations])


OURS_ALONE = ("SmoothWarp", *COMPOSERS)
WAYS = {"ours": ours, "no shapes": ours_without_shapes, "albumentations": albumentations_way}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--copies", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    photos = _photos(asked.folder, asked.photos)
    print(f"{len(photos)} photos of {photos[0][0].shape[1]} x {photos[0][0].shape[0]}, microseconds of CPU a copy")
    print(f"{'recipe':12s}" + "".join(f"{name:>16s}" for name in WAYS) + f"{'ratio':>8s}")
    for recipe in RECIPES.values():
        least = dict.fromkeys(WAYS, float("inf"))
        for _ in range(asked.rounds):
            for name, way in WAYS.items():
                least[name] = min(least[name], _microseconds(way, photos, recipe, asked.copies))
        same = all(step.transform not in OURS_ALONE for step in recipe.steps)
        ratio = f"{least['albumentations'] / least['ours']:8.2f}" if same else f"{'-':>8s}"
        print(f"{recipe.name:12s}" + "".join(f"{value:16.0f}" for value in least.values()) + ratio)


def _microseconds(
    way: Callable[[Photo, Recipe], Callable[[int], object]], photos: list[Photo], recipe: Recipe, copies: int
) -> float:
    spent = 0.0
    for photo in photos:
        make = way(photo, recipe)
        make(0)
        started = time.process_time()
        for copy in range(copies):
            make(copy)
        spent += time.process_time() - started
    return spent / len(photos) / copies * 1e6


def _photos(folder: Path | None, count: int) -> list[Photo]:
    if folder is None:
        from tests.drawn import draw_photo

        return [
            (pixels, tuple(shapes)) for pixels, shapes in (draw_photo(n, width=640, height=480) for n in range(count))
        ]
    paths = sorted(folder.glob("*.json"))[:: max(1, len(list(folder.glob("*.json"))) // count)][:count]
    samples = [read_sample(path.with_suffix(".jpg"), path) for path in paths]
    return [(read_rgb(sample.image_path), sample.annotations or ()) for sample in samples]


if __name__ == "__main__":
    main()
