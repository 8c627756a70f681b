"""The road on real photos, measured: clip_frames ×30, one person held out, one line a model.

    python benchmarks/road.py                          the default heads, MobileNetV2 α 0.35
    python benchmarks/road.py --runs dense,global      both head designs in one run
    python benchmarks/road.py --runs vgg16             VGG16 from nothing, one epoch
    python benchmarks/road.py --seeds 3                with the spread over seeds
    python benchmarks/road.py --held-out book,learn    another person held out

Every figure is on the frames of the clips held out, by default ``milk``, whose person is in
no other clip, by the exported model at its own threshold. The defaults of the dense heads were chosen
while looking at ``milk``; ``book,learn`` (the person in yellow) was not looked at for them.
The photos are copied; nothing is written beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("THIRTYFOLD_SHARED", Path(__file__).parents[2] / "shared"))
MOBILENET = ["--backbone", "mobilenetv2", "--alpha", "0.35"]
RUNS: dict[str, tuple[str, list[str]]] = {
    "dense": ("dense heads, frozen backbone", MOBILENET),
    "global": ("global heads, everything trained", [*MOBILENET, "--heads", "global"]),
    "vgg16": (
        "VGG16 from nothing, dense heads, 1 epoch at 96 px",
        ["--backbone", "vgg16", "--weights", "none", "--epochs", "1", "--size", "96"],
    ),
}


def tool(*arguments: object) -> dict[str, Any]:
    """Run a thirtyfold command with --json and return what it printed."""
    command = [sys.executable, "-m", "thirtyfold", *map(str, arguments), "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="dense", help="dense, global, vgg16; separated by commas")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--held-out", default="milk", help="clips to test on, separated by commas")
    parser.add_argument("--folder", type=Path, help="work here and keep it [default: a temporary folder]")
    parser.add_argument("--epochs", type=int, help="instead of the default")
    options = parser.parse_args()
    if not (SHARED / "data/clip_frames").is_dir():
        sys.exit(f"the real photos are not here: {SHARED} (set THIRTYFOLD_SHARED)")

    folder = options.folder or Path(tempfile.mkdtemp(prefix="thirtyfold-road-"))
    faces = folder / "faces"
    if not faces.exists():
        shutil.copytree(SHARED / "data/clip_frames", faces / "images", copy_function=shutil.copyfile)
        models = folder / "keras/models"
        models.mkdir(parents=True)
        for weights in (SHARED / "weights").glob("*.h5"):
            shutil.copyfile(weights, models / weights.name)
    os.environ["KERAS_HOME"] = str(folder / "keras")
    tool("split", faces, "--group-by", "^([a-z]+)_", "--test-sessions", options.held_out)
    started = time.perf_counter()
    augmented = tool("augment", faces, "--factor", 30)
    print(f"augmented: {augmented['copies']} copies, {time.perf_counter() - started:.0f} s", flush=True)

    print("\n| run | seeds | held-out mean IoU | found at IoU 0.5 | epochs (best) | minutes | |d box| LiteRT, px |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in options.runs.split(","):
        title, arguments = RUNS[name]
        if options.epochs and name != "vgg16":
            arguments = [*arguments, "--epochs", str(options.epochs)]
        ious, found, minutes, boxes, epochs = [], [], [], [], []
        for seed in range(options.seeds):
            result = tool("train", faces, "--runs", folder / "runs", "--seed", seed, *arguments)
            metrics, training = result["metrics"], result["training"]
            ious.append(metrics["test"]["mean_iou"])
            found.append(metrics["test"]["found"])
            minutes.append(float(result["seconds"]) / 60)
            boxes.append(metrics["tflite_against_keras"]["largest_box_difference_px"])
            epochs.append(f"{training['epochs_done']} ({training['best_epoch']})")
        spread = f" ({min(ious):.3f} to {max(ious):.3f})" if len(ious) > 1 else ""
        print(
            f"| {title} | {options.seeds} | {statistics.mean(ious):.3f}{spread} | {statistics.mean(found):.0%} "
            f"| {', '.join(epochs)} | {statistics.mean(minutes):.1f} | {max(boxes):.3f} |",
            flush=True,
        )
    print(f"\nruns and reports: {folder / 'runs'}")


if __name__ == "__main__":
    main()
