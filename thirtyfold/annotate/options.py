"""What a person can choose of the annotating."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.errors import UsageError

# As `--prelabel`: takes the boxes away again that nobody has looked at.
NO_PRELABELS = "none"
VIEWS = ("labelme", "web")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateOptions:
    """``labels`` are the only ones labelme lets a person type. ``every_photo`` opens the labelled ones too.

    ``prelabel`` is who draws boxes before labelme opens (``haar``, ``yunet``, a run), or ``none`` to
    take such boxes away. ``review`` opens machine-made and suspicious labels, those that ``model``
    agrees with least first. ``open_labelme`` is false where only the rest is to be done, and reported.
    ``view`` is ``labelme``, or ``web`` for a page in the browser.
    """

    labels: tuple[str, ...] = ("face",)
    every_photo: bool = False
    prelabel: str | None = None
    review: bool = False
    model: str = "latest"
    open_labelme: bool = True
    view: str = "labelme"

    def __post_init__(self) -> None:
        if not self.labels or any(not label.strip() or "\n" in label for label in self.labels):
            raise UsageError("--labels: one or more names were expected, like --labels face,hand")
        if len(set(self.labels)) != len(self.labels):
            # labelme itself answers this with a warning window and then forgets the whole list.
            raise UsageError(f"--labels {','.join(self.labels)}: the same name stands there twice")
        if self.view not in VIEWS:
            raise UsageError(f"--view {self.view}: one of {', '.join(VIEWS)} was expected")
        if self.every_photo and self.review:
            raise UsageError("--all --review: one of them; --review chooses the photos itself")
