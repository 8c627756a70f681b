"""What came of a capture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thirtyfold.capture.records import DISCARDED
from thirtyfold.errors import CameraError, left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureResult:
    """What a capture brought. ``refused`` counts frames by reason, ``problems`` are pictures of a
    folder that can't be read, ``adopted`` photos that a power cut had left without their line.
    ``ended`` is ``done``, ``stopped`` (by the person), ``source ended`` or ``camera died``.
    """

    dataset: Path
    session: str
    images: tuple[str, ...]
    wanted: int
    frames_read: int
    ended: str
    discarded: int = 0
    empty: int = 0
    labelled: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "dataset": str(self.dataset),
            "session": self.session,
            "taken": len(self.images),
            "wanted": self.wanted,
            "images": list(self.images),
            "frames_read": self.frames_read,
            "ended": self.ended,
            "discarded": self.discarded,
            "empty": self.empty,
            "labelled": self.labelled,
            "refused": dict(self.refused),
            "problems": list(self.problems),
            "adopted": list(self.adopted),
            "error": self.error,
        }

    def facts(self) -> dict[str, object]:
        """For a person: only what happened."""
        facts: dict[str, object] = {
            "photos": f"{len(self.images)} of {self.wanted}",
            "session": self.session,
            "frames read": self.frames_read,
        }
        if self.refused:
            facts["frames refused"] = ", ".join(f"{count} {reason}" for reason, count in self.refused.items())
        if self.empty:
            facts["verified empty"] = self.empty
        if self.labelled:
            facts["labelled by the source"] = self.labelled
        if self.discarded:
            facts["taken back"] = f"{self.discarded} (in {DISCARDED}/)"
        if self.adopted:
            facts["found again"] = f"{len(self.adopted)} photos of an interrupted session"
        if self.problems:
            facts["pictures left out"] = f"{len(self.problems)}, first {self.problems[0]}"
        facts["ended"] = self.ended
        return facts

    def raise_if_cut_short(self) -> None:
        """Raises :class:`CameraError` if the camera died, :class:`DataError` if pictures could not be read."""
        if self.error is not None:
            saved = f"{len(self.images)} of {self.wanted} photos are saved in {self.dataset}"
            raise CameraError(f"{self.error} ({saved})")
        if self.problems:
            raise left_out(self.problems)
