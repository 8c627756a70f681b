"""Mask or no mask on street photos: what finders miss, and what the classifier gets wrong.

    python benchmarks/mask_chain.py ../shared/data/masks ../shared/data/multi_faces_voc

The first folder holds face close-ups, a folder for each class; the second street photos with labelled boxes. The street
photos are split (40 % train, 20 % validation, 40 % test, alike ones together). Trained are a classifier of the
close-ups, one of the close-ups and the faces cut out of the street's train photos, and a face detector of
the street's train photos. All are judged on the street's test photos, once. Needs YuNet's file; prints tables and
writes ``evaluation.json`` and ``report.html`` of both classifiers into ``--out``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CLASSES = {"con_mascarilla": "with_mask", "sin_mascarilla": "without_mask", "mascarilla_mal_puesta": ""}
CLASSIFIER = ("--task", "classify", "--backbone", "mobilenetv2", "--alpha", "0.35", "--heads", "dense128")
DETECTOR = ("--backbone", "mobilenetv2", "--alpha", "0.35", "--size", "416", "--boxes", "many", "--stride", "4")


def run(work: Path, *arguments: str) -> None:
    print("$ thirtyfold", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "thirtyfold", *arguments], cwd=work, check=True)


def one_label(source: Path, target: Path) -> None:
    """A copy of a labelme dataset in which every object is a face."""
    shutil.copytree(source, target)
    for path in (target / "images").glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        content["shapes"] = [shape | {"label": "face"} for shape in content["shapes"]]
        path.write_text(json.dumps(content), encoding="utf-8")


def mixed(work: Path, close_ups: Path) -> None:
    """``mixed/``: the close-ups and the street's train faces to learn from, its validation faces to choose by."""
    for part in ("train", "val"):
        for label, name in CLASSES.items():
            if name and (work / "street_faces" / part / label).is_dir():
                shutil.copytree(work / "street_faces" / part / label, work / "mixed" / part / name)
    for name in filter(None, CLASSES.values()):
        shutil.copytree(close_ups / name, work / "mixed" / "train" / name, dirs_exist_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("close_ups", type=Path)
    parser.add_argument("street", type=Path)
    parser.add_argument("--out", type=Path, default=Path("mask-chain"))
    parser.add_argument("--no-detector", action="store_true", help="leave out the detector, which takes longest")
    options = parser.parse_args()
    labels = ",".join(f"{label}={name}" for label, name in CLASSES.items())
    with tempfile.TemporaryDirectory(prefix="mask-chain-") as folder:
        work = Path(folder)
        shutil.copytree(options.close_ups, work / "masks")
        run(work, "convert", str(options.street.resolve()), "street", "--to", "labelme")
        run(work, "split", "street", "--val", "0.2", "--test", "0.4")
        run(work, "split", "masks")
        run(work, "augment", "masks", "--recipe", "mask", "--factor", "10")
        run(work, "train", "masks", *CLASSIFIER)
        run(work, "predict", "--crops", "street_faces", "--labels", "street", "--margin", "0.05")
        mixed(work, work / "masks")
        run(work, "augment", "mixed", "--recipe", "mask", "--factor", "4")
        run(work, "train", "mixed", *CLASSIFIER)
        finders = "haar,yunet"
        if not options.no_detector:
            one_label(work / "street", work / "street_one")
            run(work, "augment", "street_one", "--factor", "15")
            run(work, "train", "street_one", *DETECTOR)
            finders += ",detect/1"
        for dataset in ("masks", "mixed"):
            out = options.out.resolve() / dataset
            chain = ["--chain", finders, "--dataset", "street", "--part", "test", "--map", labels]
            run(work, "evaluate", dataset, *chain, "--out", str(out))


if __name__ == "__main__":
    main()
