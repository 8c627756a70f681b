"""How an embedding is judged: by whom it takes for whom. Everything is about pairs and groups of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thirtyfold.datasets.whole_photo import class_of, plain_tags
from thirtyfold.model.exams.base import Part
from thirtyfold.model.exams.photo import Judging, PhotoExam, Sections, judged_outputs, look_at
from thirtyfold.model.judge import raw_outputs
from thirtyfold.model.labelling.people import ENOUGH_NEW_PEOPLE
from thirtyfold.model.metrics.recognition import (
    HALVES,
    identification,
    nearest_is_own,
    pairs_of,
    rates_by_person,
    recognition_figures,
    roc_of,
    verification,
)
from thirtyfold.model.report.card import CardWords
from thirtyfold.model.report.page import Plot, Table, bigs_of
from thirtyfold.model.report.plots import roc_png, similarities_png
from thirtyfold.model.spread import Look
from thirtyfold.model.validation import Score
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.decoders import EMBEDDING, Outputs
from thirtyfold.predict.recognizer_threshold import DEFAULT_FAR, ENOUGH_STRANGERS, Evidence, decide, evidence_of
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Where there are no validation photos to choose one on.
_USUAL_THRESHOLD = 0.5
NEW, KNOWN = "validation people it was not trained on", "validation photos of people it was trained on"
_LISTED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """``vectors`` (photos, D) of length 1, and who they are."""

    vectors: NDArray[np.float32]
    names: tuple[str, ...]
    threshold: float


class RecognizeExam(PhotoExam):
    headline = (
        ("auc", "AUC", ".3f"),
        ("eer", "EER", ".3f"),
        ("tar_at_far_1", "TAR at FAR 1 %", ".3f"),
        ("tar_at_far_01", "TAR at FAR 0.1 %", ".3f"),
        ("rank1", "rank 1", ".3f"),
        ("named", "named", ".3f"),
        ("rejected", "unknown", ".3f"),
    )
    quality_name = "nearest is own"
    too_few = "recognition is judged by photos of two people at least, and fewer can be read"

    def quality(self, outputs: Outputs, sample: Sample, artifact: Artifact, *, threshold: float = 0.0) -> float | None:
        """Nothing: one face alone is nobody."""
        return None

    def validate(
        self, model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], artifact: Artifact, *, batch: int
    ) -> Score:
        """The area under the ROC of all pairs; with fewer photos than make both kinds of pairs, 0."""
        rows = [
            (outputs[EMBEDDING][0], name)
            for outputs, sample in raw_outputs(model, arrays, samples, batch=batch)
            if (name := person_of(sample)) is not None
        ]
        value = 0.0
        if len(rows) > 1:
            pairs = pairs_of(np.stack([vector for vector, _ in rows]), [name for _, name in rows])
            if pairs.same.any() and not pairs.same.all():
                people = len({name for _, name in rows})
                value = float(verification(pairs, np.ones((1, people)))["auc"][0])
        return Score(value=value, row={"val_auc": value}, text=f"validation AUC {value:.3f}")

    def part(self, predictor: Predictor, samples: Sequence[Sample], judging: Judging) -> Part | None:
        vectors, names, _ = _faces_of(predictor, samples, judging)
        if len(set(names)) < 2:
            return None
        trained = set(predictor.artifact.classes)
        new = [index for index, name in enumerate(names) if name not in trained]
        enough = len({names[index] for index in new}) >= ENOUGH_NEW_PEOPLE
        shown = new if enough else list(range(len(names)))
        whose = NEW if enough else KNOWN
        evidence = evidence_of(vectors[shown], [names[index] for index in shown])
        threshold = _threshold(evidence, whose) if judging.threshold is None else judging.threshold
        figures, intervals = recognition_figures(vectors, names, threshold)
        people = set(names)
        return Part(
            figures={
                "photos": len(names),
                "people": len(people),
                "people_not_trained_on": len(people - trained),
                "threshold": round(threshold, 6),
                **figures,
                "intervals": intervals.to_dict(),
                "similarities": {**evidence.to_dict(), "whose": whose},
            },
            detail=Faces(vectors=vectors, names=names, threshold=threshold),
        )

    def threshold(self, val: Part | None) -> float:
        """The cosine of the validation photos; a run's ``score_threshold`` cannot be below 0."""
        return _USUAL_THRESHOLD if val is None else min(max(float(val.figures["threshold"]), 0.0), 1.0)

    def looks(
        self, predictor: Predictor, samples: Sequence[Sample], *, progress: Progress = SILENT, label: str = "judging"
    ) -> tuple[Look, ...]:
        """For each photo whether, with all the others enrolled, its own person is the nearest."""
        vectors, names, kept = _faces_of(predictor, samples, Judging(progress=progress, label=label))
        scores = nearest_is_own(vectors, names) if names else np.zeros(0)
        return tuple(
            look_at(sample, float(score)) for sample, score in zip(kept, scores, strict=True) if not np.isnan(score)
        )

    def lead(self, artifact: Artifact) -> str:
        options = artifact.training["options"]
        return (
            f"{options['backbone']}, {artifact.size} px, an embedding trained on {len(artifact.classes)} people, whose "
            f"faces were found by {options.get('faces', 'yunet')}."
        )

    def sections(self, part: Part, name: str, artifact: Artifact) -> Sections:
        faces: Faces = part.detail
        figures = part.figures
        pairs = pairs_of(faces.vectors, faces.names)
        evidence = evidence_of(faces.vectors, faces.names)
        trials = identification(faces.vectors, faces.names, lambda enrolled, whose: faces.threshold)
        rates = list(rates_by_person(trials, faces.names).items())
        rest = f" The {_LISTED} worst of {len(rates)} are listed." if len(rates) > _LISTED else ""
        trained = figures["people"] - figures["people_not_trained_on"]
        return Sections(
            bigs=bigs_of(
                figures,
                (
                    ("auc", "AUC of pairs", ".3f"),
                    ("tar_at_far_1", "TAR at FAR 1 %", ".3f"),
                    ("rank1", "rank 1", ".3f"),
                    ("rejected", "strangers unknown", ".3f"),
                ),
            ),
            tables=[
                Table(
                    title=f"Who is recognized: {name}",
                    columns=("person", "rank 1", "named at the threshold"),
                    rows=[(person, f"{rank1:.2f}", f"{named:.2f}") for person, (rank1, named) in rates[:_LISTED]],
                    note=f"Half of everybody's photos enrolled, the other half asked, in {HALVES} random halves. "
                    "Rank 1: the nearest person is the right one. Named: at the threshold, cosine "
                    f"{faces.threshold:.3f}, with a fifth of the people left out. Those are strangers; the share of "
                    "their photos that got no name is called unknown. TAR is the share of pairs of one person that is "
                    f"accepted where 1 % (0.1 %) of the pairs of two people are.{rest} {trained} of "
                    f"{figures['people']} people were trained on.",
                )
            ],
            plots=[
                Plot(
                    name="roc",
                    title="Are two photos one person?",
                    caption=f"{name}: {int(pairs.same.sum()):,} pairs of one person, {int((~pairs.same).sum()):,} of "
                    "two. Dotted: false-accept rates of 1 % and 0.1 %.",
                    png=roc_png(roc_of(pairs)),
                ),
                Plot(
                    name="similarities",
                    title="How alike",
                    caption="Cosine of a face with its own person (without that face) and with others. The line is "
                    "the threshold.",
                    png=similarities_png(evidence.same, evidence.different, faces.threshold),
                ),
            ],
        )

    def card_words(self, artifact: Artifact) -> CardWords:
        return CardWords(
            pipeline_tag="image-feature-extraction",
            task_name="Face Recognition",
            metrics=(
                ("auc", "auc", "AUC over pairs of photos"),
                ("tar_at_far_1", "tar@far=0.01", "true-accept rate at a false-accept rate of 1 %"),
                ("tar_at_far_01", "tar@far=0.001", "true-accept rate at a false-accept rate of 0.1 %"),
                ("eer", "eer", "equal error rate"),
                ("rank1", "rank-1", "leave-half-out identification, rank 1"),
            ),
            rows=(
                ("AUC of pairs", "auc"), ("same person accepted at FAR 1 %", "tar_at_far_1"),
                ("at FAR 0.1 %", "tar_at_far_01"), ("equal error rate", "eer"),
                ("right of all enrolled", "rank1"), ("named at the threshold", "named"),
                ("strangers unknown", "rejected"),
            ),
            does="Turns a face, cut out with a quarter of its sides around it, into a vector of length 1 whose "
            "direction says who it is; backbone {backbone}, additive angular margin (ArcFace), trained by thirtyfold "
            "on photos of {classes}.",
            use="Telling apart a handful of people who know about it and have agreed, on a machine of their own: who "
            "sits at the desk, whose photo this is. `thirtyfold enroll` makes the list, `thirtyfold forget` takes "
            "somebody out of it.",
            not_for="Not for finding or following people who have not agreed, not for watching a public place, a shop, "
            "a school or a workplace, not for opening doors or accounts, not for saying that a stranger is a suspect: "
            "a photo held to the camera passes, relatives are mixed up, and faces unlike those of its few training "
            "people are mixed up more often. In many countries the law forbids it without consent; in the European "
            "Union such vectors are biometric data (GDPR, article 9).",
            limits=(
                "The people it was trained on are named in `model.json`; it was made from their photos, so give it "
                "away only if they agreed to that, too.",
                "A rate of false names is about strangers like the validation people, and for one look; a video is "
                "thousands of looks.",
            ),
        )  # fmt: skip


def person_of(sample: Sample) -> str | None:
    """Who is in a photo. Raises :class:`LabelError` if two people are ticked."""
    return class_of(sample, plain_tags(sample.tags))


def _faces_of(
    predictor: Predictor, samples: Sequence[Sample], judging: Judging
) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[Sample, ...]]:
    """The vectors (photos, D) of the photos that name a person, whose they are, and the photos."""
    named = [sample for sample in samples if person_of(sample) is not None]
    rows, kept = [], []
    for outputs, sample in judged_outputs(predictor, named, judging):
        rows.append(outputs[EMBEDDING][0].astype(np.float32))
        kept.append(sample)
    vectors = np.stack(rows) if rows else np.zeros((0, 1), np.float32)
    return vectors, tuple(str(person_of(sample)) for sample in kept), tuple(kept)


def _threshold(evidence: Evidence, whose: str) -> float:
    """As a gallery of these people would have it."""
    if len(evidence.different) < ENOUGH_STRANGERS:
        return _USUAL_THRESHOLD
    return decide(evidence, far=DEFAULT_FAR, people=evidence.people, by="run", of_what=f"by {whose}").threshold


EXAM = RecognizeExam()
