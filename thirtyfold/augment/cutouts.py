"""Hands, telephones and cloths, drawn: for whoever has no cut-outs of real ones.

Rough on purpose. They teach a network that faces and things can be covered; what covers them hardly matters
(random erasing, Zhong et al., AAAI 2020, helps with plain noise). Real cut-outs are better where the
same things will be there in use.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from thirtyfold.augment.pictures import trimmed

VARIANTS = 40
# Twice as fine as they are given out.
_SIDE = 256
# An arm's length, in sides: its end is mostly outside of the picture.
_ARM = 5
# From light to dark: people of any colour hold their hands before their faces.
_SKINS = ((241, 207, 184), (224, 172, 140), (198, 134, 100), (150, 96, 66), (106, 66, 45), (72, 45, 34))


@lru_cache(maxsize=VARIANTS)
def drawn_cutout(variant: int) -> NDArray[np.uint8]:
    """One of ``VARIANTS``, RGBA uint8 (height, width, 4), not to be written to, with nothing empty around it."""
    chance = random.Random(variant)  # noqa: S311 - no secrets here
    draw = (_hand, _hand, _hand, _telephone, _cloth)[variant % 5]
    alpha, color = draw(chance)
    whole = np.concatenate([_shaded(alpha, color, chance), alpha[..., None]], axis=2)
    half = cv2.resize(whole, (whole.shape[1] // 2, whole.shape[0] // 2), interpolation=cv2.INTER_AREA)
    rgba = trimmed(np.asarray(half, np.uint8))
    rgba.flags.writeable = False
    return rgba


def _hand(chance: random.Random) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
    """A palm, four fingers and a thumb, spread more or less, and the arm that it hangs on, downwards."""
    alpha = np.zeros((_ARM * _SIDE, _SIDE), np.uint8)
    palm = (128, 190)
    width = chance.randint(40, 50)
    cv2.ellipse(alpha, palm, (width, 52), 0, 0, 360, 255, cv2.FILLED, cv2.LINE_AA)
    wrist = chance.randint(58, 74)
    cv2.line(alpha, (palm[0], palm[1] + 20), (palm[0] + chance.randint(-40, 40), _ARM * _SIDE), 255, wrist, cv2.LINE_AA)
    spread, thick = chance.uniform(0.05, 0.22), chance.randint(19, 25)
    for finger in range(4):
        turn = (finger - 1.5) * spread + chance.uniform(-0.04, 0.04)
        length = (92, 108, 104, 82)[finger] * chance.uniform(0.85, 1.1)
        root = (palm[0] + round((finger - 1.5) * width * 0.5), palm[1] - 30)
        tip = (round(root[0] + length * math.sin(turn)), round(root[1] - length * math.cos(turn)))
        cv2.line(alpha, root, tip, 255, thick, cv2.LINE_AA)
    turn = chance.uniform(0.7, 1.1)
    root = (palm[0] - width + 12, palm[1] + 16)
    tip = (round(root[0] - 62 * math.sin(turn)), round(root[1] - 62 * math.cos(turn)))
    cv2.line(alpha, root, tip, 255, thick + 3, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.2), np.uint8), chance.choice(_SKINS)


def _telephone(chance: random.Random) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
    """A rectangle with round corners, mostly dark."""
    alpha = np.zeros((_SIDE, _SIDE), np.uint8)
    half_width, half_height, radius = chance.randint(40, 95), 100, chance.randint(4, 24)
    inner = (half_width - radius, half_height - radius)
    cv2.rectangle(
        alpha, (128 - inner[0], 128 - inner[1]), (128 + inner[0], 128 + inner[1]), 255, 2 * radius, cv2.LINE_AA
    )
    cv2.rectangle(alpha, (128 - inner[0], 128 - inner[1]), (128 + inner[0], 128 + inner[1]), 255, cv2.FILLED)
    shade = chance.randint(15, 90)
    return alpha, (shade, shade, min(255, shade + chance.randint(0, 20)))


def _cloth(chance: random.Random) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
    """A round thing with a wavy edge, of any colour."""
    alpha = np.zeros((_SIDE, _SIDE), np.uint8)
    waves = [(chance.uniform(0, 0.3 / n), chance.uniform(0, 2 * math.pi)) for n in range(1, 6)]
    turns = [2 * math.pi * step / 90 for step in range(90)]
    radii = [1 + sum(size * math.sin(n * turn + at) for n, (size, at) in enumerate(waves, 1)) for turn in turns]
    points = [(128 + 110 * r / max(radii) * math.cos(t), 128 + 110 * r / max(radii) * math.sin(t))
              for r, t in zip(radii, turns, strict=True)]  # fmt: skip
    cv2.fillPoly(alpha, [np.round(np.asarray(points)).astype(np.int32)], 255, cv2.LINE_AA)
    return alpha, (chance.randint(20, 235), chance.randint(20, 235), chance.randint(20, 235))


def _shaded(alpha: NDArray[np.uint8], color: tuple[int, int, int], chance: random.Random) -> NDArray[np.uint8]:
    """Light from one side, a darker rim as round things have it, and a little grain."""
    height, width = alpha.shape
    depth = np.minimum(cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 5) / 14, 1)
    turn = chance.uniform(0, 2 * math.pi)
    ys, xs = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 0.82 + 0.18 * depth + 0.12 * (xs * math.cos(turn) + ys * math.sin(turn))
    light *= chance.uniform(0.75, 1.1)
    grain = np.random.default_rng(chance.randrange(2**32)).normal(0, 5, (height // 2, width // 2)).astype(np.float32)
    shaded = np.asarray(color, np.float32) * light[..., None] + cv2.resize(grain, (width, height))[..., None]
    return np.asarray(np.clip(shaded, 0, 255), np.uint8)
