"""What a person can choose of the live picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from thirtyfold.drawing import Color
from thirtyfold.errors import UsageError
from thirtyfold.live.extras.places import parse_places
from thirtyfold.live.web.options import check_address
from thirtyfold.predict.forms import AUTO
from thirtyfold.predict.segment_options import OPACITY, check_opacity

VIEWS = ("auto", "window", "web", "none")
BROWSER = "browser"
"""The source that is each viewer's own camera."""
DEFAULT_PORT = 8765


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """``source`` as for capture. ``threshold`` is ``None`` for the model's own, ``form`` is which of a run's
    forms runs (``predict/forms.py``).

    ``view`` is ``window``, ``web``, ``none``, or ``auto``: a window where there is a screen, else
    ``web``. ``save`` is a video file to write the drawn picture to; ``review_dataset`` is the
    dataset folder that the C key saves frames to.

    ``fast`` reads a file as fast as the model goes, every frame. ``track``: boxes are steadied and objects have
    identities. ``then`` is a second model (as ``open_detector`` takes it) for each object found, ``colors`` are RGB
    by label where the usual ones are not wanted, ``opacity`` is that of filled outlines. ``blur`` makes objects
    unrecognisable on every picture that leaves the program; ``keep_originals`` allows the C key and ``crops``
    nevertheless. ``crops`` is a folder for cut-outs, ``count`` a CSV file, with ``zones`` and ``lines`` like
    ``door=0.1,0.2,0.5,0.9``. ``on_detect`` is a program and its arguments, started every ``on_detect_every`` seconds
    at most.

    For ``web``: the address to listen at (``port`` is ``None`` for 8765 or, if that is taken, any
    free one), other names that this machine is reached by, and the certificate and its key for https.
    """

    source: str = "0"
    threshold: float | None = None
    form: str = AUTO
    view: str = "auto"
    save: Path | None = None
    max_seconds: float | None = None
    review_dataset: Path = Path("datasets/faces")
    fast: bool = False
    track: bool = True
    then: Path | str | None = None
    colors: Mapping[str, Color] = field(default_factory=dict, hash=False)
    opacity: float = OPACITY
    blur: bool = False
    keep_originals: bool = False
    crops: Path | None = None
    crops_limit: int = 1000
    count: Path | None = None
    zones: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    on_detect: str | None = None
    on_detect_every: float = 10.0
    host: str = "127.0.0.1"
    port: int | None = None
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise UsageError(f"--view {self.view}: one of {', '.join(VIEWS)} was expected")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError(f"--threshold {self.threshold}: a score between 0 and 1 was expected")
        if self.max_seconds is not None and self.max_seconds <= 0:
            raise UsageError(f"--max-seconds {self.max_seconds}: more than 0 was expected")
        check_opacity(self.opacity)
        self._check_extras()
        self._check_web()

    def _check_extras(self) -> None:
        if self.crops_limit < 1:
            raise UsageError(f"--crops-limit {self.crops_limit}: 1 or more was expected")
        if self.on_detect_every < 0:
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
        check_address(self)
        if self.source != BROWSER:
            return
        if self.view not in ("auto", "web"):
            raise UsageError(f"--view {self.view}: the source `{BROWSER}` is shown in the browser; leave --view out")
        if self.save is not None:
            raise UsageError(f"--save {self.save}: the source `{BROWSER}` is recorded in the page; leave --save out")
