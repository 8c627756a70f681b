"""How well people are told apart, by several embedders, on people that none of them was trained on.

    python benchmarks/recognize.py --data ../shared/data/lfw10 [--partitions 3] [--sface] [--out figures.json]

``--data`` is a folder a person. Faces are found by YuNet and cut out as ``live`` does it. In each partition half of
the people, drawn at random, train an embedding (``train --task recognize``, MobileNetV2 0.35, frozen, ImageNet weights)
that is judged on the other half; then the halves change places. The same test people judge every row:

raw          ImageNet features of MobileNetV2 0.35, pooled, as they are: it was never shown a face on purpose
raw, centred the same, less the mean of the training people's: what centring alone brings
trained      the embedding
sface        OpenCV's SFace, with ``--sface`` (its file is fetched once)

AUC, EER and TAR (one person accepted) at a false-accept rate of 1 % are of all pairs of photos. ``rank 1``: the nearest
of all test people is the right one, when a random half of everybody's photos is enrolled and the rest is asked. For
``named``, ``misnamed`` and ``unknown`` two people are not enrolled; the threshold is what ``enroll`` would choose from
the others' enrolled photos for a rate of 1 %. Intervals of the last four: 95 %, by bootstrap over the people.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from thirtyfold.datasets.formats.convert import convert
from thirtyfold.datasets.formats.convert_options import ConvertOptions
from thirtyfold.datasets.split import Split, write_split
from thirtyfold.images import Pixels, letterbox, read_rgb
from thirtyfold.model.metrics.recognition import Trials, identification, pairs_of, verification
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.train import train
from thirtyfold.model.weights import imagenet_download, load_backbone_weights
from thirtyfold.predict.chain import crop
from thirtyfold.predict.detectors import open_detector
from thirtyfold.predict.embedder import open_embedder
from thirtyfold.predict.recognizer_threshold import DEFAULT_FAR, decide, evidence_of
from thirtyfold.workspace import Dataset

ALPHA, SIZE = 0.35, 224
STRANGERS = 2
DRAWS = 1000
Vectors = NDArray[np.float32]
Figures = dict[str, list[float]]


@dataclass(frozen=True)
class Faces:
    crops: list[Pixels]
    names: list[str]
    files: list[str]

    def of(self, people: Sequence[str]) -> list[int]:
        return [index for index, name in enumerate(self.names) if name in people]


def find_faces(folder: Path, finder: str) -> Faces:
    detector = open_detector(finder if finder in ("yunet", "haar") else Path(finder))
    crops, names, files = [], [], []
    for path in sorted(folder.glob("*/*.jpg")):
        pixels = read_rgb(path)
        found = detector(pixels)
        if not found:
            print(f"left out, no face found: {path.name}")
            continue
        largest = max(
            found, key=lambda face: (face.box_xyxy[2] - face.box_xyxy[0]) * (face.box_xyxy[3] - face.box_xyxy[1])
        )
        crops.append(crop(pixels, largest.box_xyxy))
        names.append(path.parent.name)
        files.append(path.name)
    return Faces(crops, names, files)


def raw_features(crops: Sequence[Pixels]) -> Vectors:
    """Pooled ImageNet features, (N, 1280), not of length 1."""
    import keras

    from thirtyfold.model.backbones import BACKBONES, Preprocessing
    from thirtyfold.model.weights import cache_dir

    backbone = BACKBONES["mobilenetv2"].build(SIZE, ALPHA)
    load_backbone_weights(backbone, cache_dir() / imagenet_download("mobilenetv2", ALPHA).name)
    image = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(backbone(Preprocessing("tf")(image)))
    squares = np.stack([letterbox(one, SIZE)[0] for one in crops])
    return np.asarray(keras.Model(image, pooled).predict(squares, batch_size=32, verbose=0), np.float32)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def trained_embedding(
    dataset: Dataset, people: Sequence[str], faces: Faces, work: Path, finder: str, seed: int
) -> Vectors:
    """The vectors of all faces by a run that learned from ``people`` alone; the others' photos are its test part."""
    part = {file: "train" if name in people else "test" for file, name in zip(faces.files, faces.names, strict=True)}
    names = {path.name for path in dataset.image_paths()}
    part |= dict.fromkeys(names - set(part), "test")
    split = Split(parts=part, groups={name: name.rsplit("_", 1)[0] for name in part}, how="person", leak_free=True)
    write_split(dataset, split)
    options = TrainOptions(
        task="recognize", backbone="mobilenetv2", alpha=ALPHA, size=SIZE, seed=seed, faces=finder, unlabelled="skip"
    )
    run_dir = train(dataset, options, runs_dir=work / "runs").run_dir
    return open_embedder(str(run_dir)).embed(faces.crops)


