"""What a person can choose of a capture."""

from __future__ import annotations

from dataclasses import dataclass

from thirtyfold.errors import UsageError

VIEWS = ("window", "web")
BROWSER = "browser"
"""The source that is the camera of who opens the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """``source`` is a camera number, a video file, a folder of pictures, a stream URL or ``demo``.

    ``count`` photos are taken, one every ``every`` seconds (of the video's own clock for
    files; photo by photo for folders). ``session`` is the name of this visit (made up when
    ``None``). ``shots`` is ``auto`` (guided for cameras, unguided for files), ``faces``, ``none``,
    ``empty`` (true negatives only), or a text file with one instruction a line. ``preview`` is
    ``None`` for "before a camera, where there is a screen". ``keep_all`` keeps blurred, black and
    near-identical frames too. ``view`` is ``window``, or ``web`` for a page in the browser, which the source
    ``browser`` always has.
    """

    source: str = "0"
    count: int = 100
    every: float = 1.0
    session: str | None = None
    shots: str = "auto"
    preview: bool | None = None
    keep_all: bool = False
    view: str = "window"

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
