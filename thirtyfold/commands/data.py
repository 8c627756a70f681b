"""The commands that make a dataset: capture, annotate, check, split, convert, augment."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.commands.shared import DatasetArgument, JsonOption, PhotosArgument, RunsOption
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.formats.convert_options import READABLE, WRITABLE, ConvertOptions
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.storage import is_url
from thirtyfold.errors import DataError, UsageError
from thirtyfold.live.web.options import PageOptions
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, Dataset


def capture(
    dataset: DatasetArgument = DEFAULT_DATASET,
    *,
    options: CaptureOptions,
    page: PageOptions,
    list_: Annotated[bool, typer.Option("--list", help="List the cameras and stop.")] = False,
    json_: JsonOption = False,
) -> None:
    """Take photos: `capture --n 100`. Space takes one now, B takes the last one back, Q stops."""
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
    if options.in_browser:
        from thirtyfold.live.web.capture_run import capture_in_browser

        result = capture_in_browser(Dataset(dataset), options, page, progress=console.Terminal())
    else:
        from thirtyfold.capture.session import capture as take_photos

        result = take_photos(Dataset(dataset), options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Captured into {dataset}", result.facts())
    result.raise_if_cut_short()


def annotate(
    dataset: DatasetArgument = DEFAULT_DATASET,
    *,
    options: AnnotateOptions,
    page: PageOptions,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Open labelme on what no person has labelled yet. Says afterwards what is labelled and what is not."""
    from thirtyfold import console
    from thirtyfold.annotate.sitting import sit_down
    from thirtyfold.live.web.review_run import annotate_in_browser

    terminal = console.Terminal()
    at_the_page = (
        partial(annotate_in_browser, Dataset(dataset), options, page, terminal) if options.view == "web" else None
    )
    result = sit_down(Dataset(dataset), options, runs_dir=runs, progress=terminal, instead_of_labelme=at_the_page)
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Labels of {dataset}", result.facts())
    result.raise_if_wrong()


def check(
    dataset: PhotosArgument = DEFAULT_DATASET,
    *,
    options: CheckOptions,
    json_: JsonOption = False,
) -> None:
    """Find what is wrong with photos, labels and split. Says how to fix each problem; nothing is changed."""
    from thirtyfold import console
    from thirtyfold.datasets.check.run import check_dataset
    from thirtyfold.datasets.class_import import open_dataset

    opened = open_dataset(dataset, console.Terminal())
    result = check_dataset(opened, options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        if result.problems:
            console.print_table("By file", ("file", "code", "what is wrong"), result.rows_by_file())
            console.print_table("By kind", ("", "code", "", "what it is, and the mend"), result.rows_by_kind())
        console.print_facts(f"Checked {opened.root}", result.facts())
        if result.page is not None:
            typer.echo(f"Look at {result.page}")
    result.raise_if_wrong()


def split(
    dataset: PhotosArgument = DEFAULT_DATASET,
    *,
    options: SplitOptions,
    json_: JsonOption = False,
) -> None:
    """Divide the photos into train, val and test. A capture session is never torn apart."""
    from thirtyfold import console
    from thirtyfold.datasets.class_import import open_dataset
    from thirtyfold.datasets.split_plan import split_dataset

    opened = open_dataset(dataset, console.Terminal())
    result = split_dataset(opened, options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        columns = ("part", "photos", "photos by label", "sessions")
        console.print_table(f"Split of {opened.root}", columns, result.rows())


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


def augment(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="[DATASET]",
            help="The dataset's folder, one with a folder of photos for each class, or a URL like s3://bucket/faces.",
        ),
    ] = str(DEFAULT_DATASET),
    *,
    options: AugmentOptions,
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
    from thirtyfold.datasets.class_import import open_dataset

    if preview or photo:
        from thirtyfold.augment.try_out import try_out

        if is_url(dataset):
            raise UsageError(f"{dataset}: --preview draws photos of this machine; copy some here and try it on those")
        opened = open_dataset(Path(dataset), console.Terminal())
        sheet = try_out(opened, options, photo=photo, progress=console.Terminal())
        if json_:
            console.print_json(sheet.to_dict())
        else:
            console.print_facts(f"Preview of {opened.root}", sheet.facts())
        return
    from thirtyfold.augment.writer import augment_dataset, augment_url

    if is_url(dataset):
        result = augment_url(dataset, options, progress=console.Terminal())
    else:
        opened = open_dataset(Path(dataset), console.Terminal())
        result = augment_dataset(opened, options, progress=console.Terminal())
        dataset = str(opened.root)
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Augmented {dataset}", result.facts())
    if result.problems:
        raise DataError(f"{len(result.problems)} of the photos left out, first {result.problems[0]}")
