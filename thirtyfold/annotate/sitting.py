"""What `thirtyfold annotate` does, from the boxes drawn beforehand to the count afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold.annotate.labelme_app import annotate
from thirtyfold.annotate.labelme_program import Labelme
from thirtyfold.annotate.options import NO_PRELABELS, AnnotateOptions
from thirtyfold.annotate.pace import Pace, counted
from thirtyfold.annotate.prelabel import Prelabelled, drop_prelabels, prelabel
from thirtyfold.annotate.progress import LabellingProgress, labelling_progress
from thirtyfold.annotate.review import Suspect, find_suspects
from thirtyfold.annotate.to_open import annotating
from thirtyfold.errors import NothingToDo
from thirtyfold.predict.detectors import find_model, open_detector
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import DEFAULT_RUNS, Dataset

_NAMED = 5  # how many photos of a review are named with their reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """How the labels stand after it, and what was done; ``None`` for what was not asked for."""

    status: LabellingProgress
    prelabelled: Prelabelled | None = None
    dropped: int | None = None
    review: tuple[Suspect, ...] | None = None
    pace: Pace | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.status.to_dict(),
            "prelabelled": None if self.prelabelled is None else self.prelabelled.to_dict(),
            "prelabels_dropped": self.dropped,
            "review": None if self.review is None else [suspect.to_dict() for suspect in self.review],
            "sitting": None if self.pace is None else self.pace.to_dict(),
        }

    def facts(self) -> dict[str, object]:
        """Names and values for a person."""
        facts = self.status.facts()
        if self.pace is not None and self.pace.photos:
            facts["this sitting"] = str(self.pace)
        return facts

    def raise_if_wrong(self) -> None:
        self.status.raise_if_wrong()


def sit_down(
    dataset: Dataset,
    options: AnnotateOptions,
    *,
    runs_dir: Path = DEFAULT_RUNS,
    progress: Progress = SILENT,
    labelme: Labelme | None = None,
    clock: Callable[[], float] = time.monotonic,
    instead_of_labelme: Callable[[Sequence[Suspect] | None], Pace] | None = None,
) -> Sitting:
    """Draw boxes beforehand or choose what to review, if that is asked for; open labelme; count.

    ``instead_of_labelme`` is opened in its place, and given the photos of a review.
    Raises as :func:`thirtyfold.annotate.labelme_app.annotate`, :func:`prelabel` and
    :func:`thirtyfold.predict.detectors.open_detector` do, and :class:`NothingToDo` where a review finds nothing.
    """
    prelabelled, dropped = None, None
    if options.prelabel == NO_PRELABELS:
        dropped = drop_prelabels(dataset, progress=progress)
    elif options.prelabel is not None:
        model = find_model(options.prelabel, runs_dir)
        detector = open_detector(model, progress=progress)
        prelabelled = prelabel(dataset, detector, predicted_by=str(model), labels=options.labels, progress=progress)
        progress.say(f"{prelabelled}.")
    suspects = _suspects(dataset, options, runs_dir, progress) if options.review else None
    pace = None
    if options.open_labelme:
        if instead_of_labelme is None:
            pace = annotate(dataset, options, progress=progress, labelme=labelme, clock=clock, suspects=suspects)
        else:
            pace = instead_of_labelme(suspects)
        if pace.photos:
            progress.say(f"{pace}.")
    return Sitting(
        status=labelling_progress(dataset, options.labels, options.flags),
        prelabelled=prelabelled,
        dropped=dropped,
        review=None if suspects is None else tuple(suspects),
        pace=pace,
    )


def _suspects(dataset: Dataset, options: AnnotateOptions, runs_dir: Path, progress: Progress) -> Sequence[Suspect]:
    """What to review, said beforehand. Raises :class:`NothingToDo` if it is nothing."""
    with annotating(dataset, progress):
        pass  # a session that was cut off may have brought labels for some of them
    model = find_model(options.model, runs_dir)
    detector = open_detector(model, progress=progress)
    suspects = find_suspects(dataset, detector, labels=options.labels, progress=progress)
    if not suspects:
        raise NothingToDo(f"{dataset.root}: nothing to review, {model} agrees with every label")
    differing = sum(bool(suspect.why) for suspect in suspects)
    machine_made = sum(suspect.machine_made for suspect in suspects)
    progress.say(
        f"{counted(len(suspects), 'photo')} to review: {differing} where labels and {model} disagree, "
        f"{machine_made} with boxes that a model drew. The first ones:"
    )
    for suspect in suspects[:_NAMED]:
        progress.say(f"  {suspect.image_path.name}: {suspect.reason}")
    return suspects
