"""How a split is chosen: who belongs together, and which of them go where. Pure.

Sessions that share a photo stay on one side. Which of them go where is chosen so that every part has its share of
every class (``stratify.py``). Where all photos are one session, contiguous blocks are taken and the split says that it
leaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from thirtyfold.datasets.duplicates import Pair
from thirtyfold.datasets.listing import natural_key, some_of
from thirtyfold.datasets.split import NOTHING, PARTS, Split, named_pairs
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.stratify import Group, choose_parts
from thirtyfold.errors import UsageError

_BLOCKS = "blocks of time"
_CLASSES_APART = (
    "Each session is a class of its own, so every part shows others: right for --task recognize, which is to know new "
    "people; a classifier cannot learn from it"
)
_NAMED = 3


def make_split(
    groups: Mapping[str, str],
    options: SplitOptions,
    *,
    how: str,
    classes: Mapping[str, Collection[str]] | None = None,
    duplicates: Sequence[Pair] = (),
    alike: Sequence[Pair] = (),
) -> Split:
    """Divide photos whose sessions are known: ``groups`` maps photo to session, in order of time.

    Whole sessions are drawn so that the parts come as close to their shares as they can, of
    photos and of each class. ``classes`` maps the *labelled* photos to what is in them; the others
    teach and measure nothing and do not count (all of them count, if none is labelled yet). Train
    gets one session at least, then val, then test. ``duplicates`` are photos of the same bytes: their
    sessions stay together. So do those of ``alike`` photos, unless too few groups for three parts
    would be left. The same arguments give the same split. Raises :class:`UsageError` for an unknown
    test session.
    """
    sessions = sorted(set(groups.values()), key=natural_key)
    if unknown := sorted(set(options.test_sessions) - set(sessions)):
        known = ", ".join(sessions[:20]) + (" ..." if len(sessions) > 20 else "")
        raise UsageError(f"--test-sessions {', '.join(unknown)}: no such session; there are {known}")
    across = [pair for pair in duplicates if groups[pair[0]] != groups[pair[1]]]
    together = _united(sessions, groups, across)
    united = _united(sessions, groups, [*across, *alike])
    if len(united) >= min(3, len(together)):
        across, together = [*across, *alike], united
    notes = [_shared(across, groups)]
    stated = {"val": options.val, "test": options.test, "test_sessions": list(options.test_sessions)}
    chosen = {**stated, "group_by": options.group_by, "seed": options.seed}
    counting = {name: tuple(found) for name, found in (classes or {}).items() if name in groups}
    apart = False
    if len(together) == 1:
        if options.test_sessions:
            raise UsageError(_nothing_left(options, sessions, across))
        split = _blocks_of_time(groups, options, how, chosen, duplicates)
        notes.append(split.note)
    else:
        # By person, say: what no draw can bring into every part must not decide about it either.
        apart = options.group_by is not None and _is_class_a_session(groups, counting)
        sought: Mapping[str, Collection[str]] = dict.fromkeys(counting, ()) if apart else counting
        part_of, note = _choose(together, groups, sought, options, across)
        notes.append(note)
        split = Split(
            parts={name: part_of[session] for name, session in groups.items()},
            groups=dict(groups),
            how=how,
            leak_free=True,
            options=chosen,
        )
    counts = count_classes(split.parts, counting)
    if split.leak_free:
        notes.append(_CLASSES_APART if apart else _missing_classes(counts, split, counting))
    return replace(split, note=joined(notes), alike=tuple(alike), classes=counts)


def _choose(
    together: Sequence[Sequence[str]],
    groups: Mapping[str, str],
    counting: Mapping[str, Collection[str]],
    options: SplitOptions,
    across: Sequence[Pair],
) -> tuple[dict[str, str], str]:
    """Session → part, and what could not be had. ``together`` are the sessions that no part may tear apart."""
    named = set(options.test_sessions)
    fixed = {index: "test" for index, sessions in enumerate(together) if named & set(sessions)}
    free = len(together) - len(fixed)
    if not free:
        raise UsageError(_nothing_left(options, [session for sessions in together for session in sessions], across))
    wants_val = options.val > 0 and free >= 2
    wants_test = options.test > 0 and not named and free >= 2 + wants_val
    missing = [
        *(["validation"] if options.val > 0 and not wants_val else []),
        *(["test"] if options.test > 0 and not named and not wants_test else []),
    ]
    number = {session: index for index, sessions in enumerate(together) for session in sessions}
    photos, found = Counter[int](), [Counter[str]() for _ in together]
    for name in counting or groups:
        photos[number[groups[name]]] += 1
        found[number[groups[name]]].update(set(counting.get(name, ())))
    parts = choose_parts(
        [Group(photos=photos[index], classes=found[index]) for index in range(len(together))],
        {"val": options.val * wants_val, "test": options.test * wants_test},
        fixed=fixed,
        seed=options.seed,
    )
    notes = []
    if missing:
        apart = f"{len(together)} sessions" if len(together) == len(number) else f"{len(together)} groups of sessions"
        notes.append(
            f"{apart} are too few for a {' and a '.join(missing)} part; capture another session and split again"
        )
    followed = [session for index in fixed for session in together[index] if session not in named]
    if followed:
        notes.append(f"{', '.join(followed)} went to the test part as well, because of the duplicates")
    return {session: parts[index] for session, index in number.items()}, joined(notes)


def _united(sessions: Sequence[str], groups: Mapping[str, str], pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """The sessions, those that a pair of photos connects in one tuple; in the order of their first ones."""
    home = {session: [session] for session in sessions}
    for first, other in pairs:
        mine, its = home[groups[first]], home[groups[other]]
        if mine is not its:
            mine += its
            for session in its:
                home[session] = mine
    unique = {id(members): members for members in home.values()}
    return [tuple(sorted(members, key=natural_key)) for members in unique.values()]


def _shared(pairs: Sequence[Pair], groups: Mapping[str, str]) -> str:
    if not pairs:
        return ""
    names = sorted({groups[name] for pair in pairs for name in pair}, key=natural_key)
    shown, photos = some_of(names, 12), named_pairs(pairs, "=")
    return f"The sessions {shown} share photos ({photos}), so those that do stay on one side"


def _nothing_left(options: SplitOptions, sessions: Sequence[str], across: Sequence[Pair]) -> str:
    asked = f"--test-sessions {', '.join(options.test_sessions)}: "
    if len(sessions) == 1:
        return f"{asked}it is the only session, so nothing would be left to train on; capture another one first"
    if across and set(options.test_sessions) != set(sessions):
        return (
            f"{asked}nothing would be left to train on, as the other sessions hold duplicates of its photos "
            f"({named_pairs(across, '=')}); move one of each pair out of the dataset"
        )
    return f"{asked}names every session, so nothing would be left to train on"


def count_classes(parts: Mapping[str, str], counting: Mapping[str, Collection[str]]) -> dict[str, dict[str, int]]:
    """Part → class → photos, every class in every part."""
    names = sorted({name for found in counting.values() for name in found})
    counts = {part: dict.fromkeys(names, 0) for part in PARTS} if names else {}
    for photo, found in counting.items():
        for name in set(found):
            counts[parts[photo]][name] += 1
    return counts


def _is_class_a_session(groups: Mapping[str, str], counting: Mapping[str, Collection[str]]) -> bool:
    """Whether each session has one class and each class one session."""
    pairs = {(groups[name], found) for name, its in counting.items() for found in its}
    return 2 < len(pairs) == len({session for session, _ in pairs}) == len({found for _, found in pairs})


def _missing_classes(
    counts: Mapping[str, Mapping[str, int]], split: Split, counting: Mapping[str, Collection[str]]
) -> str:
    """The classes that a part with photos does not have, by name, and why."""
    sentences = []
    for part, by_class in counts.items():
        missing = [name for name, photos in by_class.items() if not photos and name != NOTHING]
        if not missing or not split.names(part):
            continue
        told = []
        for name in missing:
            where = sorted({split.groups[photo] for photo, found in counting.items() if name in found}, key=natural_key)
            told.append(f"{name} (only in {', '.join(where[:_NAMED])}{' ...' if len(where) > _NAMED else ''})")
        sentences.append(f"No {part} photo shows {', '.join(told)}")
    if not sentences:
        return ""
    return joined([*sentences, "Photos of these in more sessions would mend it"])


def joined(sentences: Sequence[str]) -> str:
    """Sentences for a note, empty ones left out; without the last full stop."""
    return ". ".join(sentence.rstrip(".") for sentence in sentences if sentence)


def _blocks_of_time(
    groups: Mapping[str, str], options: SplitOptions, how: str, chosen: Mapping[str, Any], duplicates: Sequence[Pair]
) -> Split:
    """One session only: the first photos train, the next validate, the last test.

    No gap is left between the blocks: the split leaks anyway, says so, and labelled photos are dear.
    Duplicates of a photo go where its first one is.
    """
    names = list(groups)
    count = len(names)
    test = min(round(options.test * count) or (options.test > 0), max(0, count - 1))
    val = min(round(options.val * count) or (options.val > 0), max(0, count - 1 - test))
    parts = {
        name: "train" if index < count - val - test else "val" if index < count - test else "test"
        for index, name in enumerate(names)
    }
    for members in _united(names, {name: name for name in names}, duplicates):
        parts |= dict.fromkeys(members, parts[min(members, key=names.index)])
    return Split(
        parts=parts,
        groups={name: f"block {1 + PARTS.index(part)}" for name, part in parts.items()},
        how=f"{_BLOCKS} ({how})",
        leak_free=False,
        note=(
            "All photos are one session, so no leak-free split exists: blocks of time were taken, and scores will look "
            "better than they are. Capture a second session, or name sessions with --group-by"
        )
        if len(set(groups.values())) == 1
        else (
            "No leak-free split exists, as duplicates connect all sessions: blocks of time were taken, and scores will "
            "look better than they are. Move one of each pair of duplicates out of the dataset and split again"
        ),
        options=chosen,
    )
