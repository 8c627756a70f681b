"""The sheets of copies in docs/images, made anew: real output of `augment --preview` on pictures that may be published.

    python scripts/augment_pictures.py docs/images

Portrait of Eileen Collins (NASA, public domain), coins (Brooklyn Museum, no known copyright
restrictions) and the pictures behind her (CC0 and public domain) come with scikit-image.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from skimage import data, filters, measure, segmentation

sys.path.insert(0, str(Path(__file__).parents[1]))

from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.try_out import try_out
from thirtyfold.datasets import labelme_json
from thirtyfold.images import Pixels, write_jpeg
from thirtyfold.sample import Annotation
from thirtyfold.workspace import Dataset

FACE = Annotation.from_box("face", (175, 70, 275, 195))
# Around the woman in the portrait, by eye.
WOMAN = Annotation(
    label="woman",
    kind="polygon",
    points=(
        (172, 127), (159, 112), (153, 92), (154, 74), (166, 51), (186, 33), (210, 20), (236, 15), (261, 21), (281, 36),
        (296, 60), (301, 84), (296, 108), (283, 130), (273, 136), (266, 155), (257, 172), (279, 185), (300, 212),
        (306, 240), (322, 241), (344, 262), (357, 310), (376, 400), (396, 512), (4, 512), (24, 345), (34, 300),
        (48, 268), (82, 236), (110, 210), (116, 190), (130, 170), (156, 152), (182, 148), (181, 132),
    ),
)  # fmt: skip
ROOMS = ("coffee", "grass", "brick", "rocket", "gravel")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        root = Path(work)
        portrait = _dataset(root / "portrait", {"portrait": (data.astronaut(), [FACE])})
        outlined = _dataset(root / "outlined", {"portrait": (data.astronaut(), [FACE, WOMAN])})
        coins = _coins()
        boxes = [Annotation.from_box(coin.label, coin.box_xyxy) for coin in coins[1]]
        coin_boxes = _dataset(root / "coins", {"coins": (coins[0], boxes)})
        halves = _dataset(root / "halves", _halves(*coins))
        for name in ROOMS:
            write_jpeg(root / "rooms" / f"{name}.jpg", _rgb(getattr(data, name)()))
        _sheet(asked.out / "augment-boxes.jpg", coin_boxes, "webcam")
        _sheet(asked.out / "augment-polygons.jpg", _dataset(root / "outlines", {"coins": coins}), "medical")
        _sheet(asked.out / "augment-cover.jpg", portrait, "cover: {p: 1, covered: [0.1, 0.4]}")
        _sheet(asked.out / "augment-background.jpg", outlined, "background: {p: 1, folder: rooms}")
        _sheet(asked.out / "augment-paste.jpg", halves, "copy_paste: {p: 1, objects: [2, 4], scale: [0.6, 2]}")


def _sheet(path: Path, dataset: Dataset, recipe: str) -> None:
    """``recipe`` is a name, or the text of a recipe file that lies beside the dataset."""
    if ":" in recipe:
        (dataset.root.parent / "recipe.yaml").write_text(f"{recipe}\n", encoding="utf-8")
        recipe = str(dataset.root.parent / "recipe.yaml")
    shutil.copyfile(try_out(dataset, AugmentOptions(recipe=recipe, seed=1)).sheet, path)


def _dataset(root: Path, photos: dict[str, tuple[Pixels, Sequence[Annotation]]]) -> Dataset:
    for name, (pixels, shapes) in photos.items():
        path = root / "images" / f"{name}.jpg"
        write_jpeg(path, np.ascontiguousarray(pixels))
        label_file = labelme_json.LabelFile(
            image_path=path.name, width=pixels.shape[1], height=pixels.shape[0], annotations=tuple(shapes)
        )
        labelme_json.write(path.with_suffix(".json"), label_file)
    return Dataset(root)


def _coins() -> tuple[Pixels, list[Annotation]]:
    """The photo of coins, and their outlines by watershed, as scikit-image's own tutorial finds them."""
    grey = data.coins()
    markers = np.zeros(grey.shape, np.int32)
    markers[grey < 30], markers[grey > 150] = 1, 2
    found = segmentation.watershed(filters.sobel(grey), markers) == 2
    outlines = []
    for region in measure.regionprops(measure.label(found)):
        if region.area > 300:
            coin = np.pad(region.image_filled, 1).astype(np.uint8)
            contour = max(cv2.findContours(coin, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
            hull = cv2.convexHull(contour)[:, 0]
            corner = np.array((region.bbox[1], region.bbox[0])) - 0.5
            points = tuple((float(x), float(y)) for x, y in hull + corner)
            outlines.append(Annotation(label="coin", kind="polygon", points=points))
    return _rgb(grey), outlines


def _halves(pixels: Pixels, coins: Sequence[Annotation]) -> dict[str, tuple[Pixels, list[Annotation]]]:
    """The photo's upper and lower half, so that one can give to the other."""
    middle = pixels.shape[0] // 2
    halves = {}
    for name, top, bottom in (("lower", middle, pixels.shape[0]), ("upper", 0, middle)):
        inside = [coin for coin in coins if coin.box_xyxy[1] >= top and coin.box_xyxy[3] <= bottom]
        moved = [
            Annotation(label=coin.label, kind=coin.kind, points=tuple((x, y - top) for x, y in coin.points))
            for coin in inside
        ]
        halves[name] = (pixels[top:bottom], moved)
    return halves


def _rgb(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3])


if __name__ == "__main__":
    main()
