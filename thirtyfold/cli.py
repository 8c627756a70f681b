"""Every command: its options, its help, one call into the library. No logic.

Nothing heavy is imported at the top: `--help` has to be there at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from thirtyfold import __version__
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.errors import DataError, ThirtyfoldError
from thirtyfold.live.options import LiveOptions
from thirtyfold.model.options import TrainOptions
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, Dataset, find_run

app = typer.Typer(
    name="thirtyfold",
    help="From a hundred webcam photos to a detector that runs live: capture, annotate, augment x30, train, live.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

DatasetArgument = Annotated[Path, typer.Argument(metavar="[DATASET]", help="The dataset's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
RunsOption = Annotated[Path, typer.Option("--runs", help="The folder that trained models lie in.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A run folder, or `latest`.")]

_CAPTURE = CaptureOptions()
_AUGMENT = AugmentOptions()
_SPLIT = SplitOptions()
_TRAIN = TrainOptions()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"thirtyfold {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


@app.command()
def capture(
    dataset: DatasetArgument = DEFAULT_DATASET,
    n: Annotated[int, typer.Option("--n", help="How many photos to take.")] = _CAPTURE.count,
    source: Annotated[
        str, typer.Option(help="Camera number, video file, folder of pictures, stream URL, or `demo`.")
    ] = _CAPTURE.source,
    every: Annotated[
        float, typer.Option(help="Seconds between photos, by the video's own clock for files.")
    ] = _CAPTURE.every,
    session: Annotated[str | None, typer.Option(help="Name of this visit to the camera. [default: made up]")] = None,
    shots: Annotated[
        str, typer.Option(help="Guided shots: `auto`, `faces`, `none`, `empty`, or a file with an instruction a line.")
    ] = _CAPTURE.shots,
    preview: Annotated[
        bool | None, typer.Option("--preview/--no-preview", help="Show a window. [default: where there is a screen]")
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Keep blurred, black and near-identical frames.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the cameras and stop.")] = False,
    json_: JsonOption = False,
) -> None:
    """Take photos: `capture --n 100`. Space takes one now, B goes back one, Q stops."""
    from thirtyfold import console

    if list_:
        from thirtyfold.capture.camera import list_cameras

        cameras = list_cameras()
        if not cameras:
            console.Terminal().say("No camera found. Use --source with a video file, a folder of pictures, or demo.")
        if json_:
            console.print_json([camera.to_dict() for camera in cameras])
        elif cameras:
            console.print_table("Cameras", ("source", "picture", "name"), [camera.row() for camera in cameras])
        return
    from thirtyfold.capture.session import capture as take_photos

    options = CaptureOptions(
        source=source, count=n, every=every, session=session, shots=shots, preview=preview, keep_all=keep_all
    )
    result = take_photos(Dataset(dataset), options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Captured into {dataset}", result.facts())
    result.raise_if_cut_short()


@app.command()
def annotate(
    dataset: DatasetArgument = DEFAULT_DATASET,
    labels: Annotated[str, typer.Option(help="The labels that may be given, separated by commas.")] = "face",
    every_photo: Annotated[bool, typer.Option("--all", help="Open the photos that have labels, too.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say what is labelled; open nothing.")] = False,
    json_: JsonOption = False,
) -> None:
    """Open labelme on photos without labels or with only a model's, and say afterwards what is labelled."""
    from thirtyfold import console
    from thirtyfold.annotate.labelme_app import annotate as open_labelme
    from thirtyfold.annotate.progress import labelling_progress

    options = AnnotateOptions(labels=tuple(label.strip() for label in labels.split(",")), every_photo=every_photo)
    if not status:
        open_labelme(Dataset(dataset), options, progress=console.Terminal())
    result = labelling_progress(Dataset(dataset), options.labels)
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Labels of {dataset}", result.facts())
    result.raise_if_wrong()


