"""What a person can choose of the annotating."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateOptions:
    """``labels`` are the only ones labelme lets a person type. ``every_photo`` opens the labelled ones too."""

    labels: tuple[str, ...] = ("face",)
    every_photo: bool = False

    def __post_init__(self) -> None:
        if not self.labels or any(not label.strip() or "\n" in label for label in self.labels):
            raise UsageError("--labels: one or more names were expected, like --labels face,hand")
        if len(set(self.labels)) != len(self.labels):
            # labelme itself answers this with a warning window and then forgets the whole list.
            raise UsageError(f"--labels {','.join(self.labels)}: the same name stands there twice")
