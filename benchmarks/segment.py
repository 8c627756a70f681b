"""Segmentation of brain MRI slices, 5-fold by group: a U-Net on ImageNet features, one from scratch, and Otsu.

    python benchmarks/segment.py SOURCE --work /tmp/segment            all folds, all methods
    python benchmarks/segment.py SOURCE --work /tmp/segment --folds 0,1 --methods otsu,imagenet

SOURCE is a dataset in any format (``../shared/data/brain_mri``). Slices that are one picture, or look so, are one
group and fall on one side. In each fold a fifth of the groups is the test; of the others a part validates (the
best epoch is chosen there) and the rest is multiplied and learned from. Otsu's baseline is tuned on train and
validation slices. Nothing is chosen by a test slice. Every result is a line of WORK/results.jsonl as soon as it is
there: what was done is not done again when the program is started anew.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from thirtyfold import files
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.augment.writer import augment_dataset
from thirtyfold.console import Terminal
from thirtyfold.datasets.duplicates import looks_of, near_duplicates
from thirtyfold.datasets.formats.convert import convert
from thirtyfold.datasets.formats.convert_options import ConvertOptions
from thirtyfold.datasets.rasterize import label_map, numbers_of
from thirtyfold.datasets.samples import labels_of, read_samples
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.images import read_rgb
from thirtyfold.model.metrics.intervals import bootstrap_figures
from thirtyfold.model.metrics.segmentation import RegionFigures, image_figures, mean_dice, summary
from thirtyfold.model.options import TrainOptions
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

FOLDS = 5
VAL_SHARE = 0.15
SEED = 30
# Slices of one head a few millimetres apart: no copies of one picture, but no independent looks either.
LOOK_ALIKE = (("Y6", "Y52"), ("Y8", "Y35"))
METHODS = ("otsu", "scratch", "imagenet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--folds", default=",".join(map(str, range(FOLDS))))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--factor", type=int, default=30)
    parser.add_argument("--recipe", default="medical")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--backbone", default="mobilenetv2")
    parser.add_argument("--alpha", type=float, default=0.35)
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--epochs", type=int, default=-1)
    parser.add_argument("--fine-tune", default="never")
    parser.add_argument("--class-weights", default="none")
    parser.add_argument("--tag", default="", help="a name for these settings among the results")
    parser.add_argument("--val-only", action="store_true", help="print validation figures and keep the test unseen")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    labelme = args.work / "labelme"
    if not labelme.exists():
        convert(args.source, labelme, ConvertOptions(to="labelme"))
    samples = read_samples(Dataset(labelme))
    groups = groups_of(samples)
    folds = folds_of(groups)
    for fold, method in itertools.product(map(int, args.folds.split(",")), args.methods.split(",")):
        name = method + (f"-{args.tag}" if args.tag else "")
        if any(row["fold"] == fold and row["method"] == name for row in results(args.work)):
            continue
        started = time.perf_counter()
        print(f"fold {fold}: {name}", flush=True)
        # By slice: {"val": {slice: ...}, "test": {slice: ...}}.
        if method == "otsu":
            figures_by_slice = run_otsu(samples, folds[fold])
        else:
            figures_by_slice = run_unet(samples, groups, folds[fold], method, args, fold)
        seconds = round(time.perf_counter() - started, 1)
        row = {"fold": fold, "method": name, "seconds": seconds, **figures_by_slice, "group": groups}
        files.append_line(args.work / "results.jsonl", json.dumps(row))
    report(args.work, labels_of(samples), val_only=args.val_only)


def groups_of(samples: Sequence[Sample]) -> dict[str, str]:
    """Slice → the group it belongs to, which is called as its first slice."""
    names = [sample.image_path.name for sample in samples]
    by_stem = {Path(name).stem: name for name in names}
    looks = looks_of([sample.image_path for sample in samples])
    pairs = near_duplicates(looks, {name: name for name in names})
    pairs += [(by_stem[a], by_stem[b]) for a, b in LOOK_ALIKE if a in by_stem and b in by_stem]
    print(f"one group each: {', '.join(f'{a} = {b}' for a, b in pairs)}")
    group = {name: name for name in names}
    for a, b in pairs:
        old, new = group[b], group[a]
        group = {name: new if its == old else its for name, its in group.items()}
    return group


def folds_of(groups: dict[str, str]) -> list[dict[str, str]]:
    """For each fold: slice → ``train``, ``val`` or ``test``."""
    names = sorted(set(groups.values()), key=lambda name: [int(part) for part in re.findall(r"\d+", name)] or [0])
    random.Random(SEED).shuffle(names)
    folds = []
    for fold in range(FOLDS):
        test = set(names[fold::FOLDS])
        rest = [name for name in names if name not in test]
        val = set(rest[fold :: round(1 / VAL_SHARE)])
        folds.append({
            photo: "test" if group in test else "val" if group in val else "train" for photo, group in groups.items()
        })  # fmt: skip
    return folds


def run_unet(
    samples: Sequence[Sample],
    groups: dict[str, str],
    parts: dict[str, str],
    method: str,
    args: argparse.Namespace,
    fold: int,
) -> dict[str, Any]:
    from thirtyfold.model.train import train
    from thirtyfold.predict.runtime import load

    root = args.work / f"fold{fold}"
    dataset = Dataset(root)
    if not (root / "split.json").exists():
        shutil.rmtree(root, ignore_errors=True)
        (root / "images").mkdir(parents=True)
        for sample in samples:
            for path in (sample.image_path, sample.image_path.with_suffix(".json")):
                os.link(path, root / "images" / path.name)
        write_split(dataset, Split(parts=parts, groups=groups, how="groups of slices that look alike", leak_free=True))
    copies = AugmentOptions(factor=args.factor, recipe=args.recipe, workers=2)
    augment_dataset(dataset, copies, progress=Terminal())
    scratch = method == "scratch"
    options = TrainOptions(
        task="segment",
        backbone="scratch" if scratch else args.backbone,
        weights="none" if scratch else args.weights,
        alpha=args.alpha,
        size=args.size,
        epochs=args.epochs,
        fine_tune="never" if scratch else args.fine_tune,
        class_weights=args.class_weights,
    )
    result = train(dataset, options, runs_dir=args.work / "runs", progress=Terminal())
    predictor = load(result.run_dir)
    numbers = numbers_of(result.artifact.classes)
    rows: dict[str, Any] = {"val": {}, "test": {}, "run": str(result.run_dir)}
    for sample in samples:
        part = parts[sample.image_path.name]
        if part != "train":
            found = predictor(read_rgb(sample.image_path))
            predicted = label_map(found, numbers, (sample.width, sample.height))
            rows[part][sample.image_path.name] = figures(sample, predicted, list(numbers))
    return rows


def figures(sample: Sample, predicted: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    truth = label_map(sample.annotations or (), numbers_of(classes), (sample.width, sample.height))
    found = image_figures(truth, predicted, classes)
    return {
        label: [r.truth_px, r.predicted_px, r.shared_px, r.boundary_f1, r.hausdorff95_px] for label, r in found.items()
    }


# --- the baseline without learning ----------------------------------------------------------------------


def run_otsu(samples: Sequence[Sample], parts: dict[str, str]) -> dict[str, Any]:
    """The brightest of some Otsu classes, opened, its largest piece; how many classes and how opened is tuned."""
    classes = list(labels_of(samples))
    pixels = {s.image_path.name: cv2.cvtColor(read_rgb(s.image_path), cv2.COLOR_RGB2GRAY) for s in samples}
    tuning = [sample for sample in samples if parts[sample.image_path.name] != "test"]
    best, chosen = -1.0, (2, 0.0, False)
    for setting in itertools.product((2, 3, 4), (0.0, 0.01, 0.02, 0.04), (False, True)):
        dices = []
        for sample in tuning:
            grey = pixels[sample.image_path.name]
            truth = label_map(sample.annotations or (), dict.fromkeys(classes, 1), (sample.width, sample.height))
            predicted = otsu(grey, *setting)
            both = int(truth.sum()) + int(predicted.sum())
            dices.append(2 * int((truth & predicted).sum()) / both if both else 1.0)
        if sum(dices) / len(dices) > best:
            best, chosen = sum(dices) / len(dices), setting
    print(
        f"  Otsu: {chosen[0]} classes, opened by {chosen[1]:.0%} of the side, inner only {chosen[2]}: {best:.3f} there"
    )
    rows: dict[str, Any] = {"val": {}, "test": {}, "setting": list(chosen)}
    for sample in samples:
        part = parts[sample.image_path.name]
        if part != "train":
            predicted = otsu(pixels[sample.image_path.name], *chosen)
            rows[part][sample.image_path.name] = figures(sample, predicted, classes)
    return rows


def otsu(grey: np.ndarray, classes: int, opening_share: float, inner: bool) -> np.ndarray:
    """uint8 (height, width), 1 in the largest bright piece; ``inner``: of those in the middle 80 % of the picture."""
    from skimage.filters import threshold_multiotsu

    small = cv2.resize(grey, None, fx=min(1.0, 256 / max(grey.shape)), fy=min(1.0, 256 / max(grey.shape)))
    try:
        level = threshold_multiotsu(small, classes=classes, nbins=64)[-1]
    except ValueError:  # fewer greys than classes
        return np.zeros(grey.shape, np.uint8)
    bright = (grey > level).astype(np.uint8)
    side = int(opening_share * max(grey.shape)) * 2 + 1
    if side > 1:
        bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    count, pieces, stats, centres = cv2.connectedComponentsWithStats(bright, connectivity=8)
    height, width = grey.shape
    found = [
        piece
        for piece in range(1, count)
        if not inner or (0.1 < centres[piece][0] / width < 0.9 and 0.1 < centres[piece][1] / height < 0.9)
    ]
    if not found:
        return np.zeros(grey.shape, np.uint8)
    return (pieces == max(found, key=lambda piece: stats[piece, cv2.CC_STAT_AREA])).astype(np.uint8)


# --- the table ------------------------------------------------------------------------------------------


def results(work: Path) -> list[dict[str, Any]]:
    return files.read_json_lines(work / "results.jsonl")


def report(work: Path, classes: dict[str, int], *, val_only: bool) -> None:
    rows = results(work)
    table = []
    for method in dict.fromkeys(row["method"] for row in rows):
        line: dict[str, Any] = {"method": method}
        for part in ("val",) if val_only else ("val", "test"):
            slices, groups = [], []
            for row in rows:
                if row["method"] == method:
                    for name, regions in row[part].items():
                        slices.append({
                            label: RegionFigures(
                                truth_px=r[0], predicted_px=r[1], shared_px=r[2], boundary_f1=r[3], hausdorff95_px=r[4]
                            )
                            for label, r in regions.items()
                        })  # fmt: skip
                        groups.append(row["group"][name])
            dices = np.array([mean_dice(one) for one in slices])
            intervals = bootstrap_figures(groups, lambda w, d=dices: {"mean_dice": w @ d / w.sum(axis=1)})
            line[part] = {
                **summary(slices, list(classes)),
                "interval": [round(value, 4) for value in intervals.bounds.get("mean_dice", ())],
                "intervals_by": f"{intervals.groups} {intervals.by}",
            }
        line["folds"] = sorted(row["fold"] for row in rows if row["method"] == method)
        line["seconds"] = sum(row["seconds"] for row in rows if row["method"] == method)
        table.append(line)
    files.write_json(work / "segment.json", {"rows": table})
    print(
        f"\n{'method':28} {'folds':>5} {'part':5} {'slices':>6} {'Dice':>7} {'95 %':>15} "
        f"{'IoU':>6} {'BF1':>6} {'HD95':>6} missed"
    )
    for line in table:
        for part in ("val", "test"):
            if part in line:
                f = line[part]
                low, high = f["interval"] or (float("nan"), float("nan"))
                missed = sum(one["missed"] for one in f["classes"].values())
                hd = f["hausdorff95_px"] or float("nan")
                print(
                    f"{line['method']:28} {len(line['folds']):5} {part:5} {f['photos']:6} {f['mean_dice']:7.3f} "
                    f"{low:6.3f} to {high:5.3f} {f['mean_iou']:6.3f} {f['boundary_f1'] or 0:6.3f} {hd:6.1f} {missed}"
                )


if __name__ == "__main__":
    main()
