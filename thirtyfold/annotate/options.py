"""What a person can choose of the annotating."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.annotate.ticks import NOTHING_HERE, RIGHT_AS_IS
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
    ``view`` is ``labelme``, or ``web`` for a page in the browser. ``flags`` are the classes of whole photos that
    labelme offers to tick; with them a photo counts as labelled when one is ticked. ``polygons``: outlines are to be
    drawn, not boxes; ``None``: whatever most shapes of the dataset are.
    """

    labels: tuple[str, ...] = ("face",)
    every_photo: bool = False
    prelabel: str | None = None
    review: bool = False
    model: str = "latest"
    open_labelme: bool = True
    view: str = "labelme"
    flags: tuple[str, ...] = ()
    polygons: bool | None = None

    def __post_init__(self) -> None:
        if not self.labels or any(not label.strip() or "\n" in label for label in self.labels):
            raise UsageError("--labels: one or more names were expected, like --labels face,hand")
        if len(set(self.labels)) != len(self.labels):
            # labelme itself answers this with a warning window and then forgets the whole list.
            raise UsageError(f"--labels {','.join(self.labels)}: the same name stands there twice")
        if any(not flag.strip() or "\n" in flag for flag in self.flags) or len(set(self.flags)) != len(self.flags):
            raise UsageError(f"--flags {','.join(self.flags)}: different names were expected, like --flags cat,dog")
        if taken := sorted({*self.flags} & {NOTHING_HERE, RIGHT_AS_IS}):
            raise UsageError(f"--flags {taken[0]}: has a meaning of its own; choose another name")
        if self.flags and self.view == "web":
            raise UsageError("--flags: are ticked in labelme; the page in the browser has none. Leave out --view web")
        if self.view not in VIEWS:
            raise UsageError(f"--view {self.view}: one of {', '.join(VIEWS)} was expected")
        if self.every_photo and self.review:
            raise UsageError("--all --review: one of them; --review chooses the photos itself")
