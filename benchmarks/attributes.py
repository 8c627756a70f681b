"""Gender and age: what the task *attributes* learns of drawn heads, whose ages are known, and of ten real people.

    python benchmarks/attributes.py --work /tmp/attributes [--data ../shared/data/lfw10] [--seeds 3]

Drawn: 100 heads (``tests/aged.py``), four photos each, a tenth of all cells left empty; age shows in grey hair and
lines across the forehead, gender in the length of the hair. Split by person, trained and judged by the command line,
once a seed. Beside each error stands what always saying the mean of the training photos reaches.

Real (with ``--data``, a folder a person): the age of ten well-known men by the year they were born in; the photos are
of about 2002. Five times seven of them train, one validates and two are judged, so that everybody is judged once by a
model that has never seen them. Ten people are few: the interval, by bootstrap over people, says how few.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from tests.aged import draw_people, write_heads
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.images import read_rgb
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.predict.attribute_heads import ANSWERS
from thirtyfold.predict.runtime import load
from thirtyfold.workspace import Dataset

PEOPLE, PHOTOS, UNKNOWN = 100, 4, 0.1
BACKBONE = ("--backbone", "mobilenetv2", "--alpha", "0.35", "--size", "128")
FOLDS, YEAR, DRAWS = 5, 2002, 1000
# Wikipedia's years; all ten are men, so that there is no gender to learn.
BORN = {
    "Ariel_Sharon": 1928, "Arnold_Schwarzenegger": 1947, "Colin_Powell": 1937, "Donald_Rumsfeld": 1932,
    "George_W_Bush": 1946, "Gerhard_Schroeder": 1944, "Hugo_Chavez": 1954, "Jacques_Chirac": 1932,
    "Tony_Blair": 1953, "Vladimir_Putin": 1952,
}  # fmt: skip


def thirtyfold(*arguments: str) -> str:
    """What the command line prints."""
    done = subprocess.run(
        [sys.executable, "-m", "thirtyfold", *arguments], capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"thirtyfold {' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout


def drawn(work: Path, seeds: int) -> list[dict[str, Any]]:
    """The figures of the test part, a training a seed."""
    root = work / "heads"
    if not root.exists():
        write_heads(root, draw_people(PEOPLE), photos=PHOTOS, unknown=UNKNOWN)
        thirtyfold("split", str(root))
    runs = ("--runs", str(work / "runs"))
    results = []
    for seed in range(seeds):
        made = thirtyfold("train", str(root), "--task", "attributes", *BACKBONE, "--seed", str(seed), *runs, "--json")
        results.append(json.loads(made)["metrics"]["test"])
    return results


def show_drawn(results: list[dict[str, Any]]) -> None:
    print(f"\n{PEOPLE} drawn heads, {results[0]['photos']} test photos\n")
    print("| seed | gender accuracy | age MAE, years | always the mean | within 5 years | women | men |")
    print("|---|---|---|---|---|---|---|")
    for seed, figures in enumerate(results):
        gender, age = figures["heads"]["gender"], figures["heads"]["age"]
        by = next(group for group in figures["groups"] if (group["of"], group["by"]) == ("age", "gender"))
        of = {row["group"]: f"{row['figure']:.1f} ({row['photos']})" for row in by["groups"]}
        low, high = age["intervals"]["mae"]
        print(
            f"| {seed} | {gender['accuracy']:.3f} | {age['mae']:.1f} ({low:.1f}–{high:.1f}) | {age['mae_of_mean']:.1f} "
            f"| {age['within_5']:.0%} | {of['female']} | {of['male']} |"
        )
    for figures in results[:1]:
        for group in figures["groups"]:
            print(f"seed 0: {group['said']}")


def real(work: Path, data: Path) -> list[dict[str, Any]]:
    """What was said of every photo by a model that had not seen its person."""
    root = work / "people"
    photos = {path.name: person for person in BORN for path in sorted((data / person).glob("*.jpg"))}
    (root / "images").mkdir(parents=True, exist_ok=True)
    for name, person in photos.items():
        target = root / "images" / name
        if not target.exists():
            target.symlink_to((data / person / name).resolve())
    rows = ["image,age", *(f"{name},{YEAR - BORN[person]}" for name, person in photos.items())]
    (root / "attributes.csv").write_text("\n".join(rows) + "\n")
    people = sorted(BORN)
    order = [people[index] for index in np.random.default_rng(0).permutation(len(people))]
    said = []
    for fold in range(FOLDS):
        test, val = order[2 * fold : 2 * fold + 2], order[(2 * fold + 2) % len(order)]
        parts = {
            name: "test" if person in test else "val" if person == val else "train" for name, person in photos.items()
        }
        write_split(Dataset(root), Split(parts=parts, groups=dict(photos), how="person", leak_free=True))
        options = TrainOptions(task="attributes", backbone="mobilenetv2", alpha=0.35, size=128)
        result = train(Dataset(root), options, runs_dir=work / "runs-people")
        predictor = load(result.run_dir)
        mean = result.artifact.decoder_options["scales"]["age"][0]
        for name, person in photos.items():
            if person in test:
                (found,) = predictor(read_rgb(root / "images" / name))
                age = found.extra[ANSWERS]["age"]["value"]
                said.append({"person": person, "truth": YEAR - BORN[person], "said": age, "mean": mean})
        print(f"fold {fold + 1} of {FOLDS}: {', '.join(test)}", flush=True)
    return said


def show_real(said: list[dict[str, Any]]) -> dict[str, Any]:
    people = sorted({one["person"] for one in said})
    kinds = {
        "MAE": [abs(one["said"] - one["truth"]) for one in said],
        "always the mean": [abs(one["mean"] - one["truth"]) for one in said],
    }
    member = np.array([[one["person"] == person for one in said] for person in people], np.float64)
    drawn_people = np.random.default_rng(0).multinomial(len(people), [1 / len(people)] * len(people), size=DRAWS)
    figures: dict[str, Any] = {}
    print(f"\nthe age of {len(people)} people, {len(said)} photos, everybody judged by a model that never saw them\n")
    for name, values in kinds.items():
        sums, counts = member @ np.array(values), member.sum(axis=1)
        low, high = np.quantile(drawn_people @ sums / (drawn_people @ counts), [0.025, 0.975])
        figures[name] = [float(np.mean(values)), float(low), float(high)]
        print(f"{name}: {np.mean(values):.1f} years ({low:.1f}–{high:.1f})")
    apart = np.array(kinds["MAE"]) - np.array(kinds["always the mean"])
    low, high = np.quantile(drawn_people @ (member @ apart) / (drawn_people @ member.sum(axis=1)), [0.025, 0.975])
    figures["difference"] = [float(apart.mean()), float(low), float(high)]
    print(f"difference: {apart.mean():+.1f} years ({low:+.1f} to {high:+.1f})")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    results["drawn"] = drawn(given.work, given.seeds)
    show_drawn(results["drawn"])
    if given.data is not None:
        results["real"] = show_real(real(given.work, given.data))
    if given.out:
        given.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
