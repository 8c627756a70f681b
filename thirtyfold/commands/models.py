"""The commands that make a model, judge it and run it: train, evaluate, export, compare, predict, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from thirtyfold.commands.shared import JsonOption, PhotosArgument, RunsOption
from thirtyfold.errors import DataError, UsageError, left_out
from thirtyfold.live.options import LiveOptions
from thirtyfold.model.compare_options import CompareOptions
from thirtyfold.model.evaluate_options import EvaluateOptions
from thirtyfold.model.options import TrainOptions
from thirtyfold.option import help_of
from thirtyfold.predict.forms import AUTO, FORM_FILES
from thirtyfold.predict.segment_options import SegmentOptions
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, find_run

if TYPE_CHECKING:
    from thirtyfold.model.online import Augmenter
    from thirtyfold.predict.answers import Explain
    from thirtyfold.predict.crops import CropOptions
    from thirtyfold.sample import Sample

ThresholdOption = Annotated[float | None, typer.Option(help=help_of(LiveOptions, "threshold"))]
FormOption = Annotated[str, typer.Option(help=help_of(LiveOptions, "form"))]
ThenOption = Annotated[str | None, typer.Option(help=help_of(LiveOptions, "then"))]
ColorsOption = Annotated[str, typer.Option(help=help_of(LiveOptions, "colors"))]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A run, `latest`, or for faces `haar` or `yunet`.")]


def train(
    dataset: PhotosArgument = DEFAULT_DATASET,
    *,
    options: TrainOptions,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Train on 10, 25, 50, 100 % of the sessions: what would more do?")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Trainings a point of the learning curve.")] = 3,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Train a model on the photos and their copies. It is evaluated and exported into a new run folder."""
    from thirtyfold import console
    from thirtyfold.datasets.class_import import open_dataset

    opened = open_dataset(dataset, console.Terminal())
    if learning_curve:
        from thirtyfold.model.learning_curve import learning_curve as draw_curve

        curve = draw_curve(opened, options, seeds=seeds, runs_dir=runs, progress=console.Terminal())
        _print(f"Learning curve {curve.folder}", curve, as_json=json_)
        return
    from thirtyfold.model.train import take_part
    from thirtyfold.model.train import train as train_model

    if done := take_part(opened, options, augmenter_of=_augmenter_of, progress=console.Terminal()):
        typer.echo(done, err=True)
        return
    result = train_model(opened, options, runs_dir=runs, augmenter_of=_augmenter_of, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Trained {result.run_dir}", result.facts())


def _augmenter_of(recipe: str, samples: Sequence[Sample], seed: int) -> Augmenter:
    from thirtyfold.augment.online import augmenter_of

    return augmenter_of(recipe, samples, seed)


def evaluate(*, options: EvaluateOptions, runs: RunsOption = DEFAULT_RUNS, json_: JsonOption = False) -> None:
    """Judge a run on photos it has not seen. AP, intervals, baselines beside it, and a report."""
    from thirtyfold import console
    from thirtyfold.datasets.class_import import open_dataset
    from thirtyfold.model.evaluate import evaluate as evaluate_models
    from thirtyfold.model.evaluate_chain import evaluate_chain

    if options.dataset is not None:
        options = replace(options, dataset=open_dataset(options.dataset, console.Terminal()).root)
    if options.chain:
        chained = evaluate_chain(options, runs_dir=runs, progress=console.Terminal())
        _print(chained.title(), chained, as_json=json_)
    else:
        result = evaluate_models(options, runs_dir=runs, progress=console.Terminal())
        _print(result.title(), result, as_json=json_)


def export(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run or `latest`.")] = "latest",
    to: Annotated[str, typer.Option("--to", help=f"The form: {', '.join(FORM_FILES)}.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="Write it here. [default: into the run folder]")] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="The photos to compare on. [default: those the run was trained on]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Make another form of a trained model. For other programs and devices; it is compared with Keras."""
    from thirtyfold import console
    from thirtyfold.model.export.afterwards import export_run

    progress = console.Terminal()
    result = export_run(find_run(run, runs), to, out=out, force=force, dataset=dataset, progress=progress)
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Exported {to}", result.facts())


def compare(
    dataset: PhotosArgument = DEFAULT_DATASET,
    *,
    options: CompareOptions,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Train several backbones on the same photos. Quality, size, and milliseconds on this machine."""
    from thirtyfold import console
    from thirtyfold.datasets.class_import import open_dataset
    from thirtyfold.model.compare import compare as compare_backbones

    opened = open_dataset(dataset, console.Terminal())
    result, error = compare_backbones(opened, options, runs_dir=runs, progress=console.Terminal())
    _print(f"Compared in {result.folder}", result, as_json=json_)
    if error is not None:
        raise error


def predict(
    sources: Annotated[list[Path] | None, typer.Argument(metavar="SOURCE...", help="Pictures and folders.")] = None,
    *,
    input_: Annotated[list[Path] | None, typer.Option("--input", "-i", help="A picture or folder, as SOURCE.")] = None,
    model: ModelOption = "latest",
    threshold: ThresholdOption = None,
    form: FormOption = AUTO,
    then: ThenOption = None,
    colors: ColorsOption = "",
    save: Annotated[Path | None, typer.Option(help="Write the pictures with their boxes into this folder.")] = None,
    crops: Annotated[Path | None, typer.Option(help="Cut each object out into a file in this new folder.")] = None,
    margin: Annotated[float, typer.Option(help="--crops: so much of its sides around each object.")] = 0.0,
    min_score: Annotated[float, typer.Option(help="--crops: only objects from this score.")] = 0.0,
    labels: Annotated[
        Path | None, typer.Option(help="--crops: the labelled objects of this dataset, a folder for each class.")
    ] = None,
    segments: SegmentOptions,
    top: Annotated[int | None, typer.Option(help="Classes: so many of the most probable.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write what was found into this CSV file.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Classes: with --save, a picture of what speaks for each (Grad-CAM).")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show what each picture went through, and the times.")] = False,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Find the objects in pictures and folders."""
    from thirtyfold import console
    from thirtyfold.predict.answers import AnswerOptions
    from thirtyfold.predict.batch import predict_paths
    from thirtyfold.predict.detectors import find_model
    from thirtyfold.predict.label_colors import parse_colors
    from thirtyfold.predict.recognizer import find_second

    cutting = _cutting(crops, margin, min_score, labels)
    if labels is not None and cutting is not None:
        _crop_labels([*(sources or []), *(input_ or [])], labels, cutting, as_json=json_)
        return

    found_model = find_model(model, runs)
    result = predict_paths(
        [*(sources or []), *(input_ or [])],
        found_model,
        threshold=threshold,
        form=form,
        then=None if then is None else find_second(then, runs),
        colors=parse_colors(colors),
        save_dir=save,
        crops=cutting,
        segments=segments,
        answers=AnswerOptions(
            top=top, csv=csv, debug=debug, explain=_explainer(found_model, save) if explain else None
        ),
        progress=console.Terminal(),
    )
    if json_:
        console.print_json(result.to_list())
    else:
        console.print_table("Found", result.columns(), result.rows())
        for line in result.remarks():
            typer.echo(line)
    if result.problems:
        raise left_out(result.problems)


def _explainer(model: Path | str, save: Path | None) -> Explain:
    if save is None:
        raise UsageError("--explain: writes a picture for each; say where these go, with --save FOLDER")
    if not isinstance(model, Path) or not model.is_dir():
        raise UsageError(f"--explain: shows what speaks for a class, and {model} is a ready detector; leave it out")
    from thirtyfold.model.explain import open_explainer

    return open_explainer(model)


def _cutting(crops: Path | None, margin: float, min_score: float, labels: Path | None) -> CropOptions | None:
    from thirtyfold.predict.crops import CropOptions

    if crops is not None:
        return CropOptions(folder=crops, margin_share=margin, min_score=min_score)
    if margin or min_score or labels is not None:
        raise UsageError("--margin, --min-score, --labels: are about cut-outs; say where these go, with --crops FOLDER")
    return None


def _crop_labels(sources: Sequence[Path], dataset: Path, options: CropOptions, *, as_json: bool) -> None:
    from thirtyfold import console
    from thirtyfold.predict.label_crops import crop_labels

    if sources:
        raise UsageError(f"{sources[0]}: with --labels the photos are those of {dataset}; leave it out")
    result = crop_labels(dataset, options, progress=console.Terminal())
    if as_json:
        console.print_json([crop.to_dict() for crop in result.written])
    else:
        counts = [(label, str(count)) for label, count in result.counts().items()]
        console.print_table(f"Cut out into {result.folder}", ("label", "objects"), counts)
        if result.left_out:
            typer.echo(f"{result.left_out} objects are too small to show anything, or lie outside of their photo")
    if result.problems:
        raise DataError(f"{len(result.problems)} files were left out, first {result.problems[0]}")


def live(
    model: ModelOption = "latest",
    *,
    options: LiveOptions,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Real-time boxes. C saves the frame with its boxes as a photo to review, Q stops."""
    from thirtyfold import console
    from thirtyfold.live.clock import process_started_at
    from thirtyfold.live.loop import run_live
    from thirtyfold.predict.detectors import find_model
    from thirtyfold.predict.recognizer import find_second

    if options.then is not None:
        options = replace(options, then=find_second(options.then, runs))
    result = run_live(find_model(model, runs), options, progress=console.Terminal(), started_at=process_started_at())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts("Live", result.facts())
    result.raise_if_cut_short()


class _Table(Protocol):
    """What is found of several models: a line for each, and sentences below."""

    def to_dict(self) -> dict[str, Any]: ...
    def columns(self) -> Sequence[str]: ...
    def rows(self) -> Sequence[Sequence[str]]: ...
    def remarks(self) -> Sequence[str]: ...


def _print(title: str, table: _Table, *, as_json: bool) -> None:
    from thirtyfold import console

    if as_json:
        console.print_json(table.to_dict())
        return
    console.print_table(title, table.columns(), table.rows())
    for line in table.remarks():
        typer.echo(line)
