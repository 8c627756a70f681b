"""How attributes are judged: accuracy of the heads that choose, mean absolute error of those that give a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.errors import FileDataError
from thirtyfold.model.exams.base import Part
from thirtyfold.model.exams.photo import PhotoExam, Sections, judged_outputs
from thirtyfold.model.labelling.attributes import truth_of
from thirtyfold.model.metrics.intervals import bootstrap_figures
from thirtyfold.model.report.card import CardWords
from thirtyfold.model.report.page import Table
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.attribute_heads import Head, heads_of
from thirtyfold.predict.decoders import Outputs
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAnswers:
    """One head over the photos: ``truths`` and ``answers`` (photos,), class indexes or numbers; ``known`` (photos,)."""

    head: Head
    truths: NDArray[np.float64]
    answers: NDArray[np.float64]
    known: NDArray[np.bool_]


class AttributesExam(PhotoExam):
    headline = (("quality", "quality", ".3f"),)
    quality_name = "quality"
    # Numbers are in their own unit: years, not shares.
    tolerance = 0.5

    def quality(self, outputs: Outputs, sample: Sample, artifact: Artifact) -> float | None:
        """The mean over the heads that the photo says something about: right or wrong for a class, and for a number
        1 - error / spread of the train photos, 0 at least.
        """
        scales: Mapping[str, Sequence[float]] = artifact.decoder_options.get("scales", {})
        values = []
        for head in heads_of(artifact.classes):
            truth = truth_of(sample, head)
            output = outputs[head.output][0]
            if isinstance(truth, str):
                values.append(float(head.classes[int(np.argmax(output))] == truth))
            elif truth is not None:
                spread = float(scales.get(head.name, (0.0, 1.0))[1])
                values.append(max(0.0, 1.0 - abs(float(output[0]) - truth) / spread))
        return float(np.mean(values)) if values else None

    def part(
        self,
        predictor: Predictor,
        samples: Sequence[Sample],
        *,
        problems: list[FileDataError],
        progress: Progress = SILENT,
        label: str = "judging",
        threshold: float | None = None,
    ) -> Part | None:
        artifact = predictor.artifact
        kept: list[Sample] = []
        outputs: list[Outputs] = []
        for found, sample in judged_outputs(predictor, samples, problems=problems, progress=progress, label=label):
            kept.append(sample)
            outputs.append(found)
        if not kept:
            return None
        of_heads = [_answers(head, kept, outputs) for head in heads_of(artifact.classes)]
        qualities = [self.quality(found, sample, artifact) for found, sample in zip(outputs, kept, strict=True)]
        quality = np.array([np.nan if value is None else value for value in qualities])
        figures: dict[str, Any] = {
            "photos": len(kept),
            "quality": None if np.isnan(quality).all() else round(float(np.nanmean(quality)), 6),
            "heads": {one.head.name: _figures(one, kept) for one in of_heads},
        }
        return Part(figures=figures, detail=of_heads)

    def sections(self, part: Part, name: str, artifact: Artifact) -> Sections:
        rows = []
        for head, figures in part.figures["heads"].items():
            text = f"accuracy {figures['accuracy']:.3f}" if "accuracy" in figures else f"MAE {figures['mae']:.2f}"
            rows.append((head, text, str(figures["photos"])))
        return Sections(tables=[Table(title=f"Heads: {name}", columns=("head", "figure", "photos"), rows=rows)])

    def card_words(self, artifact: Artifact) -> CardWords:
        return CardWords(
            pipeline_tag="image-classification",
            task_name="Image Classification",
            metrics=(("quality", "quality", "mean quality of the heads"),),
            rows=(("quality", "quality"),),
            does="Guesses attributes of what a picture shows: {classes}. Several heads on the backbone {backbone}, "
            "trained by thirtyfold.",
            use="Guessing these attributes in pictures like those it was trained on.",
            not_for="Not for deciding anything about a person. It sees appearance, not identity.",
        )


def _answers(head: Head, samples: Sequence[Sample], outputs: Sequence[Outputs]) -> HeadAnswers:
    truths = [truth_of(sample, head) for sample in samples]
    known = np.array([truth in head.classes if head.classes else truth is not None for truth in truths])
    said = [found[head.output][0] for found in outputs]
    return HeadAnswers(
        head=head,
        truths=np.array(
            [_number(head, truth) if is_known else np.nan for truth, is_known in zip(truths, known, strict=True)]
        ),
        answers=np.array([float(np.argmax(one)) if head.classes else float(one[0]) for one in said]),
        known=known,
    )


def _number(head: Head, truth: str | float | None) -> float:
    return float(head.classes.index(str(truth))) if head.classes else float(truth or 0.0)


def _figures(one: HeadAnswers, samples: Sequence[Sample]) -> dict[str, Any]:
    if not one.known.any():
        return {"photos": 0}
    truths, answers = one.truths[one.known], one.answers[one.known]
    key = "accuracy" if one.head.classes else "mae"
    values = (answers == truths).astype(np.float64) if one.head.classes else np.abs(answers - truths)
    sessions = [sample.session for sample, known in zip(samples, one.known, strict=True) if known]
    intervals = bootstrap_figures(sessions, lambda weights: {key: weights @ values / weights.sum(axis=1)})
    return {"photos": int(one.known.sum()), key: round(float(values.mean()), 6), "intervals": intervals.to_dict()}


EXAM = AttributesExam()
