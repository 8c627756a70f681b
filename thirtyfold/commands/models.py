"""The commands that make a model and run it: train, predict, live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thirtyfold.commands.shared import DatasetArgument, JsonOption, ModelOption, RunsOption
from thirtyfold.errors import DataError
from thirtyfold.live.options import LiveOptions
from thirtyfold.model.options import TrainOptions
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, Dataset

_TRAIN = TrainOptions()


def train(
    dataset: DatasetArgument = DEFAULT_DATASET,
    task: Annotated[str, typer.Option(help="What to learn: `detect`.")] = _TRAIN.task,
    backbone: Annotated[
        str, typer.Option(help="`vgg16`, `mobilenetv2`, or `tiny` (from nothing, in a minute).")
    ] = _TRAIN.backbone,
    heads: Annotated[
        str, typer.Option(help="`dense` (class and box at every cell) or `global` (one vector a photo).")
    ] = _TRAIN.heads,
    weights: Annotated[str, typer.Option(help="`imagenet`, `none`, or a weights file.")] = _TRAIN.weights,
    alpha: Annotated[float, typer.Option(help="Width of MobileNetV2.")] = _TRAIN.alpha,
    epochs: Annotated[int, typer.Option(help="Passes over the copies, at most.")] = _TRAIN.epochs,
    batch: Annotated[int, typer.Option(help="Photos a step.")] = _TRAIN.batch,
    rate: Annotated[float | None, typer.Option(help="Highest learning rate. [default: suits the heads]")] = None,
    patience: Annotated[
        int, typer.Option(help="Stop after so many epochs without a better validation score.")
    ] = _TRAIN.patience,
    size: Annotated[int, typer.Option(help="Side of the model's input, in pixels.")] = _TRAIN.size,
    boxes: Annotated[
        str, typer.Option(help="`one` or `many` a photo; `auto` is as the labels have it.")
    ] = _TRAIN.boxes,
    labels: Annotated[str, typer.Option(help="The labels to learn, separated by commas. [default: all]")] = "",
    unlabelled: Annotated[
        str, typer.Option(help="Photos without labels: `refuse`, `skip`, or `negative`.")
    ] = _TRAIN.unlabelled,
    seed: Annotated[int, typer.Option(help="Seed of the weights and the order.")] = _TRAIN.seed,
    resume: Annotated[str | None, typer.Option(help="Go on with this run folder.")] = None,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Train a two-head detector: class and box. It is evaluated and exported into a new run folder."""
    from thirtyfold import console

    options = TrainOptions(
        task=task,
        backbone=backbone,
        heads=heads,
        weights=weights,
        alpha=alpha,
        epochs=epochs,
        batch=batch,
        rate=rate,
        patience=patience,
        size=size,
        boxes=boxes,  # type: ignore[arg-type]  # checked by TrainOptions
        labels=tuple(name.strip() for name in labels.split(",") if name.strip()),
        unlabelled=unlabelled,
        seed=seed,
        resume=resume,
    )
    from thirtyfold.model.train import train as train_model

    result = train_model(Dataset(dataset), options, runs_dir=runs, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Trained {result.run_dir}", result.facts())


def predict(
    sources: Annotated[list[Path] | None, typer.Argument(metavar="SOURCE...", help="Pictures and folders.")] = None,
    input_: Annotated[list[Path] | None, typer.Option("--input", "-i", help="A picture or folder, as SOURCE.")] = None,
    model: ModelOption = "latest",
    threshold: Annotated[float | None, typer.Option(help="Show from this score. [default: the model's own]")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the pictures with their boxes into this folder.")] = None,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Find the objects in pictures and folders."""
    from thirtyfold import console
    from thirtyfold.predict.batch import predict_paths
    from thirtyfold.predict.detectors import find_model

    result = predict_paths(
        [*(sources or []), *(input_ or [])],
        find_model(model, runs),
        threshold=threshold,
        save_dir=save,
        progress=console.Terminal(),
    )
    if json_:
        console.print_json(result.to_list())
    else:
        console.print_table("Found", ("photo", "label", "score", "left, top, right, bottom"), result.rows())
    if result.problems:
        raise DataError(f"{len(result.problems)} pictures were left out, first {result.problems[0]}")


def live(
    model: ModelOption = "latest",
    source: Annotated[str, typer.Option(help="Camera number, video file, folder, stream URL, or `demo`.")] = "0",
    threshold: Annotated[float | None, typer.Option(help="Show from this score. [default: the model's own]")] = None,
    view: Annotated[str, typer.Option(help="`window`, `none`, or `auto`.")] = "auto",
    save: Annotated[Path | None, typer.Option(help="Write the drawn picture into this video file.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    review: Annotated[Path, typer.Option(help="The dataset that the C key saves frames to.")] = DEFAULT_DATASET,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Real-time boxes. C saves the frame with its boxes as a photo to review, Q stops."""
    from thirtyfold import console
    from thirtyfold.live.clock import process_started_at
    from thirtyfold.live.loop import run_live
    from thirtyfold.predict.detectors import find_model

    options = LiveOptions(
        source=source, threshold=threshold, view=view, save=save, max_seconds=max_seconds, review_dataset=review
    )
    result = run_live(find_model(model, runs), options, progress=console.Terminal(), started_at=process_started_at())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts("Live", result.facts())
    result.raise_if_cut_short()
