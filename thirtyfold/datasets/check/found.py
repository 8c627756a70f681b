"""What was read of one photo: its file's facts and its labels' facts together."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.datasets.check.labels import LabelFacts
from thirtyfold.datasets.check.photo import PhotoFacts
from thirtyfold.sample import Annotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``labels`` is ``None`` for a photo without a label file."""

    photo: PhotoFacts
    labels: LabelFacts | None

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The shapes that can be read."""
        if self.labels is None or self.labels.label_file is None:
            return ()
        return self.labels.label_file.annotations
