"""A split whose test part came with the dataset: kept as it is, and a val part taken from the train part."""

from __future__ import annotations

from dataclasses import replace

from thirtyfold.datasets.duplicates import exact_duplicates, looks_of, near_duplicates
from thirtyfold.datasets.sessions import find_sessions
from thirtyfold.datasets.split import GIVEN_TEST, Split, named_pairs
from thirtyfold.datasets.split_choice import count_classes, make_split
from thirtyfold.datasets.split_classes import classes_by_photo
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset


def split_off_val(dataset: Dataset, split: Split, options: SplitOptions, *, progress: Progress = SILENT) -> Split:
    """The split with ``options.val`` of its train part as val; photos that look alike stay together.

    Nothing is written. Photos that came later are train's. What the given parts share (one picture on both sides)
    cannot be mended without changing the test part: the split then says that it leaks, and where.
    """
    paths = dataset.image_paths()
    looks = looks_of(paths, progress=progress)
    groups, how = find_sessions(dataset, options.group_by, looks)
    given = {name: "test" if split.parts.get(name) == "test" else "train" for name in groups}
    train = {name: groups[name] for name, part in given.items() if part == "train"}
    classes = classes_by_photo(dataset, options, progress=progress)
    exact = exact_duplicates(paths)
    near = [pair for pair in near_duplicates(looks, {name: name for name in looks}) if pair not in exact]
    inner = make_split(
        train,
        replace(options, test=0.0, test_sessions=()),
        how=how,
        classes={name: found for name, found in classes.items() if name in train},
        duplicates=[pair for pair in exact if set(pair) <= train.keys()],
        alike=[pair for pair in near if set(pair) <= train.keys()],
    )
    parts = {**given, **inner.parts}
    across = [pair for pair in (*exact, *near) if (parts[pair[0]] == "test") != (parts[pair[1]] == "test")]
    notes = ["The test part came with the dataset and is as it was; val was taken from its train part"]
    if across:
        notes.append(
            f"The two share pictures ({named_pairs(across, '=')}), so scores will look better than they are; "
            f"`thirtyfold split {dataset.root} --new-test` divides all of them anew"
        )
    return replace(
        split,
        parts=parts,
        # Prefixed: a look-alike in the given test part must not make one session of both sides.
        groups={name: inner.groups.get(name, f"test: {groups.get(name, name)}") for name in parts},
        how=f"its own test part, and {how}",
        leak_free=inner.leak_free and not across,
        note=". ".join([*notes, inner.note]).rstrip(". "),
        options={**inner.options, GIVEN_TEST: True},
        alike=tuple(near),
        classes=count_classes(parts, {name: found for name, found in classes.items() if name in parts}),
    )
