"""Backbones beside each other: the same split and copies, several seeds, quality against speed.

Ranked by the validation photos, reported on the test photos: a winner picked by the figure that is then
reported would look better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold import files
from thirtyfold.errors import ModelError, NotInstalledError, ThirtyfoldError, TrainingError, UsageError
from thirtyfold.model.compare_options import CompareOptions
from thirtyfold.model.compare_page import write_comparison
from thirtyfold.model.comparison import Comparison, Line
from thirtyfold.model.exams.base import Exam, load_exam
from thirtyfold.model.machine import machine_facts
from thirtyfold.model.options import FROM_NOTHING, SCRATCH, TrainOptions
from thirtyfold.model.spread import Spread, spread_of
from thirtyfold.model.trials import Trial, frame_milliseconds, open_study, run_trial, shared_options
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import DEFAULT_RUNS, Dataset

if TYPE_CHECKING:
    from thirtyfold.model.data import TrainingData


def compare(
    dataset: Dataset, options: CompareOptions, *, runs_dir: Path = DEFAULT_RUNS, progress: Progress = SILENT
) -> tuple[Comparison, ThirtyfoldError | None]:
    """Train every backbone with every seed, judge all on the same photos, and write table, plot and page.

    Finished trainings of an earlier, equal command are taken as they are. What is given back besides is
    the error of the first backbone that had to be left out: its weights could not be had, or it could not
    be trained. Raises that error if no backbone is left, and as ``train`` does for anything else.
    """
    from thirtyfold.model.data import gather
    from thirtyfold.model.train import import_tensorflow

    options_of = {name: _options(name, options.train) for name in options.backbones}
    data = gather(dataset, options.train, progress, may_split=True)
    if not data.val and not data.test:
        raise UsageError(
            f"{dataset.root}: has neither validation nor test photos to compare by; run `thirtyfold split "
            f"{dataset.root}` with --val 0.15 --test 0.15"
        )
    study = open_study(
        "compare", shared_options(options.train, "backbone", "weights") | {"weights": options.train.weights},
        dataset, data, runs_dir,
    )  # fmt: skip
    import_tensorflow()
    errors = _missing_weights(options_of, progress)
    trials: dict[str, list[Trial]] = {}
    # Seed by seed, not backbone by backbone: a comparison that is stopped has something of each.
    for seed in range(options.seeds):
        for name, train_options in options_of.items():
            if name in errors:
                continue
            seeded = replace(train_options, seed=train_options.seed + seed)
            try:
                trial = run_trial(f"{name}-{seeded.seed}", dataset, seeded, study, data, progress)
            except TrainingError as error:
                progress.say(f"left out: {error}")
                errors[name] = error
            else:
                trials.setdefault(name, []).append(trial)
    trials = {name: runs for name, runs in trials.items() if name not in errors}
    if not trials:
        raise next(iter(errors.values()))
    frame_ms = frame_milliseconds({name: runs[0].run_dir for name, runs in trials.items()}, data, progress)
    lines, statements = _judged(trials, frame_ms, data)
    comparison = Comparison(
        folder=study,
        lines=lines,
        statements=tuple(statements),
        left_out={name: str(error) for name, error in errors.items()},
        photos={
            "train": len(data.train) - data.copies,
            "copies": data.copies,
            "val": len(data.val),
            "test": len(data.test),
        },
        machine=machine_facts(),
    )
    write_comparison(comparison)
    files.write_json(study / "compare.json", comparison.to_dict())
    return comparison, next(iter(errors.values()), None)


def _options(name: str, shared: TrainOptions) -> TrainOptions:
    from thirtyfold.model.weights import has_imagenet

    if shared.weights not in ("imagenet", "none"):
        raise UsageError(f"--weights {shared.weights}: a file fits one backbone; `imagenet` or `none` was expected")
    return replace(shared, backbone=name, weights=shared.weights if has_imagenet(name) else "none")


def _missing_weights(options_of: Mapping[str, TrainOptions], progress: Progress) -> dict[str, ThirtyfoldError]:
    """Fetch all weights before the first training; the backbones whose weights can't be had, and why."""
    from thirtyfold.model.weights import weights_path

    errors: dict[str, ThirtyfoldError] = {}
    for name, options in options_of.items():
        try:
            weights_path(options, progress)
        except (NotInstalledError, ModelError) as error:
            progress.say(f"{name} is left out: {error}")
            errors[name] = error
    return errors


