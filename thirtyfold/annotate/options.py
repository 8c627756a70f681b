"""What a person can choose of the annotating."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.annotate.ticks import NOTHING_HERE, RIGHT_AS_IS
from thirtyfold.errors import UsageError
from thirtyfold.option import option

# As `--prelabel`: takes the boxes away again that nobody has looked at.
NO_PRELABELS = "none"
VIEWS = ("labelme", "web")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateOptions:
    """With ``flags`` a photo counts as labelled when one of them is ticked. ``polygons`` is ``None`` for whatever most
    shapes of the dataset are. A ``review`` opens machine-made and suspicious labels; those that ``model`` agrees with
    least come first.
    """

    labels: tuple[str, ...] = option(("face",), help="The labels that may be given, separated by commas.")
    flags: tuple[str, ...] = option(
        (), help="Classes of whole photos to tick in labelme, separated by commas: cat,dog."
    )
    polygons: bool | None = option(
        None, flag="--polygons/--boxes", help="Draw outlines, or boxes. [default: as the dataset's shapes are]"
    )
    every_photo: bool = option(False, flag="--all", help="Open the photos that have labels, too.")
    prelabel: str | None = option(
        None,
        help="Draw boxes on unlabelled photos first: `haar`, `yunet`, or a run. `none` takes those away again "
        "that nobody has looked at.",
    )
    review: bool = option(False, help="Open the labels of models and the doubtful ones, the worst first.")
    model: str = option("latest", flag="--model -m", help="Who doubts in a review: a run, `latest`, `haar` or `yunet`.")
    open_labelme: bool = option(True, flag="--status", help="Do not open labelme; only say how things stand.")
    view: str = option("labelme", help="`labelme`, or `web`: a page in any browser, a phone's too.")

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