@app.command()
def split(
    dataset: DatasetArgument = DEFAULT_DATASET,
    val: Annotated[float, typer.Option(help="Share of the photos for validation.")] = _SPLIT.val,
    test: Annotated[float, typer.Option(help="Share of the photos for the test.")] = _SPLIT.test,
    test_sessions: Annotated[str, typer.Option(help="Sessions that are the test part, separated by commas.")] = "",
    group_by: Annotated[
        str | None, typer.Option(help="Regular expression: what it finds in a file name is the session.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice.")] = _SPLIT.seed,
    json_: JsonOption = False,
) -> None:
    """Divide the photos into train, val and test, never tearing a capture session apart."""
    from thirtyfold import console
    from thirtyfold.datasets.split import split_dataset

    names = tuple(name.strip() for name in test_sessions.split(",") if name.strip())
    options = SplitOptions(val=val, test=test, test_sessions=names, group_by=group_by, seed=seed)
    result = split_dataset(Dataset(dataset), options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_table(f"Split of {dataset}", ("part", "photos", "sessions"), result.rows())


@app.command()
def augment(
    dataset: DatasetArgument = DEFAULT_DATASET,
    factor: Annotated[int, typer.Option(help="Copies a train photo.")] = _AUGMENT.factor,
    recipe: Annotated[str, typer.Option(help="What is done to the pictures: `webcam` or `seed`.")] = _AUGMENT.recipe,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = _AUGMENT.seed,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one a core.")] = _AUGMENT.workers,
    min_visible: Annotated[
        float, typer.Option(help="A box that shows less of itself counts as gone.")
    ] = _AUGMENT.min_visible,
    json_: JsonOption = False,
) -> None:
    """Multiply the train photos: `augment --factor 30`. Boxes and polygons move with the pixels."""
    from thirtyfold import console
    from thirtyfold.augment.writer import augment_dataset

    options = AugmentOptions(factor=factor, recipe=recipe, seed=seed, workers=workers, min_visible=min_visible)
    result = augment_dataset(Dataset(dataset), options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Augmented {dataset}", result.facts())
    if result.problems:
        raise DataError(f"{len(result.problems)} of the photos left out, first {result.problems[0]}")


@app.command()
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
    """Train a two-head detector (class and box) and export it into a new run folder."""
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


@app.command()
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

    result = predict_paths(
        [*(sources or []), *(input_ or [])],
        find_run(model, runs),
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


@app.command()
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

    options = LiveOptions(
        source=source, threshold=threshold, view=view, save=save, max_seconds=max_seconds, review_dataset=review
    )
    result = run_live(find_run(model, runs), options, progress=console.Terminal(), started_at=process_started_at())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts("Live", result.facts())
    result.raise_if_cut_short()


@app.command()
def doctor(json_: JsonOption = False) -> None:
    """Check camera, screen, OpenCV, labelme, TensorFlow, weights and disk; say ok or the mend."""
    from thirtyfold import console
    from thirtyfold.doctor import examine, raise_if_broken

    checks = examine()
    if json_:
        console.print_json([check.to_dict() for check in checks])
    else:
        console.print_table("Doctor", ("what", "", "found"), [check.row() for check in checks])
        for check in checks:
            if check.mend:
                # Outside of the table, whose borders and line breaks nobody could copy a command from.
                typer.echo(f"{check.name}: {check.mend}")
    raise_if_broken(checks)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where the demo works.")] = Path("demo"),
    json_: JsonOption = False,
) -> None:
    """Walk the whole road with no camera, no screen and no download."""
    from thirtyfold import console
    from thirtyfold.demo import run_demo

    result = run_demo(folder, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts("Demo", result.facts())


def main(arguments: list[str] | None = None) -> Any:
    """The entry point: runs a command and turns errors into one sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal in locale C must not turn a file's name into a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=arguments, prog_name=Path(sys.argv[0]).name if arguments is None else "thirtyfold")
    except ThirtyfoldError as error:
        print(f"thirtyfold: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("thirtyfold: stopped", file=sys.stderr)
        sys.exit(130)
