"""Which photos belong together: told by the capture log, by the file names, or by their looks."""

from __future__ import annotations

from collections.abc import Mapping

from thirtyfold.datasets.duplicates import Look
from thirtyfold.datasets.fingerprint import look_alikes
from thirtyfold.datasets.samples import capture_sessions, session_from_name
from thirtyfold.workspace import Dataset

LOOKS = "near-duplicates"


def find_sessions(dataset: Dataset, group_by: str | None, looks: Mapping[str, Look]) -> tuple[dict[str, str], str]:
    """Photo → session, sorted by name, and where that is known from.

    ``group_by`` is a regular expression on the file name; without one ``captures.jsonl``
    says it, and for photos that are not in there, what they look like: ``looks``, by photo.
    One that has no look is a session of its own. Raises :class:`UsageError` if the
    expression is none or does not match every photo.
    """
    names = [path.name for path in dataset.image_paths()]
    if group_by is not None:
        return {name: session_from_name(group_by, name) for name in names}, f"--group-by {group_by}"
    recorded = capture_sessions(dataset)
    groups = {name: recorded[name] for name in names if name in recorded}
    if len(groups) == len(names):
        return groups, "captures.jsonl"
    guessed = _look_alike_sessions(names, groups, looks)
    return guessed, f"captures.jsonl, and {LOOKS} for the rest" if groups else LOOKS


def _look_alike_sessions(names: list[str], recorded: Mapping[str, str], looks: Mapping[str, Look]) -> dict[str, str]:
    """Sessions by looks; a photo that looks like one of a recorded session belongs to that one."""
    seen = [name for name in names if name in looks]
    group_of = dict(zip(seen, look_alikes([looks[name].bits for name in seen]), strict=True))
    members: dict[int, list[str]] = {}
    for name, number in group_of.items():
        members.setdefault(number, []).append(name)
    sessions: dict[str, str] = {}
    for name in names:
        alike = members[group_of[name]] if name in group_of else [name]
        known = next((recorded[other] for other in alike if other in recorded), None)
        sessions[name] = recorded.get(name) or known or f"like {alike[0]}"
    return sessions
