"""How attributes are judged: a head at a time, and in each group of people that another head makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.errors import ModelError
from thirtyfold.model.exams.base import Examined, Part
from thirtyfold.model.exams.photo import Judging, PhotoExam, Sections, judged_outputs
from thirtyfold.model.judge import raw_outputs
from thirtyfold.model.labelling.attributes import truth_of
from thirtyfold.model.metrics.attributes import HeadAnswers, Scale, group_figures, head_figures
from thirtyfold.model.metrics.intervals import bootstrap_figures, weighted_mean
from thirtyfold.model.report import attribute_pages
from thirtyfold.model.report.card import CardWords
from thirtyfold.model.validation import Score
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.attribute_heads import Head, heads_of, number_of
from thirtyfold.predict.decoders import Outputs
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.model.report.page import Plot

_MOST_NOTES = 6
# The figures of a head that stand in the headline, by their key in ``metrics.attributes.head_figures``.
_IN_HEADLINE = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "mae": "MAE", "bias": "bias"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a model said of photos: an entry a head, and the ``qualities`` (photos,), not a number where unknown."""

    samples: tuple[Sample, ...]
    heads: tuple[HeadAnswers, ...]
    qualities: NDArray[np.float64]


class AttributesExam(PhotoExam):
    headline = (("quality", "quality", ".3f"),)
    quality_name = "quality"
    quality_note = "the mean over the heads: a class is right or not, a number 1 less its error in spreads"
    answer = "answers"

    def quality(self, outputs: Outputs, sample: Sample, artifact: Artifact, *, threshold: float = 0.0) -> float | None:
        """The mean over the heads that the photo says something about: right or wrong for a class, and for a number
        1 - error / spread of the train photos, 0 at least.
        """
        scales = _scales(artifact)
        values = []
        for head in heads_of(artifact.classes):
            truth = truth_of(sample, head)
            output = outputs[head.output][0]
            if isinstance(truth, str):
                values.append(float(head.classes[int(np.argmax(output))] == truth))
            elif truth is not None:
                scale = scales.get(head.name)
                spread = scale.spread if scale else 1.0
                values.append(max(0.0, 1.0 - abs(number_of(head, output) - truth) / spread))
        return float(np.mean(values)) if values else None

    def units(self, artifact: Artifact) -> Mapping[str, float]:
        """Numbers count in spreads of the train photos."""
        scales = _scales(artifact)
        return {
            head.output: scales[head.name].spread
            for head in heads_of(artifact.classes)
            if not head.classes and head.name in scales
        }

    def remarks(self, figures: Mapping[str, Any]) -> list[str]:
        """Which photos a head could not be judged on, and whether the groups differ."""
        said = [
            f"{name}: {sum(its['left_out'].values())} photos have values that it was never taught "
            f"({', '.join(its['left_out'])}), and are left out."
            for name, its in figures["heads"].items()
            if "left_out" in its
        ]
        return [*said, *(f"{group['said'][0].upper()}{group['said'][1:]}." for group in figures["groups"])]

    def headline_of(self, figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """Accuracy of each head that chooses, the error of each that gives a number; then the quality."""
        found = []
        for name, its in figures.get("heads", {}).items():
            if "accuracy" in its:
                found += [(f"{name} {key}", f"{name} {key}", ".3f") for key in ("accuracy", "balanced accuracy")]
            elif "mae" in its:
                unit = f", {its['unit']}" if its["unit"] else ""
                found += [(f"{name} MAE", f"{name} MAE{unit}", ".2f"), (f"{name} bias", f"{name} bias{unit}", "+.2f")]
        return [*found, *self.headline]

    def validate(
        self, model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], artifact: Artifact, *, batch: int
    ) -> Score:
        """The mean quality; what each head reached is said beside it."""
        answers = self._answers(raw_outputs(model, arrays, samples, batch=batch), artifact)
        said = [f"{one.head.name} {_shortly(one)}" for one in answers.heads if one.known.any()]
        quality = _mean(answers.qualities) or 0.0
        return Score(
            value=quality,
            row={"val_quality": quality},
            text=f"validation quality {quality:.3f} ({', '.join(said)})",
        )

    def part(self, predictor: Predictor, samples: Sequence[Sample], judging: Judging) -> Part | None:
        answers = self._answers(judged_outputs(predictor, samples, judging), predictor.artifact)
        return part_of(answers, _scales(predictor.artifact)) if answers.samples else None

    def examine(
        self, predictor: Predictor, val: Sequence[Sample], test: Sequence[Sample], *, progress: Progress
    ) -> Examined:
        """As every exam of photos; the notes also say which groups differ, or are too small to tell."""
        examined = super().examine(predictor, val, test, progress=progress)
        part = examined.parts.get("test") or examined.parts.get("val")
        said = [] if part is None else [group for group in part.figures["groups"] if group["verdict"] != "alike"]
        said.sort(key=lambda group: group["verdict"])  # those that differ before those of too few photos
        return replace(examined, notes=(*examined.notes, *(group["said"] for group in said[:_MOST_NOTES])))

    def sections(self, part: Part, name: str, artifact: Artifact) -> Sections:
        answers: Answers = part.detail
        return Sections(
            bigs=attribute_pages.bigs(part.figures),
            tables=attribute_pages.tables(part.figures, name),
            plots=[
                *attribute_pages.scatter_plots(part.figures, answers.heads, name),
                *self.study_plots(name, part.figures),
            ],
            galleries=attribute_pages.galleries(answers.samples, answers.heads, answers.qualities, name),
            key="Below each photo: the truth of each head, then what the model says. A question mark: not known.",
        )

    def study_plots(self, name: str, figures: Mapping[str, Any]) -> list[Plot]:
        return attribute_pages.confusion_plots(figures, name)

    def facts(self, figures: Mapping[str, Any]) -> dict[str, str]:
        facts = {}
        for name, its in figures["heads"].items():
            if "accuracy" in its:
                facts[f"{name} accuracy"] = f"{its['accuracy']:.3f} over {its['photos']} photos"
            elif "mae" in its:
                mean = f" (always the mean: {its['mae_of_mean']:.2f})" if "mae_of_mean" in its else ""
                unit = f" {its['unit']}" if its["unit"] else ""
                facts[f"{name} MAE"] = f"{its['mae']:.2f}{unit} over {its['photos']} photos{mean}"
        return facts

    def card_words(self, artifact: Artifact) -> CardWords:
        heads = heads_of(artifact.classes)
        figures = [
            (head, f"{head.name} {key}", kind)
            for head in heads
            for key, kind in ((("accuracy", "accuracy"),) if head.classes else (("MAE", "mae"),))
        ]
        return CardWords(
            pipeline_tag="image-classification",
            task_name="Image Classification",
            metrics=tuple((key, kind, f"{key}, {head.unit}" if head.unit else key) for head, key, kind in figures),
            rows=(
                *((f"{key}, {head.unit}" if head.unit else key, key) for head, key, _ in figures),
                ("quality", "quality"),
            ),
            does="Guesses attributes of what a picture shows: {classes}. Several heads on the backbone {backbone}, "
            "trained by thirtyfold.",
            use="Guessing these attributes in pictures like those it was trained on, in counts and means over many "
            "pictures, of people who know of it and agreed to it.",
            not_for="**Not for deciding anything about a person, and not for telling who somebody is.** It sees what a "
            "picture looks like: hair, light, glasses, make-up. It does not see who somebody is, what they call "
            "themselves or how old they are. In many places the law forbids such guesses about people who have not "
            "agreed, or asks for reasons.",
            limits=(
                "It always answers, and always with one of its classes, whatever the picture shows.",
                "It repeats what its photos say: who is rare in them is guessed worst. The report shows every figure "
                "by group; groups that the labels do not name were not looked at.",
                "Numbers are drawn towards the mean of the training photos: the young are guessed too old, the old "
                "too young.",
            ),
        )

    def _answers(self, found: Iterable[tuple[Outputs, Sample]], artifact: Artifact) -> Answers:
        samples: list[Sample] = []
        outputs: list[Outputs] = []
        for of_photo, sample in found:
            samples.append(sample)
            outputs.append(of_photo)
        qualities = [self.quality(one, sample, artifact) for one, sample in zip(outputs, samples, strict=True)]
        return Answers(
            samples=tuple(samples),
            heads=tuple(_of_head(head, samples, outputs) for head in heads_of(artifact.classes)),
            qualities=np.array([np.nan if value is None else value for value in qualities], np.float64),
        )


