"""What `enroll`, `people` and `forget` have to say: for people, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thirtyfold.errors import DataError
from thirtyfold.predict.gallery import Gallery
from thirtyfold.predict.gallery_facts import Alike, Person
from thirtyfold.predict.recognizer_threshold import Decision, as_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollResult:
    """``enrolled`` are photo names, ``refused`` others and why. ``decision`` is what the gallery decides by now."""

    name: str
    folder: Path
    enrolled: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    photos_in_all: int
    alike: Alike | None
    decision: Decision | None
    kept_photos: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "folder": str(self.folder),
            "enrolled": list(self.enrolled),
            "refused": [{"photo": photo, "reason": reason} for photo, reason in self.refused],
            "photos_in_all": self.photos_in_all,
            "kept_photos": self.kept_photos,
            "alike": None if self.alike is None else self.alike.to_dict(),
            "decision": None if self.decision is None else dict(as_mapping(self.decision)),
        }

    def facts(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "enrolled": f"{len(self.enrolled)} faces, {self.photos_in_all} in all",
            "photos": f"{self.kept_photos} copied into the gallery" if self.kept_photos else "not kept, only numbers",
        }
        if self.alike is not None:
            facts.update(self.alike.facts())
        facts["threshold"] = describe_decision(self.decision)
        return facts

    def raise_if_incomplete(self) -> None:
        if self.refused:
            photo, reason = self.refused[0]
            more = f" (and {len(self.refused) - 1} others)" if len(self.refused) > 1 else ""
            raise DataError(f"{len(self.refused)} photos were left out, first {photo}: {reason}{more}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetResult:
    """What was removed, or with ``dry_run`` would be."""

    name: str
    folder: Path
    faces: int
    photos: int
    people_left: int
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "folder": str(self.folder),
            "faces_removed": self.faces,
            "photos_removed": self.photos,
            "people_left": self.people_left,
            "dry_run": self.dry_run,
        }

    def sentence(self) -> str:
        done, left = "were removed", f"{self.people_left} people are left"
        if self.dry_run:
            done, left = "would be removed", f"{self.people_left} people would be left; nothing was changed"
        elif not self.people_left:
            left = "nobody is left, and the gallery's files are gone"
        return (
            f"{self.name}: {self.faces} embeddings and {self.photos} kept photos {done} from {self.folder}; {left}. "
            "Photos elsewhere, models trained with them and backups of this folder are not touched."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Everybody in a gallery."""

    folder: Path
    gallery: Gallery
    people: tuple[Person, ...]

    def to_dict(self) -> dict[str, Any]:
        decision = self.gallery.decision
        return {
            "folder": str(self.folder),
            "embedder": {"source": self.gallery.maker.source, "sha256": self.gallery.maker.sha256},
            "far": self.gallery.far,
            "decision": None if decision is None else dict(as_mapping(decision)),
            "people": [person.to_dict() for person in self.people],
        }

    def remarks(self) -> list[str]:
        maker = self.gallery.maker
        lines = [
            f"Measured by {maker.source} ({maker.sha256[:12]}).",
            f"Threshold: {describe_decision(self.gallery.decision)}.",
        ]
        if self.gallery.decision is not None:
            lines.append(f"Recognize them with `thirtyfold live --model yunet --then {self.folder}`.")
        return lines


def describe_decision(decision: Decision | None) -> str:
    if decision is None:
        return "none yet: too few people to know how alike strangers are; enrol another one, or give --threshold"
    return f"cosine {decision.threshold:.3f}, {decision.how}"
