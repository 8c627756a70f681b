"""The commands that make a model and run it: train, predict, live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thirtyfold.commands.shared import (
    AttributesOption,
    ClassesOption,
    ColorsOption,
    FormOption,
    FromNameOption,
    JsonOption,
    ModelOption,
    NumbersOption,
    OpacityOption,
    PhotosArgument,
    RunsOption,
    ThenOption,
)
from thirtyfold.errors import DataError, UsageError
from thirtyfold.live.options import LiveOptions
from thirtyfold.model.compare_options import CompareOptions, comparable
from thirtyfold.model.options import ALL_EPOCHS, AS_SUITS, BACKBONES, HEADS, TASKS, TrainOptions
from thirtyfold.predict.forms import AUTO, FORM_FILES
from thirtyfold.predict.prepare import STEPS
from thirtyfold.predict.segment_options import OPACITY, SegmentOptions
from thirtyfold.workspace import DEFAULT_DATASET, DEFAULT_RUNS, find_run

if TYPE_CHECKING:
    from thirtyfold.model.online import Augmenter
    from thirtyfold.predict.answers import Explain
    from thirtyfold.predict.crops import CropOptions
    from thirtyfold.sample import Sample

_TRAIN = TrainOptions()
_COMPARE = CompareOptions()
_LIVE = LiveOptions()
_HEADS_HELP = "; ".join(f"{task}: {', '.join(names)}" for task, names in HEADS.items())


def train(
    dataset: PhotosArgument = DEFAULT_DATASET,
    task: Annotated[str, typer.Option(help=f"What to learn: {', '.join(TASKS)}.")] = _TRAIN.task,
    backbone: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(BACKBONES)}; `scratch` is tiny without weights, in a minute. For whole photos also `cnn` "
            "and any other of keras.applications, like efficientnetb0."
        ),
    ] = _TRAIN.backbone,
    heads: Annotated[
        str, typer.Option(help=f"What stands on the backbone; {_HEADS_HELP}. [default: the first]", show_default=False)
    ] = "auto",
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
    class_weights: Annotated[
        str, typer.Option(help="How much rare classes count: `none`, `auto`, or numbers like 1,5.")
    ] = _TRAIN.class_weights,
    label_smoothing: Annotated[
        float, typer.Option(help="Spread so much of a photo's truth over all classes, like 0.1.")
    ] = _TRAIN.label_smoothing,
    prepare: Annotated[
        str, typer.Option(help=f"Done to each whole photo before: {', '.join(STEPS)}, separated by commas.")
    ] = "",
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
    faces: Annotated[
        str,
        typer.Option(help="recognize: who finds the face, `yunet`, `haar` or a run; `whole`: they are faces already."),
    ] = _TRAIN.faces,
    attributes: AttributesOption = None,
    attributes_from_name: FromNameOption = "",
    numbers: NumbersOption = "",
    classes: ClassesOption = "",
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
        faces=faces,
        attributes="" if attributes is None else str(attributes),
        attributes_from_name=attributes_from_name,
        number_heads=_listed(numbers),
        class_heads=_listed(classes),
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        prepare=_listed(prepare),
        resume=resume,
    )
    from thirtyfold.datasets.class_import import settle_dataset

    settled = settle_dataset(dataset, console.Terminal())
    if learning_curve:
        from thirtyfold.model.learning_curve import learning_curve as draw_curve

        curve = draw_curve(settled, options, seeds=seeds, runs_dir=runs, progress=console.Terminal())
        if json_:
            console.print_json(curve.to_dict())
        else:
            console.print_table(f"Learning curve {curve.folder}", curve.columns(), curve.rows())
            for line in curve.remarks():
                typer.echo(line)
        return
    from thirtyfold.model.train import take_part
    from thirtyfold.model.train import train as train_model

    if done := take_part(settled, options, augmenter_of=_augmenter_of, progress=console.Terminal()):
        typer.echo(done, err=True)
        return
    result = train_model(settled, options, runs_dir=runs, augmenter_of=_augmenter_of, progress=console.Terminal())
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
    chain: Annotated[
        str, typer.Option(help="Finders like `haar,yunet,detect/3`: judge RUN, a classifier, on what each finds.")
    ] = "",
    map_: Annotated[
        str, typer.Option("--map", help="--chain: what labels mean, like con=with_mask,sin=without_mask,other=")
    ] = "",
    threshold: Annotated[float | None, typer.Option(help="Count from this score. [default: each its own]")] = None,
    attributes: AttributesOption = None,
    attributes_from_name: FromNameOption = "",
    out: Annotated[
        Path | None, typer.Option(help="A new folder for the report. [default: the next RUN/evaluation-N]")
    ] = None,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Judge a run on photos it has not seen: AP, intervals, baselines beside it, a report."""
    from thirtyfold import console
    from thirtyfold.datasets.class_import import settle_dataset
    from thirtyfold.model.contest import evaluate as evaluate_models
    from thirtyfold.model.evaluate_options import EvaluateOptions

    options = EvaluateOptions(
        run=run or (None if baselines and dataset else "latest"),
        against=_listed(against),
        dataset=None if dataset is None else settle_dataset(dataset, console.Terminal()).root,
        part=part,
        baselines=_listed(baselines),
        chain=_listed(chain),
        map=_mapped(map_),
        threshold=threshold,
        attributes=attributes,
        attributes_from_name=attributes_from_name,
        out=out,
    )
    if options.chain:
        from thirtyfold.model.chain_report import evaluate_chain

        chained = evaluate_chain(options, runs_dir=runs, progress=console.Terminal())
        if json_:
            console.print_json(chained.to_dict())
            return
        console.print_table(chained.title(), chained.columns(), chained.rows())
        for line in chained.remarks():
            typer.echo(line)
        return
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
    dataset: PhotosArgument = DEFAULT_DATASET,
    task: Annotated[str, typer.Option(help=f"What to learn: {', '.join(TASKS)}.")] = _TRAIN.task,
    backbones: Annotated[
        str, typer.Option(help="What to compare, separated by commas. [default: scratch and all with weights]")
    ] = "",
    seeds: Annotated[int, typer.Option(help="Trainings of each.")] = _COMPARE.seeds,
    heads: Annotated[str, typer.Option(help="The heads, for all of them.")] = "auto",
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
    class_weights: Annotated[
        str, typer.Option(help="How much rare classes count: `none`, `auto`, or numbers like 1,5.")
    ] = _TRAIN.class_weights,
    label_smoothing: Annotated[
        float, typer.Option(help="Spread so much of a photo's truth over all classes, like 0.1.")
    ] = _TRAIN.label_smoothing,
    prepare: Annotated[
        str, typer.Option(help=f"Done to each whole photo before: {', '.join(STEPS)}, separated by commas.")
    ] = "",
    attributes: AttributesOption = None,
    attributes_from_name: FromNameOption = "",
    numbers: NumbersOption = "",
    classes: ClassesOption = "",
    seed: Annotated[int, typer.Option(help="The first of the seeds.")] = _TRAIN.seed,
    runs: RunsOption = DEFAULT_RUNS,
    json_: JsonOption = False,
) -> None:
    """Train several backbones on the same photos: quality, size, and milliseconds on this machine."""
    from thirtyfold import console
    from thirtyfold.datasets.class_import import settle_dataset
    from thirtyfold.model.compare import compare as compare_backbones

    options = CompareOptions(
        backbones=tuple(_listed(backbones)) or comparable(task),
        seeds=seeds,
        train=TrainOptions(
            task=task,
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
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            prepare=_listed(prepare),
            attributes="" if attributes is None else str(attributes),
            attributes_from_name=attributes_from_name,
            number_heads=_listed(numbers),
            class_heads=_listed(classes),
        ),
    )
    settled = settle_dataset(dataset, console.Terminal())
    result, error = compare_backbones(settled, options, runs_dir=runs, progress=console.Terminal())
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
    then: ThenOption = None,
    colors: ColorsOption = "",
    save: Annotated[Path | None, typer.Option(help="Write the pictures with their boxes into this folder.")] = None,
    crops: Annotated[Path | None, typer.Option(help="Cut each object out into a file in this new folder.")] = None,
    margin: Annotated[float, typer.Option(help="--crops: so much of its sides around each object.")] = 0.0,
    min_score: Annotated[float, typer.Option(help="--crops: only objects from this score.")] = 0.0,
    labels: Annotated[
        Path | None, typer.Option(help="--crops: the labelled objects of this dataset, a folder for each class.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Outlines: write a mask of each picture into this folder, a class a number.")
    ] = None,
    instances: Annotated[bool, typer.Option("--instances", help="Outlines: take objects that touch apart.")] = False,
    tile: Annotated[
        int | None, typer.Option(help="Outlines: look at large pictures in overlapping tiles of so many pixels.")
    ] = None,
    mm_per_pixel: Annotated[float | None, typer.Option(help="Outlines: give their areas in mm².")] = None,
    opacity: OpacityOption = OPACITY,
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
        segments=SegmentOptions(
            masks=masks, instances=instances, tile_px=tile, mm_per_pixel=mm_per_pixel, opacity=opacity
        ),
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
        raise DataError(f"{len(result.problems)} pictures were left out, first {result.problems[0]}")


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
    then: ThenOption = None,
    colors: ColorsOption = "",
    opacity: OpacityOption = OPACITY,
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
    from thirtyfold.predict.label_colors import parse_colors
    from thirtyfold.predict.recognizer import find_second

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
        then=None if then is None else find_second(then, runs),
        colors=parse_colors(colors),
        opacity=opacity,
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


def _mapped(text: str) -> dict[str, str | None]:
    """``a=b,c=`` as {"a": "b", "c": None}: what has nothing behind the sign is left out."""
    pairs = [piece.rpartition("=") for piece in _listed(text)]
    if wrong := [name for label, sign, name in pairs if not sign or not label.strip()]:
        raise UsageError(f"--map {wrong[0]}: LABEL=CLASS was expected, or LABEL= for one that is left out")
    return {label.strip(): name.strip() or None for label, _, name in pairs}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
