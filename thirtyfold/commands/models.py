"""The commands that make a model and run it: train, predict, live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thirtyfold.commands.shared import DatasetArgument, FormOption, JsonOption, ModelOption, RunsOption
from thirtyfold.errors import DataError
from thirtyfold.live.options import LiveOptions
from thirtyfold.model.compare_options import CompareOptions
from thirtyfold.model.options import ALL_EPOCHS, AS_SUITS, BACKBONES, TrainOptions
from thirtyfold.predict.forms import AUTO, FORM_FILES
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, Dataset, find_run

if TYPE_CHECKING:
    from thirtyfold.model.online import Augmenter
    from thirtyfold.sample import Sample

_TRAIN = TrainOptions()
_COMPARE = CompareOptions()
_LIVE = LiveOptions()


def train(
    dataset: DatasetArgument = DEFAULT_DATASET,
    task: Annotated[str, typer.Option(help="What to learn: `detect`.")] = _TRAIN.task,
    backbone: Annotated[
        str, typer.Option(help=f"{', '.join(BACKBONES)}; `scratch` is tiny without weights, in a minute.")
    ] = _TRAIN.backbone,
    heads: Annotated[
        str, typer.Option(help="`dense` (class and box at every cell) or `global` (one vector a photo).")
    ] = _TRAIN.heads,
    weights: Annotated[str, typer.Option(help="`imagenet`, `none`, or a weights file.")] = _TRAIN.weights,
    alpha: Annotated[float, typer.Option(help="Width of MobileNetV2.")] = _TRAIN.alpha,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the copies, at most. [default: 8; 12 where more than heads learn]")
    ] = None,
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
    one_label: Annotated[
        str, typer.Option(help="Call every object so, whatever its label. [default: labels as they are]")
    ] = _TRAIN.one_label,
    class_loss: Annotated[
        str, typer.Option(help="`focal`, `bce` (plain), or `auto`, as suits the heads.")
    ] = _TRAIN.class_loss,
    box_loss: Annotated[str, typer.Option(help="`localization`, `giou`, or `ciou`.")] = _TRAIN.box_loss,
    stride: Annotated[
        str, typer.Option(help="Pixels of the input a cell of the heads' map is wide: 4, 8, 16, or `auto`.")
    ] = _TRAIN.stride,
    fine_tune: Annotated[
        str, typer.Option(help="Train the backbone's top block after the heads: `auto`, `never`, `always`, or `all`.")
    ] = _TRAIN.fine_tune,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no features for later trainings.")] = False,
    augment: Annotated[
        str, typer.Option(help="`copies`, as `augment` wrote them, or `online`: other ones every epoch, kept nowhere.")
    ] = _TRAIN.augment,
    recipe: Annotated[
        str, typer.Option(help="What is done online: a name (`augment --list-recipes`) or a YAML file.")
    ] = _TRAIN.recipe,
    factor: Annotated[int, typer.Option(help="Online copies a photo in every epoch.")] = _TRAIN.factor,
    unlabelled: Annotated[
        str, typer.Option(help="Photos without labels: `refuse`, `skip`, or `negative`.")
    ] = _TRAIN.unlabelled,
    seed: Annotated[int, typer.Option(help="Seed of the weights and the order.")] = _TRAIN.seed,
    share: Annotated[float, typer.Option(help="Learn from this part of the sessions only.")] = _TRAIN.share,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Train on 10, 25, 50, 100 % of the sessions: what would more do?")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Trainings a point of the learning curve.")] = 3,
    devices: Annotated[str, typer.Option(help="`one` GPU, or `all` of them; several machines by TF_CONFIG.")] = (
        _TRAIN.devices
    ),
    precision: Annotated[
        str, typer.Option(help="`float32`, `mixed`, or `auto`: mixed on a GPU that gains by it.")
    ] = _TRAIN.precision,
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
        epochs=AS_SUITS if epochs is None else epochs,
        batch=batch,
        rate=rate,
        patience=patience,
        size=size,
        boxes=boxes,  # type: ignore[arg-type]  # checked by TrainOptions
        labels=tuple(name.strip() for name in labels.split(",") if name.strip()),
        one_label=one_label.strip(),
        class_loss=class_loss,
        box_loss=box_loss,
        stride=stride,
        fine_tune=fine_tune,
        cache=not no_cache,
        unlabelled=unlabelled,
        seed=seed,
        share=share,
        devices=devices,
        precision=precision,
        augment=augment,
        recipe=recipe,
        factor=factor,
        resume=resume,
    )
    if learning_curve:
        from thirtyfold.model.learning_curve import learning_curve as draw_curve

        curve = draw_curve(Dataset(dataset), options, seeds=seeds, runs_dir=runs, progress=console.Terminal())
        if json_:
            console.print_json(curve.to_dict())
        else:
            console.print_table(f"Learning curve {curve.folder}", curve.columns(), curve.rows())
            for line in curve.remarks():
                typer.echo(line)
        return
    from thirtyfold.model.train import take_part
    from thirtyfold.model.train import train as train_model

    if done := take_part(Dataset(dataset), options, augmenter_of=_augmenter_of, progress=console.Terminal()):
        typer.echo(done, err=True)
        return
    result = train_model(
        Dataset(dataset), options, runs_dir=runs, augmenter_of=_augmenter_of, progress=console.Terminal()
    )
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Trained {result.run_dir}", result.facts())


def _augmenter_of(recipe: str, samples: Sequence[Sample], seed: int) -> Augmenter:
    from thirtyfold.augment.online import augmenter_of

    return augmenter_of(recipe, samples, seed)


def evaluate(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run or `latest`; left out with --baselines and --dataset: only those."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(help="`test`, `val`; `all` of another dataset. [default: test, or all where there is no split]"),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Other photos than those of the run's own dataset. [default: its own]")
    ] = None,
    baselines: Annotated[str, typer.Option(help="Ready detectors in the same table, like `haar,yunet`.")] = "",
    against: Annotated[str, typer.Option(help="Other runs in the same table, separated by commas.")] = "",
    threshold: Annotated[float | None, typer.Option(help="Count from this score. [default: each its own]")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new folder for the report. [default: the next RUN/evaluation-N]")
    ] = None,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Judge a run on photos it has not seen: AP, intervals, baselines beside it, a report."""
    from thirtyfold import console
    from thirtyfold.model.contest import evaluate as evaluate_models
    from thirtyfold.model.evaluate_options import EvaluateOptions

    options = EvaluateOptions(
        run=run or (None if baselines and dataset else "latest"),
        against=_listed(against),
        dataset=dataset,
        part=part,
        baselines=_listed(baselines),
        threshold=threshold,
        out=out,
    )
    result = evaluate_models(options, runs_dir=runs, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_table(result.title(), result.columns(), result.rows())
        for line in result.remarks():
            typer.echo(line)


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
    """Make another form of a trained model, for other programs and devices; it is compared with Keras."""
    from thirtyfold import console
    from thirtyfold.model.export.afterwards import export_run

    progress = console.Terminal()
    result = export_run(find_run(run, runs), to, out=out, force=force, dataset=dataset, progress=progress)
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts(f"Exported {to}", result.facts())


def compare(
    dataset: DatasetArgument = DEFAULT_DATASET,
    backbones: Annotated[str, typer.Option(help="What to compare, separated by commas.")] = ",".join(
        _COMPARE.backbones
    ),
    seeds: Annotated[int, typer.Option(help="Trainings of each.")] = _COMPARE.seeds,
    heads: Annotated[str, typer.Option(help="`dense` or `global`, for all of them.")] = _TRAIN.heads,
    weights: Annotated[str, typer.Option(help="`imagenet`, or `none` for all of them.")] = _TRAIN.weights,
    alpha: Annotated[float, typer.Option(help="Width of MobileNetV2.")] = _TRAIN.alpha,
    epochs: Annotated[int, typer.Option(help="Passes over the copies, at most.")] = ALL_EPOCHS,
    batch: Annotated[int, typer.Option(help="Photos a step.")] = _TRAIN.batch,
    size: Annotated[int, typer.Option(help="Side of the models' input, in pixels.")] = _TRAIN.size,
    patience: Annotated[
        int, typer.Option(help="Stop after so many epochs without a better validation score.")
    ] = _TRAIN.patience,
    boxes: Annotated[
        str, typer.Option(help="`one` or `many` a photo; `auto` is as the labels have it.")
    ] = _TRAIN.boxes,
    labels: Annotated[str, typer.Option(help="The labels to learn, separated by commas. [default: all]")] = "",
    one_label: Annotated[
        str, typer.Option(help="Call every object so, whatever its label. [default: labels as they are]")
    ] = _TRAIN.one_label,
    unlabelled: Annotated[
        str, typer.Option(help="Photos without labels: `refuse`, `skip`, or `negative`.")
    ] = _TRAIN.unlabelled,
    fine_tune: Annotated[
        str, typer.Option(help="Train the backbones' top blocks after the heads: `never`, `always`, `auto`.")
    ] = _TRAIN.fine_tune,
    seed: Annotated[int, typer.Option(help="The first of the seeds.")] = _TRAIN.seed,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Train several backbones on the same photos: quality, size, and milliseconds on this machine."""
    from thirtyfold import console
    from thirtyfold.model.compare import compare as compare_backbones

    options = CompareOptions(
        backbones=tuple(_listed(backbones)),
        seeds=seeds,
        train=TrainOptions(
            heads=heads,
            weights=weights,
            alpha=alpha,
            epochs=epochs,
            batch=batch,
            size=size,
            patience=patience,
            boxes=boxes,  # type: ignore[arg-type]  # checked by TrainOptions
            labels=tuple(_listed(labels)),
            one_label=one_label.strip(),
            unlabelled=unlabelled,
            fine_tune=fine_tune,
            seed=seed,
        ),
    )
    result, error = compare_backbones(Dataset(dataset), options, runs_dir=runs, progress=console.Terminal())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_table(f"Compared in {result.folder}", result.columns(), result.rows())
        for line in result.remarks():
            typer.echo(line)
    if error is not None:
        raise error


def predict(
    sources: Annotated[list[Path] | None, typer.Argument(metavar="SOURCE...", help="Pictures and folders.")] = None,
    input_: Annotated[list[Path] | None, typer.Option("--input", "-i", help="A picture or folder, as SOURCE.")] = None,
    model: ModelOption = "latest",
    threshold: Annotated[float | None, typer.Option(help="Show from this score. [default: the model's own]")] = None,
    form: FormOption = AUTO,
    then: Annotated[str | None, typer.Option(help="A second model that looks at each found object.")] = None,
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
        form=form,
        then=None if then is None else find_model(then, runs),
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
    source: Annotated[
        str,
        typer.Option(help="Camera number, video file, folder, stream URL, `demo`, or `browser` (the viewer's own)."),
    ] = "0",
    threshold: Annotated[float | None, typer.Option(help="Show from this score. [default: the model's own]")] = None,
    form: FormOption = AUTO,
    view: Annotated[str, typer.Option(help="`window`, `web` (a page), `none`, or `auto`.")] = "auto",
    save: Annotated[Path | None, typer.Option(help="Write the drawn picture into this video file.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="A file as fast as the model goes, every frame.")] = False,
    track: Annotated[bool, typer.Option(help="Steady the boxes and tell objects apart.")] = True,
    then: Annotated[str | None, typer.Option(help="A second model that looks at each found object.")] = None,
    blur: Annotated[bool, typer.Option("--blur", help="Make found objects unrecognisable.")] = False,
    keep_originals: Annotated[
        bool, typer.Option("--keep-originals", help="With --blur: C and --crops save what it covers.")
    ] = False,
    crops: Annotated[Path | None, typer.Option(help="Cut out each object, once a second, into this folder.")] = None,
    crops_limit: Annotated[int, typer.Option(help="At most so many cut-outs.")] = 1000,
    count: Annotated[Path | None, typer.Option(help="Count objects, a line a second, into this CSV file.")] = None,
    zone: Annotated[
        list[str] | None, typer.Option(help="Count in here: door=0.1,0.2,0.5,0.9 (shares, or pixels).")
    ] = None,
    line: Annotated[list[str] | None, typer.Option(help="Count who crosses: gate=0.5,0,0.5,1.")] = None,
    on_detect: Annotated[str | None, typer.Option(help="Start this program when something is found.")] = None,
    on_detect_every: Annotated[float, typer.Option(help="At most once in so many seconds.")] = 10.0,
    review: Annotated[Path, typer.Option(help="The dataset that the C key saves frames to.")] = DEFAULT_DATASET,
    host: Annotated[str, typer.Option(help="web: listen here; `0.0.0.0` is the whole network.")] = _LIVE.host,
    port: Annotated[int | None, typer.Option(help="web: at this port. [default: 8765, or a free one]")] = None,
    name: Annotated[list[str] | None, typer.Option(help="web: another name of this machine (a proxy's).")] = None,
    certificate: Annotated[Path | None, typer.Option(help="web: https with this PEM file.")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="web: and its key.")] = None,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Real-time boxes. C saves the frame with its boxes as a photo to review, Q stops."""
    from thirtyfold import console
    from thirtyfold.live.clock import process_started_at
    from thirtyfold.live.loop import run_live
    from thirtyfold.predict.detectors import find_model

    options = LiveOptions(
        source=source,
        threshold=threshold,
        form=form,
        view=view,
        save=save,
        max_seconds=max_seconds,
        review_dataset=review,
        fast=fast,
        track=track,
        then=None if then is None else find_model(then, runs),
        blur=blur,
        keep_originals=keep_originals,
        crops=crops,
        crops_limit=crops_limit,
        count=count,
        zones=tuple(zone or ()),
        lines=tuple(line or ()),
        on_detect=on_detect,
        on_detect_every=on_detect_every,
        host=host,
        port=port,
        names=tuple(name or ()),
        certificate=certificate,
        certificate_key=certificate_key,
    )
    result = run_live(find_model(model, runs), options, progress=console.Terminal(), started_at=process_started_at())
    if json_:
        console.print_json(result.to_dict())
    else:
        console.print_facts("Live", result.facts())
    result.raise_if_cut_short()


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
