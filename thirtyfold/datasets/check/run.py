"""``check``: read every photo and label once, put together what is wrong, write the page and the copies."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from thirtyfold.datasets.attributes import Attributes, read_attributes
from thirtyfold.datasets.check import alike, names
from thirtyfold.datasets.check.classes import class_problems, conflicts, count_classes
from thirtyfold.datasets.check.fix import write_fixed
from thirtyfold.datasets.check.folder import count_photos_below, labels_apart, look_around, relative, shared_labels
from thirtyfold.datasets.check.found import Found
from thirtyfold.datasets.check.labels import label_findings, read_labels
from thirtyfold.datasets.check.options import FIXED_NAME, PAGE_NAME, CheckOptions
from thirtyfold.datasets.check.page import write_page
from thirtyfold.datasets.check.photo import examine_photo
from thirtyfold.datasets.check.problems import Problem, by_weight
from thirtyfold.datasets.check.result import CheckedPhoto, CheckResult, State
from thirtyfold.datasets.duplicates import near_duplicates
from thirtyfold.datasets.split import PARTS, Split, read_split
from thirtyfold.datasets.threads import map_on_threads
from thirtyfold.datasets.whole_photo import tag_of
from thirtyfold.errors import DataError, LabelError, SplitError, UsageError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset


def check_dataset(dataset: Dataset, options: CheckOptions, *, progress: Progress = SILENT) -> CheckResult:
    """Everything that is wrong with a dataset, by file, with the mend. Its own files are only read.

    Raises :class:`DataError` if there is no such folder or no photo in it,
    :class:`UsageError` if the page or the copies can't be written where they were asked for.
    """
    paths = dataset.image_paths()
    if not paths:
        raise _no_photos(dataset)
    fix_dir = options.fix_dir or dataset.root / FIXED_NAME if options.fix or options.fix_dir else None
    if fix_dir is not None and fix_dir.exists() and (not fix_dir.is_dir() or any(fix_dir.iterdir())):
        raise UsageError(f"{fix_dir}: is there already; remove it or name another folder with --fix-into")
    found = _read_all(dataset, paths, options, progress)
    split, split_problems = _read_split(dataset, found)
    known, attribute_problems = _read_attributes(dataset, options, progress)
    tags = {one.photo.path.name: _tags(one, known) for one in found if one.photo.readable}
    problems = [*split_problems, *attribute_problems, *look_around(dataset, paths)]
    problems += _problems_by_photo(dataset, found, known)
    problems += shared_labels(dataset, paths)
    problems += labels_apart(dataset, paths)
    problems += _name_problems(dataset, found, options.labels)
    problems += _copy_problems(dataset, found, split)
    problems += _class_problems(dataset, found, tags, split)
    problems += _problems_of_the_whole(found)
    result = CheckResult(
        root=str(dataset.root),
        photos=tuple(_checked(one, split, known, tags) for one in found),
        problems=tuple(sorted(problems, key=by_weight)),
        labels=_count_labels(found),
        classes=count_classes(tags),
        numbers=_numbers(known),
        strict=options.strict,
    )
    if fix_dir is not None:
        result = replace(result, fixed=write_fixed(dataset, found, result.problems, split, fix_dir, progress=progress))
    if options.page:
        result = replace(result, page=_write_page(dataset, result, options, progress))
    return result


def _read_all(dataset: Dataset, paths: Sequence[Path], options: CheckOptions, progress: Progress) -> list[Found]:
    """Photos and their labels, in the order of ``paths``."""
    from PIL import Image

    _ready_opencv()
    photo_names = {path.name.casefold(): path.name for path in paths}

    def read(path: Path) -> Found:
        photo = examine_photo(path)
        label_path = dataset.label_path(path)
        if not label_path.exists():
            return Found(photo=photo, labels=None)
        labels = read_labels(label_path)
        more = label_findings(
            labels, image_path=path, size_wh=photo.size_wh, root=dataset.root, photo_names=photo_names
        )
        return Found(photo=photo, labels=replace(labels, findings=(*labels.findings, *more)))

    with warnings.catch_warnings():
        # Sizes are judged by images.MAX_PIXELS. Filters are the process's, so they are set here and not in a thread.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module=r"PIL\.")  # torn EXIF and TIFF tags; the decoder has the last word
        return map_on_threads(read, paths, label="Checking", progress=progress, workers=options.workers)


def _read_attributes(dataset: Dataset, options: CheckOptions, progress: Progress) -> tuple[Attributes, list[Problem]]:
    try:
        return read_attributes(dataset, options.attributes, progress=progress), []
    except LabelError as error:
        where = relative(dataset, error.path)
        return Attributes(), [Problem(code="attributes-wrong", file=where, message=error.reason)]


def _tags(one: Found, known: Attributes) -> tuple[str, ...]:
    """The classes of a whole photo and the values of its heads; a model's own count for nothing."""
    if one.labels is not None and one.labels.machine_made:
        return ()
    label_file = one.labels.label_file if one.labels is not None else None
    ticked = label_file.tags if label_file is not None else ()
    values = known.of(one.photo.path.name)
    return tuple(
        dict.fromkeys([*ticked, *(tag_of(head, value) for head, value in values.items() if isinstance(value, str))])
    )


