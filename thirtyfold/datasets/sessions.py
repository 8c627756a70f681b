"""Which photos belong together: told by the capture log, by the file names, or by their looks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from thirtyfold.datasets.duplicates import Look
from thirtyfold.datasets.fingerprint import look_alikes
from thirtyfold.datasets.samples import capture_sessions, session_from_name
from thirtyfold.workspace import Dataset

LOOKS = "near-duplicates"

# What many collections put behind the name of a person, a scene or a scan: a number, ` copy`, ` (3)`; and before
# it numbers of their own. `1_0_anna_0031.jpg` and `0_0_anna_0007.jpg` are both anna's.
SAME_NAME = r"^(?:\d+_)*(.+?)(?: copy)?(?:[ _-]+\d+| \(\d+\))?\.\w+$"
# A part of the photos that shares a name for the names to mean something, and the most that one name may have.
_SHARED_NAMES, _LARGEST_NAME = 0.2, 0.25
# With fewer in one class there would be nothing to choose a val and a test part from.
_NAMES_A_CLASS = 6


def find_sessions(dataset: Dataset, group_by: str | None, looks: Mapping[str, Look]) -> tuple[dict[str, str], str]:
    """Photo → session, sorted by name, and where that is known from.

    ``group_by`` is a regular expression on the file name; without one ``captures.jsonl``
    says it, and for photos that are not in there, what they look like: ``looks``, by photo.
    A photo without a look is a session by itself. Raises :class:`UsageError` if the
    expression is not valid or does not match every photo.
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


def guessed_note(photo_names: Sequence[str], classes: Mapping[str, Collection[str]]) -> str:
    """What to say where sessions were guessed by looks; with a hint if file names seem to tell who belongs together.

    ``classes`` maps photos to what is in them: names that only say the class tell nothing else.
    """
    guessed = "No sessions are written down, so photos that look alike were kept together"
    name_of = {photo: match[1] for photo in photo_names if (match := re.search(SAME_NAME, photo))}
    names = Counter(name for name in name_of.values() if any(map(str.isalpha, name)))
    sharing = sum(count for count in names.values() if count > 1)
    most = max(names.values(), default=0)
    names_in: dict[str, set[str]] = {}
    for photo, found in classes.items():
        for each in found:
            names_in.setdefault(each, set()).add(name_of.get(photo, ""))
    telling = sharing >= _SHARED_NAMES * len(photo_names) and most <= _LARGEST_NAME * len(photo_names)
    telling &= len(name_of) == len(photo_names) and all(len(each) >= _NAMES_A_CLASS for each in names_in.values())
    if not telling:
        return f"{guessed}; if you know which belong together, say so with --group-by"
    listed = ", ".join(f"{name} {count}" for name, count in names.most_common(3))
    return (
        f"{guessed}. Many file names share a name before the number ({listed}): if that is a person or a scene, keep "
        f"its photos together with --group-by '{SAME_NAME}'"
    )
