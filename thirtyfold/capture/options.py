"""What a person can choose of a capture."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.errors import UsageError
from thirtyfold.option import option

VIEWS = ("window", "web")
BROWSER = "browser"
"""The source that is the camera of who opens the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """``every`` is in seconds; from a folder every picture is taken, whatever it says. ``shots`` is ``auto`` for guided
    shots in front of a camera and none from files, ``empty`` for true negatives only. ``preview`` is ``None`` for a
    window in front of a camera, where there is a screen. The source ``browser`` has a page, whatever ``view`` says.
    """

    count: int = option(100, flag="--n", help="How many photos to take.")
    source: str = option(
        "0",
        help="Camera number, video file, folder of pictures, stream URL, `demo`, or `browser` "
        "(the camera of who opens the page).",
    )
    every: float = option(1.0, help="Seconds between photos, by the video's own clock for files.")
    session: str | None = option(None, help="Name of this visit to the camera. [default: made up]")
    shots: str = option(
        "auto", help="Guided shots: `auto`, `faces`, `none`, `empty`, or a file with an instruction a line."
    )
    preview: bool | None = option(
        None, flag="--preview/--no-preview", help="Show a window. [default: where there is a screen]"
    )
    keep_all: bool = option(False, help="Keep blurred, black and near-identical frames.")
    view: str = option("window", help="`window`, or `web`: a page in any browser, also where there is no screen.")

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"--n {self.count}: at least one photo has to be taken")
        if self.view not in VIEWS:
            raise UsageError(f"--view {self.view}: one of {', '.join(VIEWS)} was expected")
        if self.in_browser and self.preview is not None:
            raise UsageError("--preview, --no-preview: are about the window; leave them out for the browser")
        if not 0 <= self.every <= 3600:
            raise UsageError(f"--every {self.every}: seconds between 0 and 3600 were expected")

    @property
    def in_browser(self) -> bool:
        return self.view == "web" or self.source == BROWSER