def _numbers(known: Attributes) -> tuple[str, ...]:
    lines = []
    for name in (name for name, head in known.heads.items() if head.kind == "number"):
        values = [float(values[name]) for values in known.by_photo.values() if name in values]
        lines.append(f"{name} {min(values):g} to {max(values):g}, known of {len(values)} photos")
    return tuple(lines)


def _class_problems(
    dataset: Dataset, found: Sequence[Found], tags: Mapping[str, Sequence[str]], split: Split | None
) -> Iterator[Problem]:
    files = {
        one.photo.path.name: relative(dataset, one.photo.path if one.labels is None else one.labels.path)
        for one in found
    }
    looked_at = {
        one.photo.path.name: tags[one.photo.path.name]
        for one in found
        if one.photo.path.name in tags and not (one.labels is not None and one.labels.machine_made)
    }
    yield from class_problems(looked_at, files, split.parts if split is not None else None)
    looks = {one.photo.path.name: one.photo.look for one in found if one.photo.look is not None}
    looks = {name: look for name, look in looks.items() if tags.get(name)}
    yield from conflicts(near_duplicates(looks, {name: name for name in looks}), tags, files)


def _problems_by_photo(dataset: Dataset, found: Sequence[Found], known: Attributes) -> Iterator[Problem]:
    for one in found:
        path = one.photo.path
        for code, message in one.photo.findings:
            yield Problem(code=code, file=relative(dataset, path), photo=path.name, message=message)
        if one.labels is None:
            if one.photo.readable and not known.of(path.name):
                where = relative(dataset, path)
                yield Problem(code="label-unlabelled", file=where, photo=path.name, message="has no label file")
            continue
        label_file = relative(dataset, one.labels.path)
        for code, message, shape in one.labels.findings:
            yield Problem(code=code, file=label_file, photo=path.name, message=message, shape=shape)


def _name_problems(dataset: Dataset, found: Sequence[Found], known: Sequence[str]) -> Iterator[Problem]:
    by_stem = {one.photo.path.stem: one for one in found if one.annotations}
    stems = {stem: [annotation.label for annotation in one.annotations] for stem, one in by_stem.items()}
    file_names = {} if known else names.named_after_files(stems)
    suspicious = {} if file_names else names.suspicious_labels(_count_labels(found), known)
    for stem, one in by_stem.items():
        labels = one.labels
        if labels is None:
            continue
        for place, annotation in zip(labels.places, one.annotations, strict=True):
            code, message = suspicious.get(annotation.label, ("", ""))
            if annotation.label in file_names.get(stem, ()):
                whose = "this photo" if annotation.label == stem else "another photo"
                code, message = "label-is-file-name", f"{annotation.label!r} is the name of {whose}"
            if code:
                yield Problem(
                    code=code,
                    file=relative(dataset, labels.path),
                    photo=one.photo.path.name,
                    shape=place,
                    message=message,
                )
    # What is no label of its own is no rare class either.
    proper = {name: count for name, count in _count_labels(found).items() if name.strip() and name not in suspicious}
    unequal = None if file_names else names.imbalance(proper)
    if unequal:
        yield Problem(code="class-imbalance", file=".", message=unequal)


def _copy_problems(dataset: Dataset, found: Sequence[Found], split: Split | None) -> Iterator[Problem]:
    by_name = {one.photo.path.name: one for one in found if one.photo.look is not None}
    file_names = list(by_name)
    digests = [one.photo.sha256 for one in by_name.values()]
    looks = [one.photo.look for one in by_name.values() if one.photo.look is not None]
    for pair in alike.find_alike(file_names, digests, looks):
        path = by_name[pair.name].photo.path
        if not pair.exact:
            message = f"looks like {pair.other} ({pair.bits} of 64 bits differ)"
            yield _about_photo(dataset, path, "image-near-duplicate", message, (pair.other,))
            continue
        yield _about_photo(dataset, path, "image-duplicate", f"is the same file as {pair.other}", (pair.other,))
        one, other = by_name[pair.name], by_name[pair.other]
        if _shapes(one) != _shapes(other):
            message = f"is the same picture as {pair.other}, but their labels differ"
            yield _about_photo(dataset, path, "duplicate-labels-differ", message, (pair.other,))
    if split is None:
        return
    for pair, others in alike.find_leaks(file_names, digests, looks, split.parts):
        if not pair.exact and not split.leak_free:
            continue  # blocks of time: neighbouring frames on both sides, as the split says itself
        code = "split-leak" if pair.exact else "split-leak-near"
        what = "the same file as" if pair.exact else "the same picture as"
        there = ", ".join(f"{name} ({split.parts[name]})" for name in others)
        message = f"is in {split.parts[pair.name]}, and {what} {there}"
        yield _about_photo(dataset, by_name[pair.name].photo.path, code, message, others)


