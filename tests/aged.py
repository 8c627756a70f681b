"""Drawn heads of which it is known how old and of which gender they are: what the task *attributes* learns.

Age shows in the grey of the hair and in lines across the forehead, gender in how long the hair is. Skin, room, size
and place say nothing. The photos of one person are alike but for the room and the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from thirtyfold import files
from thirtyfold.images import Pixels, write_jpeg

GENDERS = ("female", "male")
YOUNGEST, OLDEST = 5, 84


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One drawn person; ``seed`` decides about skin and face."""

    name: str
    gender: str
    age: int
    seed: int


def draw_people(count: int, *, seed: int = 0) -> list[Person]:
    """People of all ages, half of them of each gender."""
    random = np.random.default_rng(seed)
    return [
        Person(
            name=f"p{number:03d}",
            gender=GENDERS[number % 2],
            age=int(random.integers(YOUNGEST, OLDEST + 1)),
            seed=int(random.integers(1 << 30)),
        )
        for number in range(count)
    ]


def draw_head(person: Person, photo: int, *, side: int = 160) -> Pixels:
    """RGB pixels (side, side, 3) of one photo of a person."""
    its, random = np.random.default_rng(person.seed), np.random.default_rng([person.seed, photo])
    coarse = random.integers(40, 200, (4, 4, 3), np.uint8)
    pixels = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    across = side * random.uniform(0.22, 0.27)
    down = across * 1.3
    x = side / 2 + side * random.uniform(-0.06, 0.06)
    y = side * 0.54 + side * random.uniform(-0.05, 0.05)
    skin = np.array([224, 172, 140]) * its.uniform(0.45, 1.0)
    grey = (person.age - YOUNGEST) / (OLDEST - YOUNGEST)
    hair = (1 - grey) * np.array([58, 36, 24]) + grey * np.array([228, 228, 226])
    ellipse(pixels, (x, y - 0.35 * down), (1.12 * across, 0.85 * down), hair)
    if person.gender == "female":
        for way in (-1, 1):
            ellipse(pixels, (x + way * across, y + 0.35 * down), (0.3 * across, 1.05 * down), hair)
    ellipse(pixels, (x, y), (across, down), skin)
    for way in (-1, 1):
        ellipse(pixels, (x + way * 0.42 * across, y - 0.1 * down), (0.13 * across, 0.09 * down), (30, 24, 24))
    ellipse(pixels, (x, y + 0.5 * down), (0.4 * across, 0.08 * down), (150, 50, 50))
    for line in range(round(person.age / 12)):
        height = round(y - (0.28 + 0.07 * line) * down)
        half = round(0.5 * across)
        cv2.line(pixels, (round(x) - half, height), (round(x) + half, height), tuple(0.6 * skin), 1, cv2.LINE_AA)
    return np.asarray(cv2.add(pixels, random.integers(0, 24, pixels.shape, np.uint8)), np.uint8)


def ellipse(pixels: Pixels, centre_xy: tuple[float, float], half_wh: tuple[float, float], rgb: Sequence[float]) -> None:
    """Draw a filled ellipse **in place**."""
    centre, axes = (tuple(round(value) for value in pair) for pair in (centre_xy, half_wh))
    cv2.ellipse(pixels, centre, axes, 0, 0, 360, [float(value) for value in rgb], cv2.FILLED, cv2.LINE_AA)


def write_heads(
    root: Path, people: Sequence[Person], *, photos: int = 2, side: int = 160, unknown: float = 0.0, seed: int = 0
) -> Path:
    """A dataset of ``photos`` photos a person, a session each, and ``attributes.csv``.

    A share ``unknown`` of the cells is empty, never both of one photo.
    """
    random = np.random.default_rng(seed)
    rows = ["image,gender,age"]
    for person in people:
        for number in range(photos):
            name = f"{person.name}_{number}.jpg"
            write_jpeg(root / "images" / name, draw_head(person, number, side=side))
            files.append_line(root / "captures.jsonl", f'{{"image": "{name}", "session": "{person.name}"}}')
            cells = [person.gender, str(person.age)]
            if random.random() < 2 * unknown:
                cells[int(random.integers(2))] = ""
            rows.append(",".join((name, *cells)))
    files.write_text(root / "attributes.csv", "\n".join(rows) + "\n")
    return root
