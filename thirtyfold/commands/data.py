"""The commands that make a dataset: capture, annotate, check, split, convert, augment."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.commands.shared import (
    AttributesOption,
    CertificateKeyOption,
    CertificateOption,
    ClassesOption,
    DatasetArgument,
    FromNameOption,
    HostOption,
    JsonOption,
    NamesOption,
    NumbersOption,
    PhotosArgument,
    PortOption,
    RunsOption,
)
from thirtyfold.datasets.attribute_options import AttributeOptions
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.formats.convert_options import READABLE, WRITABLE, ConvertOptions
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.storage import is_url
from thirtyfold.errors import DataError, UsageError
from thirtyfold.live.web.options import PageOptions
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, Dataset

_ANNOTATE = AnnotateOptions()
_CAPTURE = CaptureOptions()
_AUGMENT = AugmentOptions()
_PAGE = PageOptions()
_CHECK = CheckOptions()
_SPLIT = SplitOptions()


def capture(
    dataset: DatasetArgument = DEFAULT_DATASET,
    n: Annotated[int, typer.Option("--n", help="How many photos to take.")] = _CAPTURE.count,
    source: Annotated[
        str,
        typer.Option(
            help="Camera number, video file, folder of pictures, stream URL, `demo`, or `browser` "
            "(the camera of who opens the page)."
        ),
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
    view: Annotated[
        str, typer.Option(help="`window`, or `web`: a page in any browser, also where there is no screen.")
    ] = _CAPTURE.view,
    host: HostOption = _PAGE.host,
    port: PortOption = None,
    names: NamesOption = None,
    certificate: CertificateOption = None,
    certificate_key: CertificateKeyOption = None,
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
    options = CaptureOptions(
        source=source, count=n, every=every, session=session, shots=shots, preview=preview, keep_all=keep_all, view=view
    )
    page = PageOptions(
        host=host, port=port, names=tuple(names or ()), certificate=certificate, certificate_key=certificate_key
    )
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
    labels: Annotated[str, typer.Option(help="The labels that may be given, separated by commas.")] = "face",
    flags: Annotated[
        str, typer.Option(help="Classes of whole photos to tick in labelme, separated by commas: cat,dog.")
    ] = "",
    polygons: Annotated[
        bool | None,
        typer.Option("--polygons/--boxes", help="Draw outlines, or boxes. [default: as the dataset's shapes are]"),
    ] = None,
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
    view: Annotated[str, typer.Option(help="`labelme`, or `web`: a page in any browser, a phone's too.")] = "labelme",
    host: HostOption = _PAGE.host,
    port: PortOption = None,
    names: NamesOption = None,
    certificate: CertificateOption = None,
    certificate_key: CertificateKeyOption = None,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Open labelme on what no person has labelled yet. Says afterwards what is labelled and what is not."""
    from thirtyfold import console
    from thirtyfold.annotate.sitting import sit_down
    from thirtyfold.live.web.review_run import annotate_in_browser

    options = AnnotateOptions(
        labels=tuple(label.strip() for label in labels.split(",")),
        flags=tuple(flag.strip() for flag in flags.split(",")) if flags else (),
        polygons=polygons,
        every_photo=every_photo,
        prelabel=prelabel,
        review=review,
        model=model,
        open_labelme=not status,
        view=view,
    )
    page = PageOptions(
        host=host, port=port, names=tuple(names or ()), certificate=certificate, certificate_key=certificate_key
    )
    terminal = console.Terminal()
    at_the_page = partial(annotate_in_browser, Dataset(dataset), options, page, terminal) if view == "web" else None
    result = sit_down(Dataset(dataset), options, runs_dir=runs, progress=terminal, instead_of_labelme=at_the_page)
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Labels of {dataset}", result.facts())
    result.raise_if_wrong()