def _problems_of_the_whole(found: Sequence[Found]) -> Iterator[Problem]:
    with_shapes = sum(_state(one, Attributes()) == "labelled" and bool(one.annotations) for one in found)
    if with_shapes and not any(_state(one, Attributes()) == "empty" for one in found):
        yield Problem(code="no-negatives", file=".", message=f"all {with_shapes} labelled photos have a shape")


def _read_split(dataset: Dataset, found: Sequence[Found]) -> tuple[Split | None, list[Problem]]:
    if not dataset.split_path.exists():
        return None, []
    try:
        split = read_split(dataset)
    except SplitError as error:
        newer = "came after the split" in str(error)
        reason = str(error).removeprefix(f"{dataset.split_path}: ")
        return None, [Problem(code="split-out-of-date" if newer else "split-broken", file="split.json", message=reason)]
    problems = [
        Problem(
            code="split-leak-session",
            file="split.json",
            message=f"session {session!r} is in {' and '.join(parts)}",
        )
        for session, parts in alike.torn_sessions(split).items()
    ]
    if not split.leak_free:
        problems.append(Problem(code="split-not-leak-free", file="split.json", message=f"was made by {split.how}"))
    gone = sorted(set(split.parts) - {one.photo.path.name for one in found})
    if gone:
        message = f"lists {len(gone)} photos that are not there, first {gone[0]}"
        problems.append(Problem(code="split-out-of-date", file="split.json", message=message))
    return split, problems


def _checked(one: Found, split: Split | None, known: Attributes, tags: Mapping[str, tuple[str, ...]]) -> CheckedPhoto:
    path = one.photo.path
    part = split.parts.get(path.name) if split is not None else None
    return CheckedPhoto(
        path=path,
        state=_state(one, known),
        size_wh=one.photo.size_wh,
        annotations=one.annotations,
        places=one.labels.places if one.labels else (),
        part=part if part in PARTS else None,
        tags=tags.get(path.name, ()),
    )


def _state(one: Found, known: Attributes) -> State:
    if not one.photo.readable:
        return "broken"
    if one.labels is None:
        return "labelled" if known.of(one.photo.path.name) else "unlabelled"
    if one.labels.label_file is None or "shape-broken" in one.labels.codes:
        return "broken"
    if one.labels.machine_made:
        return "machine-made"
    return "labelled" if one.annotations or one.labels.label_file.tags else "empty"


def _shapes(one: Found) -> tuple[object, ...] | None:
    return None if one.labels is None else tuple((shape.label, shape.kind, shape.points) for shape in one.annotations)


def _count_labels(found: Sequence[Found]) -> dict[str, int]:
    counts = Counter(
        annotation.label
        for one in found
        if one.labels is not None and not one.labels.machine_made
        for annotation in one.annotations
    )
    return {label: counts[label] for label in sorted(counts, key=lambda name: (-counts[name], name))}


def _about_photo(dataset: Dataset, path: Path, code: str, message: str, others: tuple[str, ...]) -> Problem:
    return Problem(code=code, file=relative(dataset, path), photo=path.name, message=message, others=others)


def _write_page(dataset: Dataset, result: CheckResult, options: CheckOptions, progress: Progress) -> Path | None:
    path = options.page_path or dataset.root / PAGE_NAME
    try:
        write_page(path, result, progress=progress)
    except UsageError as error:
        if options.page_path is not None:
            raise
        progress.say(f"No page: {error}, or name a file with --html")
        return None
    return path


def _no_photos(dataset: Dataset) -> DataError:
    below = [path for path in sorted(dataset.root.iterdir()) if path.is_dir() and count_photos_below(path)]
    if not below:
        return DataError(f"{dataset.images_dir}: no photos; take some with `thirtyfold capture {dataset.root}`")
    listed = ", ".join(path.name for path in below[:5]) + (" ..." if len(below) > 5 else "")
    return DataError(
        f"{dataset.root}: no photos in it or in its images/, but in the folders {listed}; "
        f"check one of them: `thirtyfold check {below[0]}`"
    )


def _ready_opencv() -> None:
    # Imported once here: two threads that import it at once may each find half of it.
    import cv2

    # It writes on stderr what it can't decode; we say it ourselves, by file.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