def part_of(answers: Answers, scales: Mapping[str, Scale]) -> Part:
    """The figures of every head, of every head in the groups of every other, and those of the headline."""
    sessions = [sample.session for sample in answers.samples]
    heads = {
        one.head.name: {
            **head_figures(one, sessions, scales.get(one.head.name)),
            **({"left_out": left_out} if (left_out := _never_taught(one.head, answers.samples)) else {}),
        }
        for one in answers.heads
    }
    known = np.nonzero(~np.isnan(answers.qualities))[0]
    intervals: dict[str, Any] = {"by": "nothing", "groups": 0, "draws": 0, "note": "no photo has any of the attributes"}
    if len(known):
        values = answers.qualities[known]
        intervals = bootstrap_figures(
            [sessions[index] for index in known], lambda weights: {"quality": weighted_mean(weights, values)}
        ).to_dict()
    figures: dict[str, Any] = {"photos": len(answers.samples), "quality": _rounded(_mean(answers.qualities))}
    for name, its in heads.items():
        of_head = its.get("intervals", {})
        for key, title in _IN_HEADLINE.items():
            if key in its:
                figures[f"{name} {title}"] = its[key]
            if key in of_head:
                intervals[f"{name} {title}"] = of_head[key]
    groups = [
        group_figures(by, of, sessions)
        for of in answers.heads
        for by in answers.heads
        if by is not of and (by.known & of.known).any()
    ]
    return Part(figures={**figures, "intervals": intervals, "heads": heads, "groups": groups}, detail=answers)