def threshold_of(vectors: Vectors, names: Sequence[str]) -> float:
    """What ``enroll`` would choose for these enrolled faces."""
    evidence = evidence_of(vectors, names)
    return decide(evidence, far=DEFAULT_FAR, people=evidence.people, by="gallery", of_what="").threshold


def judge(vectors: Vectors, names: Sequence[str], figures: Figures, trials: list[tuple[list[str], Trials]]) -> None:
    pairs = pairs_of(vectors, names)
    for name, values in verification(pairs, np.ones((1, len(set(names))))).items():
        figures.setdefault(name, []).append(float(values[0]))
    trials.append((list(names), identification(vectors, names, threshold_of, left_out=STRANGERS)))


def by_people(trials: Sequence[tuple[list[str], Trials]], kind: str) -> tuple[float, float, float]:
    """The mean over photos, and its interval by bootstrap over people."""
    sums: dict[str, list[float]] = {}
    for names, of_part in trials:
        for name, value in zip(names, getattr(of_part, kind), strict=True):
            if not np.isnan(value):
                sums.setdefault(name, []).append(float(value))
    total = np.array([sum(values) for values in sums.values()])
    count = np.array([len(values) for values in sums.values()])
    drawn = np.random.default_rng(0).multinomial(len(sums), [1 / len(sums)] * len(sums), size=DRAWS)
    means = (drawn @ total) / (drawn @ count)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(total.sum() / count.sum()), float(low), float(high)


def show(title: str, rows: dict[str, tuple[Figures, list[tuple[list[str], Trials]]]]) -> dict[str, object]:
    print(f"\n{title}\n")
    columns = ("auc", "eer", "tar_at_far_1")
    kinds = {"rank1": "rank 1", "named": "named", "misnamed": "misnamed", "rejected": "unknown"}
    print("| | " + " | ".join(("AUC", "EER", "TAR at FAR 1 %", *kinds.values())) + " |")
    print("|---" * (1 + len(columns) + len(kinds)) + "|")
    result: dict[str, object] = {}
    for name, (figures, trials) in rows.items():
        cells, kept = [], {}
        for column in columns:
            values = figures[column]
            kept[column] = values
            spread = f" ({min(values):.3f}–{max(values):.3f})" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}")
        for kind in kinds:
            mean, low, high = by_people(trials, kind)
            kept[kind] = [mean, low, high]
            cells.append(f"{mean:.2f} ({low:.2f}–{high:.2f})")
        print(f"| {name} | " + " | ".join(cells) + " |")
        result[name] = kept
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--finder", default="yunet")
    parser.add_argument("--partitions", type=int, default=3)
    parser.add_argument("--sface", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    faces = find_faces(given.data, given.finder)
    people = sorted(set(faces.names))
    print(f"{len(faces.crops)} faces of {len(people)} people, cut out by {given.finder}")
    raw = raw_features(faces.crops)
    ready: dict[str, Vectors] = {"raw": unit(raw)}
    if given.sface:
        ready["sface"] = open_embedder("sface").embed(faces.crops)
    rows: dict[str, tuple[Figures, list[tuple[list[str], Trials]]]] = {}

    def add(row: str, vectors: Vectors, test: Sequence[int]) -> None:
        figures, trials = rows.setdefault(row, ({}, []))
        judge(vectors[list(test)], [faces.names[index] for index in test], figures, trials)

    with tempfile.TemporaryDirectory(prefix="thirtyfold-recognize-") as folder:
        work = Path(folder)
        convert(given.data, work / "people", ConvertOptions(to="labelme", copy=True))
        dataset = Dataset(work / "people")
        for number in range(given.partitions):
            order = np.random.default_rng([given.seed, number]).permutation(len(people))
            halves = [[people[index] for index in half] for half in np.array_split(order, 2)]
            for learned, asked in (halves, halves[::-1]):
                test = faces.of(asked)
                print(f"partition {number + 1}: trained on {', '.join(sorted(learned))}", flush=True)
                for name, vectors in ready.items():
                    add(name, vectors, test)
                add("raw, centred", unit(raw - raw[faces.of(learned)].mean(axis=0)), test)
                add("trained", trained_embedding(dataset, learned, faces, work, given.finder, given.seed), test)
    half = show(
        f"{len(people) // 2} people it was not trained on; mean (least–most) over {2 * given.partitions} such groups",
        rows,
    )
    everybody: dict[str, tuple[Figures, list[tuple[list[str], Trials]]]] = {}
    for name, vectors in ready.items():
        figures: Figures = {}
        trials: list[tuple[list[str], Trials]] = []
        judge(vectors, faces.names, figures, trials)
        everybody[name] = (figures, trials)
    whole = show(f"all {len(people)} people (nothing was trained on any of them)", everybody)
    if given.out:
        given.out.write_text(json.dumps({"half": half, "all": whole}, indent=2) + "\n")


if __name__ == "__main__":
    main()
