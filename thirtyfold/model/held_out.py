"""The photos to judge a model on: those its training held out, or another dataset; never one it has learned from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thirtyfold.datasets.samples import read_sample, read_samples
from thirtyfold.datasets.split import read_split
from thirtyfold.errors import DataError, FileDataError, ModelError, UsageError
from thirtyfold.model.evaluation_folder import run_name
from thirtyfold.model.labelling.base import Labelling, labelling_options, load_labelling
from thirtyfold.model.options import TrainOptions
from thirtyfold.model.provenance import PHOTOS_NAME, Seen, file_hash, read_photos, shapes_hash, trained_on
from thirtyfold.model.state import ARGS_NAME
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

_NAMES = {"test": "the test part", "val": "the validation part", "all": "all photos"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """``photos`` are judged; ``val`` are for choosing thresholds, empty where none may be used.

    ``foreign``: another dataset than the run was trained on. ``statements`` and ``warnings`` say what the photos
    are and what is to be thought of that, a sentence each.
    """

    dataset: Dataset
    part: str
    photos: tuple[Sample, ...]
    val: tuple[Sample, ...] = ()
    foreign: bool = False
    statements: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[FileDataError, ...] = ()


def photos_of_run(
    run_dir: Path, training: Mapping[str, Any], *, dataset: Path | None, part: str | None
) -> HeldOut | None:
    """The photos that a run's training held out, as they were then; ``None`` if ``dataset`` is another one.

    Raises :class:`DataError` if the dataset is gone or has changed, :class:`ModelError` if the run does not say
    what it was trained on, :class:`UsageError` for ``all``.
    """
    if dataset is not None and not (run_dir / PHOTOS_NAME).is_file():
        return None
    seen = read_photos(run_dir)
    home = Dataset(dataset or _home(run_dir))
    there = {path.name: path for path in home.image_paths()}
    samples, changed = _as_seen(home, seen, there, training)
    if changed is not None:
        if dataset is not None:
            return None
        raise DataError(
            f"{home.root}: has changed since {run_dir} was trained on it ({changed}); judge it as it is now with "
            f"--dataset {home.root}, or train again"
        )
    part = part or "test"
    if part == "all":
        raise UsageError(f"--part all: {run_dir} was trained on a part of {home.root}; take test or val")
    chosen = {name: [sample for sample in samples.values() if sample.split == name] for name in ("val", "test")}
    if not chosen[part]:
        other = "val" if part == "test" else "test"
        raise DataError(
            f"{home.root}: the split has no photos in {_NAMES[part]}; take --part {other}, or split and train again"
        )
    leak = f"Split by {training.get('split')}"
    statements = [f"Judged on {_NAMES[part]} of the split that it was trained with: {home.root.name}."]
    warnings = []
    if training.get("split_leak_free"):
        statements.append(f"{leak}: no capture session stands on both sides.")
    else:
        warnings.append(f"{leak}. Neighbouring photos stand on both sides, so the figures flatter.")
    if part == "val":
        warnings.append(
            "The best epoch, the threshold and the calibration were chosen on these photos: their figures flatter."
        )
    return HeldOut(
        dataset=home,
        part=part,
        photos=tuple(chosen[part]),
        val=tuple(chosen["val"]),
        statements=tuple(statements),
        warnings=tuple(warnings),
    )


def photos_of_dataset(
    root: Path,
    *,
    part: str | None,
    learned: Collection[str],
    run: str | None,
    options: TrainOptions | None = None,
) -> HeldOut:
    """The labelled photos of any dataset, without those whose file's hash is among ``learned``.

    ``run`` is the name of the run to be judged, ``options`` are its own, whose task says what a label is; without them
    it is a drawn shape.

    Raises :class:`DataError` if none is left, :class:`SplitError` for a part of a dataset without a split.
    """
    dataset = Dataset(root)
    problems: list[FileDataError] = []
    asked = options or TrainOptions()
    labelling = load_labelling(asked.task)
    photos = labelling.labelled(read_samples(dataset, problems=problems), replace(asked, one_label=""), dataset)
    split = read_split(dataset) if dataset.split_path.exists() or part in ("test", "val") else None
    part = part or ("test" if split else "all")
    if split is not None:
        photos = [
            replace(photo, split=split.part(photo.image_path.name), session=split.groups[photo.image_path.name])
            for photo in photos
        ]
    val = [photo for photo in photos if photo.split == "val"] if part == "test" else []
    wanted = photos if part == "all" else [photo for photo in photos if photo.split == part]
    kept, left_out = _usable(wanted, learned, labelling)
    if not kept:
        reasons = "; ".join(left_out) or "it holds no photos"
        raise DataError(f"{root}: no photo to judge on in {_NAMES[part]} ({reasons})")
    statements = [f"Judged on {_NAMES[part]} of {root.name}."]
    warnings = [f"Left out: {reason}." for reason in left_out]
    if run is not None:
        warnings.insert(0, f"{root.name} is not what {run} was trained on: these are another dataset's photos.")
    return HeldOut(
        dataset=dataset,
        part=part,
        photos=tuple(kept),
        val=tuple(_usable(val, learned, labelling)[0]),
        foreign=run is not None,
        statements=tuple(statements),
        warnings=tuple(warnings),
        problems=tuple(problems),
    )


def learned_hashes(run_dir: Path, *, parts: Collection[str] = ("train", "val")) -> set[str]:
    """The hashes of the photos that a run has learned from (or was chosen on). Raises :class:`ModelError`."""
    return {photo.sha256 for photo in read_photos(run_dir).values() if photo.part in parts and photo.sha256}


def learned_by(runs: Sequence[Path]) -> tuple[set[str], list[str]]:
    """(the hashes of the photos that any of ``runs`` has learned from, a warning for each run that does not say)."""
    learned: set[str] = set()
    unknown = []
    for run in runs:
        if (run / PHOTOS_NAME).is_file():
            learned |= learned_hashes(run)
        else:
            unknown.append(
                f"{run_name(run)} does not say what it was trained on, so nobody knows whether it has learned from "
                "these photos; if it has, its figures flatter."
            )
    return learned, unknown


def _home(run_dir: Path) -> Path:
    root = trained_on(run_dir)
    if root is None:
        raise ModelError(f"{run_dir / ARGS_NAME}: does not say what it was trained on; give the photos by --dataset")
    if not root.is_dir():
        raise DataError(f"{root}: {run_dir} was trained on it, but it is not there; give its new place by --dataset")
    return root


def _as_seen(
    dataset: Dataset, seen: Mapping[str, Seen], there: Mapping[str, Path], training: Mapping[str, Any]
) -> tuple[dict[str, Sample], str | None]:
    """The photos that the run knew, with the part and session they had; or what has changed first."""
    options = training.get("options", {})
    negative = options.get("unlabelled") == "negative"
    samples: dict[str, Sample] = {}
    for name, known in seen.items():
        if name not in there:
            return samples, f"{name} is gone"
        try:
            sample = read_sample(there[name], dataset.label_path(there[name]), session=known.session)
        except FileDataError:
            return samples, f"{name} cannot be read any more"
        shapes = () if sample.annotations is None and negative else sample.annotations
        samples[name] = replace(sample, split=known.part, annotations=shapes)
        if known.sha256 and file_hash(there[name]) != known.sha256:
            return samples, f"{name} is another picture"
    task = str(options.get("task", "detect"))
    again = load_labelling(task).labelled(list(samples.values()), labelling_options(options), dataset)
    samples = {sample.image_path.name: sample for sample in again}
    for name, known in seen.items():
        if shapes_hash(samples[name]) != known.shapes:
            return samples, f"{name} has other labels"
    return samples, None


def _usable(photos: Sequence[Sample], learned: Collection[str], labelling: Labelling) -> tuple[list[Sample], list[str]]:
    """Those with labels by people that were not learned from, and how many of the others there are, by reason."""
    labelled = [photo for photo in photos if labelling.is_labelled(photo) and not photo.machine_made]
    machine = sum(photo.machine_made for photo in photos)
    unlabelled = len(photos) - len(labelled) - machine
    kept = [photo for photo in labelled if not learned or file_hash(photo.image_path) not in learned]
    reasons = []
    if unlabelled:
        reasons.append(f"{unlabelled} photos without labels")
    if machine:
        reasons.append(f"{machine} photos with boxes that a model drew and nobody has looked at")
    if len(labelled) > len(kept):
        reasons.append(f"{len(labelled) - len(kept)} photos that it was trained or chosen on")
    return kept, reasons