def _judged(
    trials: Mapping[str, Sequence[Trial]], frame_ms: Mapping[str, float], data: TrainingData
) -> tuple[tuple[Line, ...], list[str]]:
    """A line for each backbone, best on validation first, and what can be said of them."""
    exam = load_exam(next(iter(trials.values()))[0].artifact.task)
    parts = [part for part, photos in (("val", data.val), ("test", data.test)) if photos]
    spreads = {
        part: spread_of({name: [trial.looks[part] for trial in runs] for name, runs in trials.items()})
        for part in exam.compared
        if part in parts or part == "train"
    }
    chosen_on, reported_on = parts[0], parts[-1]
    order = sorted(trials, key=lambda name: -spreads[chosen_on].means[name])
    lines = tuple(_line(name, trials[name], frame_ms[name], spreads, chosen_on, exam) for name in order)
    statements = []
    if chosen_on == reported_on:
        what = "validation" if chosen_on == "val" else "test"
        statements.append(
            f"There are only {what} photos: the same figures choose and are reported, so those of the best flatter."
        )
    statements += _said(lines, spreads, chosen_on, reported_on)
    statements.append(spreads[reported_on].note())
    statements += _about_starts(trials, order)
    if not data.leak_free:
        statements.append("The split tears a session apart, so the figures of all of them flatter.")
    return lines, statements


def _about_starts(trials: Mapping[str, Sequence[Trial]], order: Sequence[str]) -> list[str]:
    """What each of them started from, where that differs from what their names say."""
    bare = [name for name in order if name in (SCRATCH, *FROM_NOTHING)]
    if not bare or len(order) == 1:
        return []
    trainings = [trial.artifact.training for runs in trials.values() for trial in runs]
    if not any(training["frozen_backbone"] for training in trainings):
        return ["All of them start from nothing."]
    one = len(bare) == 1
    rest = "keep a backbone as ImageNet left it"
    if any(training.get("fine_tuned") for training in trainings):
        rest = "start from ImageNet's weights"
    said = "starts from nothing and trains all of its" if one else "start from nothing and train all of their"
    return [f"{_listed(bare)} {said} weights; the others {rest}."]


def _line(
    name: str, runs: Sequence[Trial], frame_ms: float, spreads: Mapping[str, Spread], chosen_on: str, exam: Exam
) -> Line:
    def score(trial: Trial) -> float:
        return sum(look.score for look in trial.looks[chosen_on])

    beside, figure = {}, exam.beside[0] if exam.beside else ""
    for part in spreads if figure else ():
        known = [value for run in runs if (value := run.figure(part, figure)) is not None]
        if known:
            beside[part] = sum(known) / len(known)
    first, best = runs[0], max(runs, key=score)
    return Line(
        backbone=name,
        quality={part: spread.quality(name) for part, spread in spreads.items()},
        beside=beside,
        frame_ms=frame_ms,
        model_bytes=first.model_bytes,
        numbers=first.artifact.forms[first.artifact.runs].numbers,
        seconds_first=first.seconds,
        seconds_mean=sum(run.seconds for run in runs) / len(runs),
        runs=tuple(run.run_dir for run in runs),
        best_run=best.run_dir,
        exam=exam,
        best_figures=best.artifact.metrics.get("test") or best.artifact.metrics.get("val") or {},
    )


def _said(lines: Sequence[Line], spreads: Mapping[str, Spread], chosen_on: str, reported_on: str) -> list[str]:
    """Who is best, who can't be told from it, and which of those is the fastest."""
    best, *others = (line.backbone for line in lines)
    chosen, reported = spreads[chosen_on], spreads[reported_on]
    words = {"val": "validation", "test": "test"}
    said = [
        f"{best} is best on the {chosen.photos} {words[chosen_on]} photos and reaches "
        f"{reported.quality(best)} on the {reported.photos} {words[reported_on]} photos."
    ]
    if not others:
        return said
    alike = [name for name in others if not reported.told_apart(best, name)]
    if alike:
        names = _listed([best, *alike])
        closest = max(alike, key=lambda name: reported.means[name])
        difference = reported.difference(best, closest)
        between = "" if difference.low is None else f", and may be {difference.low:+.3f} to {difference.high:+.3f}"
        said.append(
            f"{names} can't be told apart on {reported.photos} {words[reported_on]} photos: the difference of {best} "
            f"to {closest} is {difference.mean:+.3f}{between}."
        )
        fastest = min([best, *alike], key=lambda name: next(line.frame_ms for line in lines if line.backbone == name))
        if fastest != best:
            times = {line.backbone: line.frame_ms for line in lines}
            said.append(
                f"Of these {fastest} is the fastest: {times[fastest]:.1f} ms a photo against {times[best]:.1f} ms of "
                f"{best}."
            )
    for name in others:
        if name not in alike:
            better, worse = sorted((best, name), key=lambda each: -reported.means[each])
            said.append(f"{better} is better than {worse} there, by {reported.difference(better, worse)}.")
    return said


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
