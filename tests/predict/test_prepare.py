"""What is done to a photo before a network sees it."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from thirtyfold.errors import ModelError
from thirtyfold.images import letterbox
from thirtyfold.predict.artifact import read_artifact
from thirtyfold.predict.prepare import STEPS, on_squares, prepared_square
from thirtyfold.predict.runtime import load

DULL = np.random.default_rng(1).integers(90, 120, (60, 100, 3), np.uint8)


def test_equalizing_spreads_the_brightness_of_the_photo_and_leaves_the_grey_margin() -> None:
    before = DULL.copy()
    square, scale, offset_xy = prepared_square(DULL, 128, ("equalize",))
    plain, *place = letterbox(DULL, 128)
    assert (scale, offset_xy) == tuple(place)
    top, bottom = int(offset_xy[1]), int(offset_xy[1]) + round(60 * scale)
    luma = cv2.cvtColor(square[top:bottom], cv2.COLOR_RGB2YCrCb)[..., 0]
    assert (luma.min(), luma.max()) == (0, 255) or np.ptp(luma) > 240
    assert np.ptp(cv2.cvtColor(plain[top:bottom], cv2.COLOR_RGB2YCrCb)[..., 0]) < 40
    assert (square[:top] == 114).all()
    assert (square[bottom:] == 114).all()
    assert (before == DULL).all()


def test_what_the_network_does_itself_leaves_the_square_as_it_is() -> None:
    assert (prepared_square(DULL, 64, ("whiten",))[0] == letterbox(DULL, 64)[0]).all()
    assert on_squares(("whiten", "equalize")) == ("equalize",)
    assert set(on_squares(STEPS)) < set(STEPS)


def prepared(run: Path, folder: Path, steps: object) -> Path:
    shutil.copytree(run, folder)
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, "prepare": steps}))
    return folder


def test_a_model_is_fed_photos_as_its_card_says(masks_run: Path, tmp_path: Path) -> None:
    predictor = load(prepared(masks_run, tmp_path / "run", ["equalize"]))
    size = predictor.artifact.size
    square, placement = predictor.square(DULL)
    assert (square == prepared_square(DULL, size, ("equalize",))[0]).all()
    assert predictor(DULL) == predictor.decode(predictor.outputs(square), placement)
    plain = load(masks_run)
    assert (plain.square(DULL)[0] == letterbox(DULL, size)[0]).all()


@pytest.mark.parametrize("steps", [["sharpen"], ["equalize", "../equalize"], "equalize"])
def test_a_card_that_wants_what_nobody_knows_is_refused(masks_run: Path, tmp_path: Path, steps: object) -> None:
    with pytest.raises(ModelError, match="prepared in a way this version does not know"):
        read_artifact(prepared(masks_run, tmp_path / "run", steps))
