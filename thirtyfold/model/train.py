"""A training, from a dataset to an evaluated, exported model in a run folder."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import NothingToDo, UsageError
from thirtyfold.model.cluster import helps_a_chief
from thirtyfold.model.fit import fit
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.state import read_args, write_args
from thirtyfold.native_noise import TENSORFLOW_CHAT, without_lines
from thirtyfold.predict.artifact import Artifact
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import DEFAULT_RUNS, MODEL_CARD, Dataset, find_unfinished_run, new_run

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData
    from thirtyfold.model.devices import Devices
    from thirtyfold.model.online import Augmenter
    from thirtyfold.sample import Sample

_NAMED_CLASSES = 12
# From the name of a recipe, the train photos and the seed to what makes copies of them by it.
AugmenterOf = Callable[[str, "Sequence[Sample]", int], "Augmenter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A finished run. ``metrics`` are those of ``model.json``; ``problems`` the photos left out."""

    run_dir: Path
    artifact: Artifact
    seconds: float
    problems: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Part (``val``, ``test``) → its figures."""
        return self.artifact.metrics

    def to_dict(self) -> dict[str, Any]:
        return {
            "run_dir": str(self.run_dir),
            "seconds": round(self.seconds, 1),
            "metrics": dict(self.artifact.metrics),
            "training": dict(self.artifact.training),
            "problems": list(self.problems),
        }

    def facts(self) -> dict[str, object]:
        from thirtyfold.model.exams.base import load_exam

        training, metrics = self.artifact.training, self.artifact.metrics
        facts: dict[str, object] = {
            "photos": f"{training['train_photos']} to train on ({training['copies']} of them copies)",
            "epochs": f"{training['epochs_done']}, best {training['best_epoch']}",
        }
        exam = load_exam(self.artifact.task)
        for part in ("val", "test"):
            if part in metrics:
                facts |= {f"{part} {title}": text for title, text in exam.facts(metrics[part]).items()}
        facts["threshold"] = f"{self.artifact.score_threshold:.2f}"
        facts["time"] = f"{self.seconds:.0f} s"
        facts["report"] = str(self.run_dir / "report.html")
        return facts


def train(
    dataset: Dataset,
    options: TrainOptions,
    *,
    runs_dir: Path = DEFAULT_RUNS,
    augmenter_of: AugmenterOf | None = None,
    progress: Progress = SILENT,
) -> TrainResult:
    """Train, evaluate and export; see :class:`TrainOptions`. ``augmenter_of`` is asked where they say ``online``.

    Raises :class:`DataError` (labels, split), :class:`ModelError` (weights),
    :class:`TrainingError` (NaN, out of memory), :class:`NothingToDo` (a finished run to
    be resumed). What was reached until then stays in the run folder and can be resumed.
    """
    started = time.perf_counter()
    if helps_a_chief():
        raise UsageError("TF_CONFIG: makes this machine help another; only `thirtyfold train` can be shared out")
    import_tensorflow()
    from thirtyfold.model.devices import open_devices
    from thirtyfold.model.finish import finish

    devices = open_devices(options.devices, options.precision)
    resumed = find_unfinished_run(options.resume, runs_dir) if options.resume else None
    if resumed is not None:
        options = _resumed_options(resumed, options)
    data, options, weights = _prepare(dataset, options, devices, augmenter_of, progress)
    progress.say(
        f"training on {len(data.train)} photos ({data.copies} of them copies), "
        f"{len(data.val)} to validate, {len(data.test)} to test; {_listed(data.classes)}"
    )
    if devices.needs_twin:
        progress.say(f"on {devices.described()}")
    run_dir = resumed or new_run(runs_dir, options.task)
    write_args(run_dir, options, dataset.root)
    try:
        fitted = fit(data, options, run_dir, weights, devices, root=dataset.root, progress=progress)
    except KeyboardInterrupt:
        progress.say(f"stopped; go on with `thirtyfold train {dataset.root} --resume {run_dir}`")
        raise
    artifact = finish(fitted.network.model, fitted.task, run_dir, options, data, fitted.state, progress)
    return TrainResult(
        run_dir=run_dir,
        artifact=artifact,
        seconds=time.perf_counter() - started,
        problems=tuple(fitted.state.left_out),
    )


def take_part(
    dataset: Dataset,
    options: TrainOptions,
    *,
    augmenter_of: AugmenterOf | None = None,
    progress: Progress = SILENT,
) -> str | None:
    """On a machine that ``TF_CONFIG`` makes no chief: learn along, write nothing, and say what was done.

    ``None``, at once, where this machine is the chief or the only one: it has to :func:`train`. Raises as that does.
    """
    if not helps_a_chief():
        return None
    import_tensorflow()
    from thirtyfold.model.devices import open_devices

    devices = open_devices(options.devices, options.precision)
    data, options, weights = _prepare(dataset, options, devices, augmenter_of, progress)
    # What a training writes while it learns; the chief has it all.
    with tempfile.TemporaryDirectory(prefix="thirtyfold-worker-") as folder:
        fit(data, options, Path(folder), weights, devices, root=dataset.root, progress=progress)
    return f"worker {devices.worker + 1} of {devices.workers} is done; the run lies with the first"


def _prepare(
    dataset: Dataset, options: TrainOptions, devices: Devices, augmenter_of: AugmenterOf | None, progress: Progress
) -> tuple[TrainingData, TrainOptions, Path | None]:
    """The photos, the options with everything filled in, and the file of weights."""
    from thirtyfold.model.data import gather
    from thirtyfold.model.tasks import load_task
    from thirtyfold.model.weights import weights_path

    data = gather(dataset, options, progress, may_split=True)
    options = load_task(options.task).resolve_options(options, data.train, data.classes)
    if options.augment == "online":
        data = _augmented_online(data, options, augmenter_of, progress)
    asked = asdict(replace(options, resume=None, weights=Path(options.weights).name))
    devices.require_same(f"{data.fingerprint} {len(data.train)} {asked}")
    return data, options, weights_path(options, progress)


def _augmented_online(
    data: TrainingData, options: TrainOptions, augmenter_of: AugmenterOf | None, progress: Progress
) -> TrainingData:
    """The data with a maker of copies."""
    from thirtyfold.model.online import CopyMaker

    if augmenter_of is None:
        raise UsageError("--augment online: works with `thirtyfold train` alone; `thirtyfold augment` writes copies")
    cost = "; the frozen backbone looks at each of them in every epoch, so an epoch takes many times as long"
    progress.say(
        f"{options.factor} copies of each of {len(data.train)} photos by recipe {options.recipe}, other ones every "
        f"epoch and none of them kept{cost if options.frozen_backbone else ''}"
    )
    return replace(data, maker=CopyMaker(augmenter_of(options.recipe, data.train, options.seed), options.factor))


def _listed(classes: Sequence[str]) -> str:
    shown = ", ".join(classes[:_NAMED_CLASSES])
    rest = f" and {len(classes) - _NAMED_CLASSES} more" if len(classes) > _NAMED_CLASSES else ""
    return f"labels: {shown}{rest}"


def _resumed_options(run_dir: Path, asked: TrainOptions) -> TrainOptions:
    """The options the run was started with; only the number of epochs may grow."""
    if (run_dir / MODEL_CARD).exists():
        raise NothingToDo(f"{run_dir}: is finished; to train longer start a new run with a higher --epochs")
    started_with = read_args(run_dir)
    return replace(
        started_with,
        epochs=max(started_with.epochs, asked.epochs),
        resume=asked.resume,
        devices=asked.devices,
        precision=asked.precision,
    )


def import_tensorflow() -> None:
    """Import TensorFlow and Keras without their chat; 7 s, so only where something is trained."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with without_lines(TENSORFLOW_CHAT):
        import keras  # noqa: F401 - for what it prints
        import tensorflow as tf
    # Several trainings in one process trace one graph each, which it warns of at length.
    tf.get_logger().setLevel("ERROR")
