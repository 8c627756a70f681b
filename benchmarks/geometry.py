"""How exactly shapes follow the pixels: random shapes, random transforms, and each shape's own picture as the witness.

    python benchmarks/geometry.py [--n 10000] [--seed 0] [--breadth 40]

A line for each kind of shape: how many came out and how many of those in several pieces; the lowest and
the middle IoU; how many pixels differ for each pixel of edge, and how far from the edge the centre of a
pixel that differs lies at most (0.5 for masks, whose outline runs between pixels); exceptions. IoU is
limited by the grid: a tenth of a pixel along the whole edge costs 0.4 pixels of the breadth (the
side of the square that has as much edge for its area). So the IoU is given for shapes of
``--breadth`` pixels and more; the distance is for all.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
import traceback
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.augment.geometry import SHAPES, Compared, compare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--breadth", type=float, default=40)
    options = parser.parse_args()
    started = time.perf_counter()
    chance = random.Random(options.seed)
    found: dict[str, list[Compared]] = {name: [] for name in SHAPES}
    exceptions = dict.fromkeys(SHAPES, 0)
    for number in range(options.n):
        name = list(SHAPES)[number % len(SHAPES)]
        annotation, seed = SHAPES[name](chance), chance.randrange(2**64)
        try:
            found[name].append(compare(annotation, seed))
        except Exception:
            exceptions[name] += 1
            print(f"seed {seed}: {annotation}\n{traceback.format_exc()}", file=sys.stderr)
    heads = ("shape", "n", "pieces", "broad", "IoU min", "IoU 1 %", "median", "px off", "px worst", "errors")
    print(" | ".join(f"{head:>8}" for head in heads))
    for name, every in found.items():
        print(" | ".join(f"{cell:>8}" for cell in _row(name, every, options.breadth, exceptions[name])))
    print(f"{options.n:,} transforms in {time.perf_counter() - started:.0f} s")


def _row(name: str, every: list[Compared], breadth: float, exceptions: int) -> tuple[str, ...]:
    shown = [one for one in every if one.area]
    broad = sorted(one.iou for one in shown if one.breadth >= breadth)
    off = [one.differing / one.edge for one in shown if one.edge >= 20]
    worst = max(one.farthest for one in every)
    return (
        name,
        str(len(shown)),
        str(sum(one.pieces > 1 for one in shown)),
        str(len(broad)),
        f"{broad[0]:.4f}",
        f"{broad[len(broad) // 100]:.4f}",
        f"{statistics.median(broad):.4f}",
        f"{statistics.mean(off):.3f}",
        f"{worst:.3f}",
        str(exceptions),
    )


if __name__ == "__main__":
    main()
