"""The pictures of docs/masks.md, taken anew: a public-domain portrait, twice, once with a mask drawn onto it.

    python scripts/mask_pictures.py --then runs/classify/1

Needs the development dependencies, a Chromium, YuNet's file and a mask classifier of your own.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
from browser import IMAGES, chromium, served
from live_pictures import DESKTOP
from playwright.sync_api import expect
from skimage import data

from thirtyfold.images import Pixels, write_jpeg
from thirtyfold.predict.batch import predict_paths

# NASA's portrait of Eileen Collins (public domain), 512×512; the corners of a mask on it, by eye.
MASK_XY = (
    (189, 122),
    (206, 113),
    (228, 107),
    (246, 112),
    (263, 124),
    (262, 146),
    (251, 166),
    (228, 178),
    (204, 168),
    (191, 148),
)
BANDS = (((189, 124), (175, 117)), ((192, 150), (178, 146)), ((263, 126), (273, 119)), ((262, 148), (270, 142)))
COLOR = (150, 190, 214)


def masked(portrait: Pixels) -> Pixels:
    """A copy with a folded blue mask before mouth and nose, as bright as the face below it."""
    points = np.array(MASK_XY, np.int32)
    cover = np.zeros(portrait.shape[:2], np.uint8)
    cv2.fillPoly(cover, [points], 255, cv2.LINE_AA)
    for start, end in BANDS:
        cv2.line(cover, start, end, 255, 2, cv2.LINE_AA)
    light = cv2.GaussianBlur(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), (0, 0), 9).astype(np.float32)
    cloth = np.clip(np.array(COLOR, np.float32) * (light / 165.0)[..., None].clip(0.55, 1.12), 0, 255)
    for row in (130, 142, 154):
        cloth[row : row + 2] *= 0.86
    share = (cv2.GaussianBlur(cover, (0, 0), 0.8) / 255.0)[..., None]
    return (portrait * (1 - share) + cloth * share).astype(np.uint8)


def pair() -> Pixels:
    """The portrait with the mask beside the one without, mirrored and in another light."""
    portrait = np.ascontiguousarray(data.astronaut()[:400])
    other = cv2.convertScaleAbs(np.ascontiguousarray(portrait[:, ::-1]), alpha=0.92, beta=4)
    return np.hstack([masked(portrait), other]).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--then", required=True, type=Path, help="the run folder of a mask classifier")
    parser.add_argument("--model", default="yunet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium(camera=False) as browser:
        photo = Path(folder) / "two.jpg"
        write_jpeg(photo, pair())
        drawn = predict_paths([photo], options.model, then=options.then, save_dir=Path(folder) / "found").saved[0]
        shutil.copyfile(drawn, IMAGES / "masks.jpg")
        then = ["--then", str(options.then)]
        with served("live", "--model", options.model, "--source", "browser", *then) as link:
            page = browser.new_context(color_scheme="dark", **DESKTOP).new_page()
            page.goto(link, wait_until="commit")
            expect(page.locator("#threshold")).to_be_enabled(timeout=30_000)
            page.locator("#file").set_input_files(photo)
            expect(page.locator("#found")).to_contain_text("face", timeout=30_000)
            page.screenshot(path=IMAGES / "masks-web.jpg", type="jpeg", quality=85)


if __name__ == "__main__":
    main()
