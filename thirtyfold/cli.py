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
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.formats.convert_options import READABLE, WRITABLE, ConvertOptions
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.errors import DataError, ThirtyfoldError
from thirtyfold.live.options import LiveOptions
from thirtyfold.model.options import TrainOptions
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, Dataset

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
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A run, `latest`, or for faces `haar` or `yunet`.")]

_ANNOTATE = AnnotateOptions()
_CAPTURE = CaptureOptions()
_AUGMENT = AugmentOptions()
_CHECK = CheckOptions()
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
    prelabel: Annotated[
        str | None,
        typer.Option(
            help="Draw boxes on unlabelled photos first: `haar`, `yunet`, or a run. `none` takes those away again "
            "that nobody has looked at."
        ),
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Open the labels of models and the doubtful ones, the worst first.")
    ] = False,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Who doubts in a review: a run, `latest`, `haar` or `yunet`.")
    ] = _ANNOTATE.model,
    status: Annotated[bool, typer.Option("--status", help="Do not open labelme; only say how things stand.")] = False,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Open labelme on what no person has labelled yet. Says afterwards what is labelled and what is not."""
    from thirtyfold import console
    from thirtyfold.annotate.sitting import sit_down

    options = AnnotateOptions(
        labels=tuple(label.strip() for label in labels.split(",")),
        every_photo=every_photo,
        prelabel=prelabel,
        review=review,
        model=model,
        open_labelme=not status,
    )
    result = sit_down(Dataset(dataset), options, runs_dir=runs, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Labels of {dataset}", result.facts())
    result.raise_if_wrong()


@app.command()
def check(
    dataset: DatasetArgument = DEFAULT_DATASET,
    labels: Annotated[str, typer.Option(help="The labels there should be, separated by commas. [default: any]")] = "",
    html: Annotated[Path | None, typer.Option(help="Write the page here. [default: DATASET/check.html]")] = None,
    no_html: Annotated[bool, typer.Option("--no-html", help="Write no page.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Write corrected copies into DATASET/fixed.")] = False,
    fix_into: Annotated[Path | None, typer.Option(help="Write corrected copies into this new folder.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    workers: Annotated[int, typer.Option(help="Threads; 0 is one a core.")] = _CHECK.workers,
    json_: JsonOption = False,
) -> None:
    """Find what is wrong with photos, labels and split. Each problem by file, with the mend; nothing is changed."""
    from thirtyfold import console
    from thirtyfold.datasets.check.run import check_dataset

    options = CheckOptions(
        labels=tuple(label.strip() for label in labels.split(",")) if labels else (),
        page=not no_html,
        page_path=html,
        fix=fix,
        fix_dir=fix_into,
        strict=strict,
        workers=workers,
    )
    result = check_dataset(Dataset(dataset), options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        if result.problems:
            console.print_table("By file", ("file", "code", "what is wrong"), result.rows_by_file())
            console.print_table("By kind", ("", "code", "", "what it is, and the mend"), result.rows_by_kind())
        console.print_facts(f"Checked {dataset}", result.facts())
        if result.page is not None:
            typer.echo(f"Look at {result.page}")
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
    """Divide the photos into train, val and test. A capture session is never torn apart."""
    from thirtyfold import console
    from thirtyfold.datasets.split_plan import split_dataset

    names = tuple(name.strip() for name in test_sessions.split(",") if name.strip())
    options = SplitOptions(val=val, test=test, test_sessions=names, group_by=group_by, seed=seed)
    result = split_dataset(Dataset(dataset), options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_table(f"Split of {dataset}", ("part", "photos", "photos by label", "sessions"), result.rows())


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="The dataset's folder, or one label file in it.")],
    target: Annotated[Path, typer.Argument(help="The new folder.")],
    to: Annotated[str, typer.Option("--to", help=f"The format to write: {', '.join(WRITABLE)}.")],
    from_: Annotated[
        str | None, typer.Option("--from", help=f"The format to read: {', '.join(READABLE)}. [default: found out]")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the photos instead of linking them.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Write nothing if anything would be lost.")] = False,
    label: Annotated[str, typer.Option(help="The label of shapes that carry none.")] = "object",
    json_: JsonOption = False,
) -> None:
    """Write labels in another format. What it cannot carry is listed, never dropped in silence."""
    from thirtyfold import console
    from thirtyfold.datasets.formats.convert import convert as convert_labels

    options = ConvertOptions(to=to, from_=from_, copy=copy, strict=strict, label=label)
    result = convert_labels(source, target, options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Converted {source}", result.facts())
        if rows := result.loss_rows():
            console.print_table(f"What {to} cannot carry", ("what", "", "count", "photos"), rows)
    result.raise_if_incomplete()


@app.command()
def augment(
    dataset: DatasetArgument = DEFAULT_DATASET,
    factor: Annotated[int, typer.Option(help="Copies a train photo.")] = _AUGMENT.factor,
    recipe: Annotated[
        str, typer.Option(help="What is done to the pictures: a name (see --list-recipes) or a YAML file.")
    ] = _AUGMENT.recipe,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = _AUGMENT.seed,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one a core.")] = _AUGMENT.workers,
    min_visible: Annotated[
        float, typer.Option(help="A box that shows less of itself counts as gone.")
    ] = _AUGMENT.min_visible,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only draw a sheet of one photo's copies, to look at before the run.")
    ] = False,
    photo: Annotated[
        str | None, typer.Option(help="The photo of the --preview. [default: the first train photo with a shape]")
    ] = None,
    list_recipes: Annotated[bool, typer.Option("--list-recipes", help="List the recipes and stop.")] = False,
    json_: JsonOption = False,
) -> None:
    """Multiply the train photos: `augment --factor 30`. Boxes and polygons move with the pixels."""
    from thirtyfold import console

    if list_recipes:
        from thirtyfold.augment.recipes import RECIPES, recipe_rows

        if json_:
            console.print_json([known.to_dict() for known in RECIPES.values()])
        else:
            console.print_table("Recipes", ("recipe", "for", "transforms"), recipe_rows())
        return
    options = AugmentOptions(factor=factor, recipe=recipe, seed=seed, workers=workers, min_visible=min_visible)
    if preview or photo:
        from thirtyfold.augment.try_out import try_out

        sheet = try_out(Dataset(dataset), options, photo=photo, progress=console.Terminal())
        if json_:
            console.print_json(sheet.to_dict())
        else:
            console.print_facts(f"Preview of {dataset}", sheet.facts())
        return
    from thirtyfold.augment.writer import augment_dataset

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


@app.command()
def doctor(json_: JsonOption = False) -> None:
    """Check what the commands need; say ok or the mend. Camera, screen, OpenCV, labelme, TensorFlow, weights, disk."""
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
    """Walk the whole road: no camera, screen or download. Works in a new folder."""
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
