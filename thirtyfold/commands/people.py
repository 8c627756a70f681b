"""The commands about who is recognized: enroll, people, forget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thirtyfold.commands.shared import JsonOption, RunsOption
from thirtyfold.errors import UsageError
from thirtyfold.predict.gallery_folder import DEFAULT_GALLERY
from thirtyfold.workspace import DEFAULT_RUNS

PeopleOption = Annotated[Path, typer.Option("--people", help="The gallery's folder, on this machine alone.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]


def enroll(
    name: NameArgument,
    photos: Annotated[list[Path] | None, typer.Argument(metavar="PHOTOS...", help="Pictures and folders.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Take them from a camera number, video file, folder or stream URL instead.")
    ] = None,
    n: Annotated[int, typer.Option("--n", help="How many faces to take from --source.")] = 10,
    every: Annotated[float, typer.Option(help="Seconds between them.")] = 0.5,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Who measures faces: a run of `train --task recognize`, `sface`, or FILE.onnx. "
            "[default: the gallery's, `sface` for a new one]",
        ),
    ] = None,
    pixels: Annotated[
        str, typer.Option(help="What FILE.onnx takes: pixels from `-1..1`, `0..1` or `0..255`.")
    ] = "-1..1",
    detector: Annotated[str, typer.Option(help="Who finds the face: `yunet`, `haar`, or a run.")] = "yunet",
    largest: Annotated[bool, typer.Option("--largest", help="Of several faces in a photo take the largest.")] = False,
    keep_photos: Annotated[
        bool, typer.Option("--keep-photos", help="Copy the photos into the gallery, too. [default: only numbers]")
    ] = False,
    far: Annotated[
        float | None,
        typer.Option(help="The rate at which strangers may get a name. [default: as it is, 0.01 at first]"),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Instead of a rate, the cosine from which two faces are one person.")
    ] = None,
    people: PeopleOption = DEFAULT_GALLERY,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Add somebody who agreed to the gallery: `enroll Anna anna/`. Only numbers are kept, on this machine alone."""
    from datetime import datetime

    from thirtyfold import console
    from thirtyfold.live.enrol import frames_of
    from thirtyfold.predict import gallery_enrolment as enrolment
    from thirtyfold.predict.detectors import find_model, open_detector
    from thirtyfold.predict.recognizer import open_embedder_for

    progress = console.Terminal()
    if bool(photos) == (source is not None):
        raise UsageError("enroll: give photos, or a camera or clip with --source, one of the two")
    options = enrolment.EnrollOptions(
        folder=people,
        largest=largest,
        keep_photos=keep_photos,
        far=far,
        threshold=threshold,
        wanted=n if source is not None else None,
        patient=source is not None,
    )
    result = enrolment.enroll(
        name,
        enrolment.read_photos(photos or []) if source is None else frames_of(source, every=every, progress=progress),
        open_detector(find_model(detector, runs), progress=progress),
        open_embedder_for(people, model, pixels=pixels, runs_dir=runs, progress=progress),
        options,
        now=datetime.now().astimezone(),
        progress=progress,
    )
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Enrolled {result.name} in {result.folder}", result.facts())
        for photo, reason in result.refused:
            progress.say(f"left out: {photo}: {reason}")
    result.raise_if_incomplete()


def people(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The gallery's folder.")] = DEFAULT_GALLERY,
    far: Annotated[
        float | None, typer.Option(help="From now on choose the threshold for this rate of named strangers.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="From now on decide by this cosine.")] = None,
    json_: JsonOption = False,
) -> None:
    """Say who is enrolled. Photos, how alike they are, who looks most like them, and the threshold."""
    from thirtyfold import console
    from thirtyfold.predict import gallery_enrolment as enrolment

    if far is not None or threshold is not None:
        enrolment.change_threshold(folder, far=far, threshold=threshold, progress=console.Terminal())
    listed = enrolment.list_people(folder)
    if json_:
        console.print_json(listed.to_dict())
    else:
        columns = ("name", "photos", "own photos: mean cosine", "nearest other person")
        console.print_table(f"People in {folder}", columns, [person.row() for person in listed.people])
        for line in listed.remarks():
            typer.echo(line)


def forget(
    name: NameArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    people: PeopleOption = DEFAULT_GALLERY,
    json_: JsonOption = False,
) -> None:
    """Take somebody out of the gallery. Embeddings and kept photos are deleted, and it says which."""
    from thirtyfold import console
    from thirtyfold.predict.gallery_enrolment import forget as forget_person

    result = forget_person(name, people, dry_run=dry_run)
    if json_:
        console.print_json(result.to_dict())
    else:
        typer.echo(result.sentence())
