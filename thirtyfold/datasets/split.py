"""Train, val and test, by capture session: photos of one session never stand on both sides.

Photos of one visit to the camera show the same person, shirt and wall. A split that
tears them apart measures memory, not skill. Where sessions are known (``captures.jsonl``,
``--group-by``) they decide; else photos that look alike are kept together; and where
all photos are one session, contiguous blocks are taken and the split says that it leaks.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from thirtyfold import files
from thirtyfold.datasets.augmented import read_manifest
from thirtyfold.datasets.machine_made import has_machine_made_labels
from thirtyfold.datasets.sessions import LOOKS, find_sessions
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.errors import DataError, SplitError, UsageError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

FORMAT = 1
PARTS = ("train", "val", "test")
BLOCKS = "blocks of time"
_GUESSED = (
    "No sessions are written down, so photos that look alike were kept together; if you know which belong together, "
    "say so with --group-by"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which photo (by file name) is in which part, and why.

    ``parts`` maps a photo to ``train``, ``val`` or ``test``, ``groups`` to its session.
    ``how`` says where the sessions come from; ``leak_free`` is false where one session
    had to be torn apart, and ``note`` says what could not be had.
    """

    parts: Mapping[str, str]
    groups: Mapping[str, str]
    how: str
    leak_free: bool
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> str:
        """``train``, ``val`` or ``test``. Raises :class:`SplitError` for a photo that is not in the split."""
        try:
            return self.parts[name]
        except KeyError:
            raise SplitError(f"{name} is not in split.json; run `thirtyfold split` again to take it in") from None

    def names(self, part: str) -> list[str]:
        """The photos of one part, sorted."""
        return sorted(name for name, its_part in self.parts.items() if its_part == part)

    def sessions(self, part: str) -> list[str]:
        """The sessions of one part, sorted."""
        return sorted({self.groups[name] for name in self.names(part)}, key=_natural)

    @property
    def fingerprint(self) -> str:
        """A hash of who is where: what was made from one split can be told from another's."""
        rows = sorted((name, part, self.groups[name]) for name, part in self.parts.items())
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """What ``split.json`` holds."""
        return {
            "format": FORMAT,
            "how": self.how,
            "leak_free": self.leak_free,
            "note": self.note,
            "options": dict(self.options),
            "counts": {part: len(self.names(part)) for part in PARTS},
            "sessions": {part: self.sessions(part) for part in PARTS},
            "photos": {
                name: {"part": self.parts[name], "session": self.groups[name]}
                for name in sorted(self.parts, key=_natural)
            },
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """(part, photos, sessions) for a table."""
        total = max(1, len(self.parts))
        rows = []
        for part in PARTS:
            count, sessions = len(self.names(part)), self.sessions(part)
            shown = ", ".join(sessions[:12]) + (f" and {len(sessions) - 12} more" if len(sessions) > 12 else "")
            rows.append((part, f"{count} ({count / total:.0%})", shown or "none"))
        return rows


def split_dataset(dataset: Dataset, options: SplitOptions, *, progress: Progress = SILENT) -> Split:
    """Divide the photos of a dataset, write ``split.json`` (over an older one) and return the split.

    Raises :class:`DataError` if there are no photos, :class:`UsageError` for a session
    or expression that fits none.
    """
    dataset.image_paths()  # says that there is no such dataset before the lock makes its folder
    with dataset.lock("split"):
        split = plan_split(dataset, options, progress=progress)
        write_split(dataset, split)
    if split.note:
        progress.say(split.note)
    copies = read_manifest(dataset)
    if copies is not None and copies.split != split.fingerprint:
        progress.say(
            f"The copies in {dataset.augmented_dir} were made from another split: run `thirtyfold augment "
            f"{dataset.root}` again before you train"
        )
    return split


def write_split(dataset: Dataset, split: Split) -> None:
    """Write ``split.json``. Whoever writes holds the dataset's lock."""
    files.write_json(dataset.split_path, split.to_dict())


def plan_split(dataset: Dataset, options: SplitOptions, *, progress: Progress = SILENT) -> Split:
    """The split of a dataset as it lies there; nothing is written. Raises as :func:`split_dataset` does."""
    paths = dataset.image_paths()
    if not paths:
        raise DataError(f"{dataset.images_dir}: no photos; take some with `thirtyfold capture {dataset.root}`")
    groups, how = find_sessions(dataset, options.group_by, progress=progress)
    label_paths = {path.name: dataset.label_path(path) for path in paths}
    labelled = {name for name, path in label_paths.items() if path.exists() and not has_machine_made_labels(path)}
    times = {
        str(row["image"]): str(row["time"])
        for row in files.read_json_lines(dataset.captures_path)
        if "image" in row and "time" in row
    }
    order = sorted(groups, key=lambda name: (times.get(name, ""), _natural(name)))
    split = make_split({name: groups[name] for name in order}, options, how=how, labelled=labelled)
    if how == LOOKS and split.leak_free:
        return replace(split, note=f"{_GUESSED}. {split.note}".rstrip(" "))
    return split


def make_split(
    groups: Mapping[str, str], options: SplitOptions, *, how: str, labelled: Collection[str] | None = None
) -> Split:
    """Divide photos whose sessions are known: ``groups`` maps photo to session, in order of time.

    Whole sessions are drawn so that the parts come as close to their shares as they can,
    counted in ``labelled`` photos (all of them, if none is labelled yet): the others
    teach and measure nothing. Train gets one session at least, then val, then test. The
    same arguments give the same split. Raises :class:`UsageError` for an unknown test session.
    """
    sessions = sorted(set(groups.values()), key=_natural)
    if unknown := sorted(set(options.test_sessions) - set(sessions)):
        known = ", ".join(sessions[:20]) + (" ..." if len(sessions) > 20 else "")
        raise UsageError(f"--test-sessions {', '.join(unknown)}: no such session; there are {known}")
    stated = {"val": options.val, "test": options.test, "test_sessions": list(options.test_sessions)}
    chosen = {**stated, "group_by": options.group_by, "seed": options.seed}
    if len(sessions) == 1:
        if options.test_sessions:
            raise UsageError(
                f"--test-sessions {sessions[0]}: it is the only session, so nothing would be left to train on; "
                "capture another one first"
            )
        return _blocks_of_time(groups, options, how, chosen)
    counting = set(groups) & set(labelled or ()) or set(groups)
    weights = Counter(groups[name] for name in counting)
    part_of, note = _choose(sessions, weights, options)
    return Split(
        parts={name: part_of[session] for name, session in groups.items()},
        groups=dict(groups),
        how=how,
        leak_free=True,
        note=note,
        options=chosen,
    )


def read_split(dataset: Dataset) -> Split:
    """``split.json`` of a dataset. Raises :class:`SplitError` if there is none, it is broken or out of date."""
    path = dataset.split_path
    again = f"run `thirtyfold split {dataset.root}`"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SplitError(f"{path}: there is no split yet; {again}") from error
    except (OSError, ValueError) as error:
        raise SplitError(f"{path}: cannot be read ({error}); {again}") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT or not isinstance(raw.get("photos"), dict):
        raise SplitError(f"{path}: was not written by this version of thirtyfold; {again}")
    try:
        split = Split(
            parts={name: _known_part(row["part"]) for name, row in raw["photos"].items()},
            groups={name: str(row["session"]) for name, row in raw["photos"].items()},
            how=str(raw["how"]),
            leak_free=bool(raw["leak_free"]),
            note=str(raw.get("note", "")),
            options=dict(raw.get("options", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SplitError(f"{path}: a photo's part or session is missing or wrong ({error}); {again}") from error
    newer = [image.name for image in dataset.image_paths() if image.name not in split.parts]
    if newer:
        raise SplitError(f"{path}: {len(newer)} photos came after the split, first {newer[0]}; {again} to take them in")
    return split


def check_split(split: Split, samples: Sequence[Sample] = ()) -> None:
    """Raise :class:`SplitError` if the split leaks: a session on two sides, or copies of a photo that isn't train's.

    ``samples`` are photos and augmented copies (those with a ``parent``).
    """
    side_of: dict[str, tuple[str, str]] = {}
    for name in sorted(split.parts):
        part, session = split.parts[name], split.groups[name]
        first_name, first_part = side_of.setdefault(session, (name, part))
        if part != first_part:
            raise SplitError(
                f"session {session} stands on both sides: {first_name} is {first_part}, {name} is {part}; "
                "run `thirtyfold split` again"
            )
    for sample in samples:
        name = sample.parent or sample.image_path.name
        part = split.part(name)
        if sample.parent is not None and part != "train":
            raise SplitError(
                f"{sample.image_path.name} is a copy of {name}, which is now {part}: the copies were made from another "
                "split; run `thirtyfold augment` again"
            )


def _choose(sessions: Sequence[str], weights: Mapping[str, int], options: SplitOptions) -> tuple[dict[str, str], str]:
    """Session → part. Of many random draws the one whose shares come closest is taken."""
    named = set(options.test_sessions)
    free = [session for session in sessions if session not in named]
    if not free:
        raise UsageError("--test-sessions: names every session, so nothing would be left to train on")
    wants_val = options.val > 0 and len(free) >= 2
    wants_test = options.test > 0 and not named and len(free) >= 2 + wants_val
    missing = [
        *(["validation"] if options.val > 0 and not wants_val else []),
        *(["test"] if options.test > 0 and not named and not wants_test else []),
    ]
    note = (
        f"{len(sessions)} sessions are too few for a {' and a '.join(missing)} part; "
        "capture another session and split again"
        if missing
        else ""
    )
    total = sum(weights.values())
    quota = {"val": options.val * total * wants_val, "test": options.test * total * wants_test}
    dice = random.Random(options.seed)  # noqa: S311 - a split is no secret
    best: dict[str, str] = {}
    best_miss = float("inf")
    for _ in range(max(1, min(300, 300_000 // len(free)))):
        drawn = list(free)
        dice.shuffle(drawn)
        part_of = _fill(drawn, weights, quota)
        sums = Counter[str]()
        for session in drawn:
            sums[part_of[session]] += weights.get(session, 0)
        miss = sum(abs(sums[part] - amount) for part, amount in quota.items())
        # A part that has sessions but no labelled photo is worse than any share.
        miss += total * sum(not sums[part] for part in ("train", *(part for part in quota if quota[part])))
        if miss < best_miss:
            best, best_miss = part_of, miss
    return best | dict.fromkeys(named, "test"), note


def _fill(drawn: Sequence[str], weights: Mapping[str, int], quota: Mapping[str, float]) -> dict[str, str]:
    """Sessions in the order drawn fill test, then val, as long as that brings them nearer; train takes the rest."""
    part_of: dict[str, str] = {}
    rest = list(drawn)
    for part in ("test", "val"):
        still_empty = 1 + (part == "test" and quota["val"] > 0)
        amount = 0
        for session in list(rest):
            if not quota[part] or len(rest) <= still_empty:
                break
            weight = weights.get(session, 0)
            if amount == 0 or abs(amount + weight - quota[part]) < abs(amount - quota[part]):
                part_of[session] = part
                rest.remove(session)
                amount += weight
    return part_of | dict.fromkeys(rest, "train")


def _blocks_of_time(groups: Mapping[str, str], options: SplitOptions, how: str, chosen: Mapping[str, Any]) -> Split:
    """One session only: the first photos train, the next validate, the last test.

    No gap is left between the blocks: the split leaks anyway, says so, and labelled photos are dear.
    """
    names = list(groups)
    count = len(names)
    test = min(round(options.test * count) or (options.test > 0), max(0, count - 1))
    val = min(round(options.val * count) or (options.val > 0), max(0, count - 1 - test))
    parts = {
        name: "train" if index < count - val - test else "val" if index < count - test else "test"
        for index, name in enumerate(names)
    }
    return Split(
        parts=parts,
        groups={name: f"block {1 + PARTS.index(part)}" for name, part in parts.items()},
        how=f"{BLOCKS} ({how})",
        leak_free=False,
        note=(
            "All photos are one session, so no leak-free split exists: blocks of time were taken, and scores will look "
            "better than they are. Capture a second session, or name sessions with --group-by"
        ),
        options=chosen,
    )


def _known_part(part: object) -> str:
    if part not in PARTS:
        raise ValueError(f"part {part!r}")
    return str(part)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which 9.jpg stands before 10.jpg."""
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", name) if piece]
