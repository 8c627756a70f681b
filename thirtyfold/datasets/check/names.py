"""What is wrong with the labels' names: misspelt, unlisted, or a file's own name. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

# A misspelling is rare beside the right spelling; two classes that look alike ("mask", "task") are not.
_RARE_SHARE = 0.1
_RARE_COUNT = 2
IMBALANCE = 10


def suspicious_labels(counts: Mapping[str, int], known: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Label → (code, message) for those that are misspelt or not on the list ``known``.

    Without a list a label is suspicious if it is a frequent one but for upper case,
    spaces, or one slip of the fingers (two in a long word), and much rarer.
    """
    if known:
        return {label: _unlisted(label, known) for label in counts if label.strip() and label not in known}
    found = {}
    by_frequency = sorted(counts, key=lambda name: (-counts[name], name))
    for label, count in counts.items():
        if not label.strip():
            continue
        for other in by_frequency:
            if other != label and _is_misspelt(label, count, other, counts[other]):
                found[label] = ("label-typo", f"{label!r} ({count}x) may be {other!r} ({counts[other]}x)")
                break
    return found


def named_after_files(labels_of_photo: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Photo stem → its labels that are photo stems, if that is the habit of the whole dataset.

    ``labels_of_photo`` maps the stem of each labelled photo to its labels. One photo
    ``face.jpg`` with a face is no habit; three, and half of all, are.
    """
    own = [stem for stem, labels in labels_of_photo.items() if stem in labels]
    if len(own) < 3 or 2 * len(own) < len(labels_of_photo):
        return {}
    found = {stem: [label for label in labels if label in labels_of_photo] for stem, labels in labels_of_photo.items()}
    return {stem: labels for stem, labels in found.items() if labels}


def imbalance(counts: Mapping[str, int]) -> str | None:
    """A sentence if the most frequent label occurs :data:`IMBALANCE` times as often as the rarest."""
    if len(counts) < 2:
        return None
    often = max(counts, key=lambda label: counts[label])
    rare = sorted(
        (label for label in counts if counts[label] * IMBALANCE <= counts[often]), key=lambda name: counts[name]
    )
    if not rare:
        return None
    listed = ", ".join(f"{label!r} {counts[label]}x" for label in rare[:5]) + (" ..." if len(rare) > 5 else "")
    return f"{often!r} occurs {counts[often]} times, but {listed}"


def slips(one: str, other: str) -> int:
    """How many letters were left out, added, changed or swapped (optimal string alignment distance)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b)))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                row[j] = min(row[j], before[j - 2] + 1)
        before = last
    return row[-1]


def _unlisted(label: str, known: Sequence[str]) -> tuple[str, str]:
    plain = {_plain(name): name for name in known}
    near = difflib.get_close_matches(_plain(label), plain, n=1, cutoff=0.7)
    if near:
        return "label-typo", f"{label!r} is not on the list; {plain[near[0]]!r} is"
    return "label-unlisted", f"{label!r} is not on the list ({', '.join(known)})"


def _is_misspelt(label: str, count: int, other: str, other_count: int) -> bool:
    if _plain(label) == _plain(other):
        return (count, other) < (other_count, label)  # of two as frequent ones the first by name is right
    if re.sub(r"\d+", "", label) == re.sub(r"\d+", "", other):
        return False  # person1 and person2
    if count > max(_RARE_COUNT, _RARE_SHARE * other_count) or other_count < 3 * count:
        return False
    length = max(len(label), len(other))
    return length >= 4 and slips(_plain(label), _plain(other)) <= (1 if length < 8 else 2)


def _plain(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label).strip().casefold()
