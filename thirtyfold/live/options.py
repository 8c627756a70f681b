"""What a person can choose of the live picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thirtyfold.drawing import Color
from thirtyfold.errors import UsageError
from thirtyfold.live.extras.places import parse_places
from thirtyfold.live.web.options import PageOptions
from thirtyfold.option import option
from thirtyfold.predict.forms import AUTO
from thirtyfold.predict.label_colors import parse_colors
from thirtyfold.predict.segment_options import OPACITY, OPACITY_HELP, check_opacity
from thirtyfold.workspace import DEFAULT_DATASET

VIEWS = ("auto", "window", "web", "none")
BROWSER = "browser"
"""The source that is each viewer's own camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions(PageOptions):
    """``threshold`` is ``None`` for the model's own. ``view`` is ``auto`` for a window where there is a screen, else
    ``web``. ``then`` is a second model as ``open_detector`` takes it, ``colors`` are RGB by label. ``count`` is a CSV
    file with ``zones`` and ``lines``. ``on_detect`` is a program and its arguments.
    """

    source: str = option(
        "0", help="Camera number, video file, folder, stream URL, `demo`, or `browser` (the viewer's own)."
    )
    threshold: float | None = option(None, help="Show from this score. [default: the model's own]")
    form: str = option(AUTO, help="Which of a run's forms: `float`, `int8`, or `auto`, what the training chose.")
    view: str = option("auto", help="`window`, `web` (a page), `none`, or `auto`.")
    save: Path | None = option(None, help="Write the drawn picture into this video file.")
    max_seconds: float | None = option(None, help="Stop after so many seconds.")
    fast: bool = option(False, help="A file as fast as the model goes, every frame.")
    track: bool = option(True, flag="--track/--no-track", help="Steady the boxes and tell objects apart.")
    then: Path | str | None = option(
        None,
        typed=str | None,
        help="A second model that looks at each found object: a run, a dataset's name, or `people`.",
    )
    colors: Mapping[str, Color] = option(
        {},
        parse=parse_colors,
        help="Colours of labels, like with_mask=green,no_mask=#ce222b. [default: by their names]",
    )
    opacity: float = option(OPACITY, help=OPACITY_HELP)
    blur: bool = option(False, help="Make found objects unrecognisable.")
    keep_originals: bool = option(False, help="With --blur: C and --crops save what it covers.")
    crops: Path | None = option(None, help="Cut out each object, once a second, into this folder.")
    crops_limit: int = option(1000, help="At most so many cut-outs.")
    count: Path | None = option(None, help="Count objects, a line a second, into this CSV file.")
    zones: tuple[str, ...] = option(
        (), flag="--zone", many=True, help="Count in here: door=0.1,0.2,0.5,0.9 (shares, or pixels)."
    )
    lines: tuple[str, ...] = option((), flag="--line", many=True, help="Count who crosses: gate=0.5,0,0.5,1.")
    on_detect: str | None = option(None, help="Start this program when something is found.")
    on_detect_every: float = option(10.0, help="At most once in so many seconds.")
    review_dataset: Path = option(DEFAULT_DATASET, flag="--review", help="The dataset that the C key saves frames to.")

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise UsageError(f"--view {self.view}: one of {', '.join(VIEWS)} was expected")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold {self.threshold}: a score between 0 and 1 was expected")
        if self.max_seconds is not None and not self.max_seconds > 0:  # `nan` is refused as well
            raise UsageError(f"--max-seconds {self.max_seconds}: more than 0 was expected")
        check_opacity(self.opacity)
        self._check_extras()
        self._check_web()

    def _check_extras(self) -> None:
        if self.crops_limit < 1:
            raise UsageError(f"--crops-limit {self.crops_limit}: 1 or more was expected")
        if not self.on_detect_every >= 0:
            raise UsageError(f"--on-detect-every {self.on_detect_every}: seconds, 0 or more, were expected")
        if (self.zones or self.lines) and self.count is None:
            raise UsageError("--zone, --line: are counted into a table; give its name, like --count counts.csv")
        parse_places(self.zones, self.lines)
        if self.keep_originals and not self.blur:
            raise UsageError("--keep-originals: is about --blur; leave it out, or add --blur")
        if self.blur and self.crops is not None and not self.keep_originals:
            raise UsageError(
                "--crops: would save as it is what --blur covers; leave one of them out, or add --keep-originals"
            )
        if self.source != BROWSER:
            return
        for wanted, name in (
            (self.fast, "--fast"),
            (self.blur, "--blur"),
            (self.crops, "--crops"),
            (self.count, "--count"),
            (self.on_detect, "--on-detect"),
        ):
            if wanted:
                raise UsageError(f"{name}: is not for the viewers' own cameras (`--source {BROWSER}`); leave it out")

    def _check_web(self) -> None:
        PageOptions.__post_init__(self)  # super() fails in slotted dataclasses before 3.14
        if self.source != BROWSER:
            return
        if self.view not in ("auto", "web"):
            raise UsageError(f"--view {self.view}: the source `{BROWSER}` is shown in the browser; leave --view out")
        if self.save is not None:
            raise UsageError(f"--save {self.save}: the source `{BROWSER}` is recorded in the page; leave --save out")