def check(
    dataset: PhotosArgument = DEFAULT_DATASET,
    labels: Annotated[str, typer.Option(help="The labels there should be, separated by commas. [default: any]")] = "",
    html: Annotated[Path | None, typer.Option(help="Write the page here. [default: DATASET/check.html]")] = None,
    no_html: Annotated[bool, typer.Option("--no-html", help="Write no page.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Write corrected copies into DATASET/fixed.")] = False,
    fix_into: Annotated[Path | None, typer.Option(help="Write corrected copies into this new folder.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    workers: Annotated[int, typer.Option(help="Threads; 0 is one a core.")] = _CHECK.workers,
    attributes: AttributesOption = None,
    attributes_from_name: FromNameOption = "",
    numbers: NumbersOption = "",
    classes: ClassesOption = "",
    json_: JsonOption = False,
) -> None:
    """Find what is wrong with photos, labels and split. Each problem by file, with the mend; nothing is changed."""
    from thirtyfold import console
    from thirtyfold.datasets.check.run import check_dataset
    from thirtyfold.datasets.class_import import settle_dataset

    options = CheckOptions(
        labels=tuple(label.strip() for label in labels.split(",")) if labels else (),
        page=not no_html,
        page_path=html,
        fix=fix,
        fix_dir=fix_into,
        strict=strict,
        workers=workers,
        attributes=_attributes(attributes, attributes_from_name, numbers, classes),
    )
    settled = settle_dataset(dataset, console.Terminal())
    result = check_dataset(settled, options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        if result.problems:
            console.print_table("By file", ("file", "code", "what is wrong"), result.rows_by_file())
            console.print_table("By kind", ("", "code", "", "what it is, and the mend"), result.rows_by_kind())
        console.print_facts(f"Checked {settled.root}", result.facts())
        if result.page is not None:
            typer.echo(f"Look at {result.page}")
    result.raise_if_wrong()


def split(
    dataset: PhotosArgument = DEFAULT_DATASET,
    val: Annotated[float, typer.Option(help="Share of the photos for validation.")] = _SPLIT.val,
    test: Annotated[float, typer.Option(help="Share of the photos for the test.")] = _SPLIT.test,
    test_sessions: Annotated[str, typer.Option(help="Sessions that are the test part, separated by commas.")] = "",
    group_by: Annotated[
        str | None, typer.Option(help="Regular expression: what it finds in a file name is the session.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice.")] = _SPLIT.seed,
    new_test: Annotated[
        bool, typer.Option("--new-test", help="Choose the test part anew, though the dataset came with one.")
    ] = False,
    attributes: AttributesOption = None,
    attributes_from_name: FromNameOption = "",
    numbers: NumbersOption = "",
    classes: ClassesOption = "",
    json_: JsonOption = False,
) -> None:
    """Divide the photos into train, val and test. A capture session is never torn apart."""
    from thirtyfold import console
    from thirtyfold.datasets.class_import import settle_dataset
    from thirtyfold.datasets.split_plan import split_dataset

    names = tuple(name.strip() for name in test_sessions.split(",") if name.strip())
    options = SplitOptions(
        val=val,
        test=test,
        test_sessions=names,
        group_by=group_by,
        seed=seed,
        new_test=new_test,
        attributes=_attributes(attributes, attributes_from_name, numbers, classes),
    )
    settled = settle_dataset(dataset, console.Terminal())
    result = split_dataset(settled, options, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        columns = ("part", "photos", "photos by label", "sessions")
        console.print_table(f"Split of {settled.root}", columns, result.rows())


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
    factor: Annotated[int, typer.Option(help="Copies a train photo.")] = _AUGMENT.factor,
    recipe: Annotated[
        str, typer.Option(help="What is done to the pictures: a name (see --list-recipes) or a YAML file.")
    ] = _AUGMENT.recipe,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = _AUGMENT.seed,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one a core.")] = _AUGMENT.workers,
    min_visible: Annotated[
        float, typer.Option(help="A box that shows less of itself counts as gone.")
    ] = _AUGMENT.min_visible,
    store: Annotated[
        str, typer.Option(help="`files`: a JPEG and a labelme file each. `shards`: TFRecord, faster, for training.")
    ] = _AUGMENT.store,
    shard_size: Annotated[
        int,
        typer.Option(
            help="Scale pictures in shards down until the longer side has so many pixels, labels with them; "
            "0 leaves them as the recipe made them."
        ),
    ] = _AUGMENT.shard_size,
    engine: Annotated[str, typer.Option(help="`processes` of this machine, or `dask`: a cluster's.")] = _AUGMENT.engine,
    scheduler: Annotated[
        str | None, typer.Option(help="The Dask cluster, tcp://HOST:PORT. [default: one of this machine's own]")
    ] = _AUGMENT.scheduler,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only draw a sheet of one photo's copies, to look at before the run.")
    ] = False,
    photo: Annotated[
        str | None, typer.Option(help="The photo of the --preview. [default: the first train photo with a shape]")
    ] = None,
    attributes: AttributesOption = None,
    attributes_from_name: FromNameOption = "",
    numbers: NumbersOption = "",
    classes: ClassesOption = "",
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
    options = AugmentOptions(
        factor=factor,
        recipe=recipe,
        seed=seed,
        workers=workers,
        min_visible=min_visible,
        store=store,
        shard_size=shard_size,
        engine=engine,
        scheduler=scheduler,
        attributes=_attributes(attributes, attributes_from_name, numbers, classes),
    )
    from thirtyfold.datasets.class_import import settle_dataset

    if preview or photo:
        from thirtyfold.augment.try_out import try_out

        if is_url(dataset):
            raise UsageError(f"{dataset}: --preview draws photos of this machine; copy some here and try it on those")
        settled = settle_dataset(Path(dataset), console.Terminal())
        sheet = try_out(settled, options, photo=photo, progress=console.Terminal())
        if json_:
            console.print_json(sheet.to_dict())
        else:
            console.print_facts(f"Preview of {settled.root}", sheet.facts())
        return
    from thirtyfold.augment.writer import augment_dataset, augment_url

    if is_url(dataset):
        result = augment_url(dataset, options, progress=console.Terminal())
    else:
        settled = settle_dataset(Path(dataset), console.Terminal())
        result = augment_dataset(settled, options, progress=console.Terminal())
        dataset = str(settled.root)
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Augmented {dataset}", result.facts())
    if result.problems:
        raise DataError(f"{len(result.problems)} of the photos left out, first {result.problems[0]}")


def _attributes(table: Path | None, from_name: str, numbers: str, classes: str) -> AttributeOptions:
    listed = (tuple(name.strip() for name in text.split(",") if name.strip()) for text in (numbers, classes))
    as_numbers, as_classes = listed
    return AttributeOptions(table=table, from_name=from_name, numbers=as_numbers, classes=as_classes)