def _never_taught(head: Head, samples: Sequence[Sample]) -> dict[str, int]:
    """Photos by the value that they have of a head and that is none of its classes; numbers know no such."""
    truths = [truth_of(sample, head) for sample in samples] if head.classes else []
    return dict(Counter(str(truth) for truth in truths if truth is not None and truth not in head.classes))


def _of_head(head: Head, samples: Sequence[Sample], outputs: Sequence[Outputs]) -> HeadAnswers:
    truths = [truth_of(sample, head) for sample in samples]
    said = [found[head.output][0] for found in outputs]
    if head.classes:
        places = {name: float(number) for number, name in enumerate(head.classes)}
        numbers = [places.get(str(truth), np.nan) for truth in truths]
        answers = [float(np.argmax(one)) for one in said]
    else:
        numbers = [np.nan if truth is None else float(truth) for truth in truths]
        answers = [number_of(head, one) for one in said]
    stacked = np.stack(said).astype(np.float32) if head.classes and said else None
    of_truth = np.array(numbers, np.float64)
    return HeadAnswers(
        head=head,
        truths=of_truth,
        answers=np.array(answers, np.float64),
        known=~np.isnan(of_truth),
        probabilities=stacked,
    )


def _scales(artifact: Artifact) -> dict[str, Scale]:
    """The scale of each number by the head's name, from the decoder's options. Raises :class:`ModelError`."""
    raw = artifact.decoder_options.get("scales", {})
    try:
        scales = {str(name): Scale(mean=float(mean), spread=float(spread)) for name, (mean, spread) in raw.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelError(f"model.json: its scales are no means and spreads ({error}); train again") from error
    if bad := next((name for name, its in scales.items() if not its.spread > 0), None):
        raise ModelError(f"model.json: the spread of {bad} must be above 0; train again")
    return scales


def _shortly(one: HeadAnswers) -> str:
    value = float(one.scored[one.known].mean())
    return f"{value:.3f}" if one.head.classes else f"±{value:.2f} {one.head.unit}".rstrip()


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


EXAM = AttributesExam()
