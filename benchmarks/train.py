"""Seconds to the same validation IoU: the seed notebook's road against ours, one after the other in one run.

    python benchmarks/train.py                         clip_frames x30, MobileNetV2 α 0.35
    python benchmarks/train.py --factor 5 --epochs 3   a quick look
    python benchmarks/train.py --vgg16                 VGG16's times besides, without its weights

The notebook's road, in our words: one network from the picture to two heads on one pooled vector, class and
box, everything in it trained by Adam, 1e-4, a quarter less after each epoch; squared errors of corner and
size, and binary cross-entropy; pictures of 120 px; ten epochs. It gets the better of it here where there
is a choice: the pictures are decoded once and lie in memory (the notebook reads each from disk in every
epoch), its backbone gets the preprocessing it was trained with and keeps its batch normalization.

Ours is `train` with its defaults but for the size of the pictures: 128 px, so that both see about the same
(224, the default of `train`, costs three times the features: `--size 224`). Both learn from the same copies and are
judged by the same function on the same validation photos after every epoch. The clock starts with the copies on disk
and the libraries imported. The target is the best validation IoU that the notebook's road reaches; the ratio is its
seconds to that over ours to the first epoch that is as good. The test photos are not looked at.

Both stand on MobileNetV2, whose ImageNet weights are here. VGG16's are not, and nothing can be said about how fast a
frozen backbone without weights gets anywhere: of VGG16 only the seconds of an epoch and of a pass are given.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("THIRTYFOLD_SHARED", Path(__file__).parents[2] / "shared"))
SEED_SIZE = 120
SEED_BATCH = 32
ALPHA = 0.35
_VGG_PHOTOS = 64


def prepare(folder: Path, factor: int, held_out: str) -> Path:
    """The photos, split and multiplied; the weights where Keras looks for them."""
    faces = folder / "faces"
    if not faces.exists():
        shutil.copytree(SHARED / "data/clip_frames", faces / "images", copy_function=shutil.copyfile)
        models = folder / "keras/models"
        models.mkdir(parents=True)
        for weights in (SHARED / "weights").glob("*.h5"):
            shutil.copyfile(weights, models / weights.name)
        thirtyfold("split", faces, "--group-by", "^([a-z]+)_", "--test-sessions", held_out)
        thirtyfold("augment", faces, "--factor", factor)
    return faces


def thirtyfold(*arguments: object) -> None:
    command = [sys.executable, "-m", "thirtyfold", *map(str, arguments), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def road(name: str, faces: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run one road in a process of its own; what it says last is JSON."""
    command = [sys.executable, __file__, "--road", name, "--folder", str(faces.parent), "--epochs", str(options.epochs)]
    command += ["--budget", str(options.budget), "--seed", str(options.seed), "--size", str(options.size)]
    environment = {**os.environ, "KERAS_HOME": str(faces.parent / "keras"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def seed_road(faces: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train as the notebook does; (seconds, validation IoU) after every epoch."""
    import numpy as np

    from thirtyfold.datasets.pixels import read_pixels
    from thirtyfold.images import letterbox, letterbox_placement
    from thirtyfold.model.data import gather
    from thirtyfold.model.inputs import letterboxed_box
    from thirtyfold.model.metrics.detection import Judged, measure
    from thirtyfold.model.options import TrainOptions
    from thirtyfold.predict.decoders import DECODERS, Placement
    from thirtyfold.progress import SILENT
    from thirtyfold.workspace import Dataset

    choice = TrainOptions(backbone="mobilenetv2", alpha=ALPHA, seed=options.seed)
    data = gather(Dataset(faces), choice, SILENT)
    started = time.perf_counter()

    def load(samples: Any) -> Any:
        return np.stack([letterbox(read_pixels(sample), SEED_SIZE)[0] for sample in samples])

    pictures, held_out = load(data.train), load(data.val)
    presence = np.array([[float(bool(sample.annotations))] for sample in data.train], np.float32)
    boxes = np.zeros((len(data.train), 5), np.float32)  # left, top, right, bottom; whether there is one
    for row, sample in zip(boxes, data.train, strict=True):
        if sample.annotations:
            row[:] = (*letterboxed_box(sample.annotations[0].box_xyxy, sample, SEED_SIZE), 1.0)
    model = seed_network(choice, steps=-(-len(pictures) // SEED_BATCH))

    def validate() -> float:
        outputs = model.predict_on_batch(held_out)
        judged = []
        for number, sample in enumerate(data.val):
            scale, offset_xy = letterbox_placement(sample.width, sample.height, SEED_SIZE)
            place = Placement(size=SEED_SIZE, scale=scale, offset_xy=offset_xy, image_wh=(sample.width, sample.height))
            single = {name: np.asarray(value[number : number + 1]) for name, value in outputs.items()}
            found = DECODERS["global"].decode(single, data.classes, 0.01, {}, place)
            judged.append(Judged(sample=sample, predictions=found))
        return measure(judged, 0.01).mean_iou

    epochs = []
    for epoch in range(options.epochs):
        model.fit(pictures, {"scores": presence, "boxes": boxes}, batch_size=SEED_BATCH, verbose=0)
        epochs.append((time.perf_counter() - started, validate()))
        print(f"  notebook, epoch {epoch + 1}: {epochs[-1][0]:.0f} s, IoU {epochs[-1][1]:.3f}", file=sys.stderr)
        if epochs[-1][0] > options.budget:
            break
    return {"epochs": epochs, "photos": len(pictures)}


def seed_network(choice: Any, *, steps: int) -> Any:
    """The notebook's network on MobileNetV2, compiled: a picture to ``scores`` (1) and ``boxes`` (4)."""
    import keras

    from thirtyfold.model.backbones import BACKBONES, Preprocessing
    from thirtyfold.model.weights import load_backbone_weights, weights_path
    from thirtyfold.progress import SILENT

    def localization(y_true: Any, y_pred: Any) -> Any:
        size_true, size_pred = y_true[:, 2:4] - y_true[:, :2], y_pred[:, 2:4] - y_pred[:, :2]
        errors = keras.ops.square(y_true[:, :2] - y_pred[:, :2]) + keras.ops.square(size_true - size_pred)
        return keras.ops.sum(errors, axis=-1) * y_true[:, 4]

    keras.utils.set_random_seed(choice.seed)
    backbone = BACKBONES[choice.backbone].build(SEED_SIZE, choice.alpha)
    weights = weights_path(choice, SILENT)
    if weights is not None:
        load_backbone_weights(backbone, weights)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    image = keras.Input((SEED_SIZE, SEED_SIZE, 3), dtype="uint8")
    features = backbone(Preprocessing("tf")(image))
    small = keras.initializers.RandomNormal(stddev=1e-3)  # or the sigmoids start where they have no slope
    heads = {}
    for name, count in (("scores", 1), ("boxes", 4)):
        pooled = keras.layers.GlobalMaxPooling2D()(features)
        hidden = keras.layers.Dense(2048, activation="relu")(pooled)
        heads[name] = keras.layers.Dense(count, activation="sigmoid", kernel_initializer=small, name=name)(hidden)
    model = keras.Model(image, heads)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.InverseTimeDecay(1e-4, steps, 1 / 0.75 - 1)),
        loss={"scores": "binary_crossentropy", "boxes": localization},
        loss_weights={"scores": 0.5, "boxes": 1.0},
    )
    return model


def our_road(faces: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`train` with its defaults; (seconds, validation IoU) after every epoch."""
    import csv

    from thirtyfold.model.options import TrainOptions
    from thirtyfold.model.train import train
    from thirtyfold.progress import Silent
    from thirtyfold.workspace import Dataset

    times: list[float] = []
    started = time.perf_counter()

    class Clock(Silent):
        def say(self, text: str) -> None:
            if "validation" in text and "loss" in text:
                times.append(time.perf_counter() - started)
                print(f"  ours, {text.partition(':')[0]}: {times[-1]:.0f} s", file=sys.stderr)

    choice = TrainOptions(backbone="mobilenetv2", alpha=ALPHA, seed=options.seed, size=options.size, cache=False)
    result = train(Dataset(faces), choice, runs_dir=faces.parent / "runs", progress=Clock())
    with (result.run_dir / "results.csv").open() as stream:
        scores = [float(row["val_mean_iou"]) for row in csv.DictReader(stream)]
    return {
        "epochs": list(zip(times, scores, strict=True)),
        "photos": result.artifact.training["train_photos"],
        "to_report": time.perf_counter() - started,
    }


def vgg16_times(options: argparse.Namespace) -> dict[str, float]:
    """Photos a second of VGG16: everything trained, one pass through it, and heads on what is stored."""
    import keras
    import numpy as np

    from thirtyfold.model.options import TrainOptions
    from thirtyfold.model.tasks import load_task

    size = 128  # ours takes multiples of 32; both get it
    task = load_task("detect")
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (_VGG_PHOTOS, size, size, 3), np.uint8)

    def rate(model: Any, inputs: Any, targets: Any, chosen: TrainOptions) -> float:
        losses, weights = task.losses(chosen, ("face",))
        model.compile(keras.optimizers.Adam(1e-4), loss=losses, loss_weights=weights)
        model.fit(inputs, targets, batch_size=SEED_BATCH, verbose=0)  # traces
        began = time.perf_counter()
        model.fit(inputs, targets, batch_size=SEED_BATCH, verbose=0)
        return _VGG_PHOTOS / (time.perf_counter() - began)

    whole = TrainOptions(backbone="vgg16", heads="global", weights="none", size=size)
    one = np.zeros((_VGG_PHOTOS, 1), np.float32)
    trained = rate(
        task.build(whole, ("face",)).model,
        pictures,
        {"scores": one, "boxes": np.zeros((_VGG_PHOTOS, 5), np.float32)},
        whole,
    )
    frozen = TrainOptions(backbone="vgg16", size=size)
    network = task.build(frozen, ("face",))
    network.trunk.predict_on_batch(pictures[:SEED_BATCH])  # traces
    began = time.perf_counter()
    maps = [network.trunk.predict_on_batch(pictures[at : at + SEED_BATCH]) for at in range(0, _VGG_PHOTOS, SEED_BATCH)]
    one_pass = _VGG_PHOTOS / (time.perf_counter() - began)
    stored = [np.concatenate([np.asarray(part, np.float16) for part in level]) for level in zip(*maps, strict=True)]
    cells = size // 8
    empty = {
        "scores": np.zeros((_VGG_PHOTOS, cells, cells, 1), np.float32),
        "boxes": np.zeros((_VGG_PHOTOS, cells, cells, 5), np.float32),
    }
    heads = rate(network.learner, stored, empty, frozen)
    return {"trained": trained, "pass": one_pass, "heads": heads}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", type=int, default=30, help="copies of each photo")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the notebook's road")
    parser.add_argument("--budget", type=float, default=1200, help="seconds after which the notebook's road is stopped")
    parser.add_argument("--size", type=int, default=128, help="side of our pictures, a multiple of 32")
    parser.add_argument("--held-out", default="milk", help="clips kept out of training altogether")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="work here and keep it [default: a temporary folder]")
    parser.add_argument("--vgg16", action="store_true", help="VGG16's times as well")
    parser.add_argument("--road", choices=("notebook", "ours", "vgg16"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.road:
        from thirtyfold.model.train import import_tensorflow

        import_tensorflow()
        faces = options.folder / "faces"
        roads = {
            "notebook": lambda: seed_road(faces, options),
            "ours": lambda: our_road(faces, options),
            "vgg16": lambda: vgg16_times(options),
        }
        print(json.dumps(roads[options.road]()))
        return
    if not (SHARED / "data/clip_frames").is_dir():
        sys.exit(f"the real photos are not here: {SHARED} (set THIRTYFOLD_SHARED)")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="thirtyfold-train-"))
    faces = prepare(folder, options.factor, options.held_out)
    notebook, ours = road("notebook", faces, options), road("ours", faces, options)
    target_at, target = max(notebook["epochs"], key=lambda epoch: epoch[1])
    print(f"\nMobileNetV2 α {ALPHA}, {ours['photos']} photos and copies, one run each\n")
    print("| road | validation IoU | after, s | epochs |\n|---|---|---|---|")
    best_number = notebook["epochs"].index([target_at, target]) + 1
    print(f"| notebook: {SEED_SIZE} px, everything trained | {target:.3f} | {target_at:.0f} | {best_number} |")
    reached = next(((at, iou, number) for number, (at, iou) in enumerate(ours["epochs"], 1) if iou >= target), None)
    if reached is None:
        best = max(iou for _, iou in ours["epochs"])
        print(f"| ours: {options.size} px, stored features | {best:.3f} | never got there | {len(ours['epochs'])} |")
        sys.exit(f"ours never reached {target:.3f}: its best epoch has {best:.3f}")
    at, iou, number = reached
    print(f"| ours: {options.size} px, stored features | {iou:.3f} | {at:.0f} | {number} |")
    best_at, best = max(ours["epochs"], key=lambda epoch: epoch[1])
    print(f"\n{target_at / at:.1f} times as fast. Ours goes on to {best:.3f} after {best_at:.0f} s.")
    if options.vgg16:
        speed = road("vgg16", faces, options)
        photos, epochs = ours["photos"], options.epochs
        slow = photos * epochs / speed["trained"]
        fast = photos / speed["pass"] + photos * 12 / speed["heads"]
        print(
            f"\nVGG16 at 128 px, photos/s: {speed['trained']:.1f} everything trained, {speed['pass']:.1f} passed "
            f"once, {speed['heads']:.0f} by heads on what is stored.\nFor {photos} photos: {slow:.0f} s for {epochs} "
            f"epochs of the first, {fast:.0f} s for a pass and 12 epochs of the last: {slow / fast:.1f} times.\n"
            "Time alone: without its ImageNet weights nothing is said about what either learns."
        )
    print(f"\nruns: {folder}")


if __name__ == "__main__":
    main()
