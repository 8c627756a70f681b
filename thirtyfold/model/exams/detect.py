"""How a detector is judged: by boxes against boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.model.evaluation import evaluate_predictor
from thirtyfold.model.exams.base import Exam, Examined, Part
from thirtyfold.model.export import agreement
from thirtyfold.model.judge import judge_arrays, judge_photos
from thirtyfold.model.metrics.detection import NO_SESSION, tally
from thirtyfold.model.report.card import CardWords
from thirtyfold.model.spread import Look
from thirtyfold.model.validation import Score, score_of
from thirtyfold.predict.artifact import Artifact
from thirtyfold.predict.runtime import Predictor
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thirtyfold.model.export.agreement import Comparison, Runner


class DetectExam(Exam):
    """Boxes have calibrated scores, precision, recall and a report of their own: ``evaluation.py`` and ``metrics/``."""

    headline = (("mean_iou", "mean IoU", ".3f"), ("found", "found", ".1%"))
    quality_name = "IoU"
    quality_note = "a missed object counts as 0"
    beside = ("ap50", "AP50", ".3f")
    answer = "boxes"

    def validate(
        self, model: Any, arrays: Sequence[NDArray[Any]], samples: Sequence[Sample], artifact: Artifact, *, batch: int
    ) -> Score:
        judged = judge_arrays(model, arrays, samples, artifact, batch=batch)
        return score_of(judged, many=artifact.decoder_options.get("boxes") == "many")

    def compare_forms(
        self, runners: Mapping[str, Runner], artifact: Artifact, samples: Sequence[Sample], *, progress: Progress
    ) -> Comparison:
        return agreement.compare(runners, artifact, samples, progress=progress)

    def examine(
        self, predictor: Predictor, val: Sequence[Sample], test: Sequence[Sample], *, progress: Progress
    ) -> Examined:
        evaluation = evaluate_predictor(predictor, val, test, progress=progress)
        return Examined(
            threshold=evaluation.threshold,
            calibration=evaluation.fitted.to_dict(),
            parts={name: Part(figures=part.figures, detail=part) for name, part in evaluation.parts.items()},
            notes=evaluation.notes,
            problems=evaluation.problems,
            detail=evaluation,
        )

    def report(
        self, run_dir: Path, artifact: Artifact, examined: Examined, rows: Sequence[Mapping[str, float]]
    ) -> None:
        from thirtyfold.model.report.training import detail_part, training_page
        from thirtyfold.model.report.write import write_report

        evaluation = examined.detail
        page = training_page(run_dir, artifact, evaluation)
        write_report(run_dir, page, detail=evaluation.parts.get(detail_part(evaluation)), rows=rows)

    def looks(
        self, predictor: Predictor, samples: Sequence[Sample], *, progress: Progress = SILENT, label: str = "judging"
    ) -> tuple[Look, ...]:
        judged = judge_photos(predictor, samples, progress=progress, label=label)
        counts = [(item.sample, tally(item, predictor.threshold)) for item in judged]
        return tuple(
            Look(
                photo=sample.image_path.name,
                session=sample.session or NO_SESSION,
                objects=count.objects,
                score=round(count.iou, 6),
            )
            for sample, count in counts
        )

    def facts(self, figures: Mapping[str, Any]) -> dict[str, str]:
        return {
            "mean IoU": f"{figures['mean_iou']:.3f} over {figures['objects']} objects",
            "found": f"{figures['found']:.1%} at IoU 0.5 or more",
        }

    def card_words(self, artifact: Artifact) -> CardWords:
        return CardWords(
            pipeline_tag="object-detection",
            task_name="Object Detection",
            metrics=(
                ("ap", "mAP@[.5:.95]", "AP, IoU 0.50 to 0.95"),
                ("ap50", "AP@50", "AP at IoU 0.5"),
                ("mean_iou", "mean_iou", "mean IoU, a missed object counts as 0"),
                ("f1", "f1", "F1 at the model's threshold"),
            ),
            rows=(
                ("mean IoU", "mean_iou"), ("found at IoU 0.5", "found"), ("precision", "precision"), ("F1", "f1"),
                ("AP50", "ap50"), ("AP75", "ap75"), ("AP 0.5 to 0.95", "ap"),
                ("false boxes a photo", "false_positives_per_photo"),
            ),
            does="Finds {classes} in pictures: a two-head detector ({heads} heads, class and box) on the backbone "
            "{backbone}, trained by thirtyfold.",
            use="Finding these objects in pictures like those it was trained on: the same cameras, rooms and kinds of "
            "scene. It was made from few photos; outside of what they show, what it says is a guess.",
            not_for="Not for watching, identifying or judging people who have not agreed to it, and for nothing where "
            "a missed or invented object does harm.",
            of_boxes=True,
        )  # fmt: skip


EXAM = DetectExam()
