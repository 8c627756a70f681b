"""How far the labelling of a dataset is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thirtyfold.datasets.samples import labels_of, read_sample
from thirtyfold.datasets.whole_photo import head_and_value
from thirtyfold.errors import DataError, FileDataError
from thirtyfold.sample import Sample
from thirtyfold.workspace import Dataset

_NAMED = 5  # how many files a message names before it says how many more there are


@dataclass(frozen=True, slots=True, kw_only=True)
class LabellingProgress:
    """What is labelled of a dataset.

    ``labelled`` photos have at least one shape, ``empty`` ones a label file without any
    (verified negatives), ``unlabelled`` have no label file. ``machine_made`` ones have
    the labels of a model, which nobody has looked at; they count as none of the others.
    ``labels`` counts the shapes that people drew or confirmed, by label. ``unlisted``
    names, by label file, the labels that are not on the list; ``broken`` says of each
    photo or label file that can't be read what is wrong.

    Where classes of whole photos were asked for (``flags``), a photo with one of them ticked is labelled and one
    without is not, whatever its shapes; ``classes`` counts them, ``doubled`` are the photos with several.
    """

    root: str
    listed: tuple[str, ...]
    labelled: int
    empty: int
    unlabelled: tuple[str, ...]
    machine_made: tuple[str, ...]
    labels: Mapping[str, int]
    unlisted: Mapping[str, tuple[str, ...]]
    broken: tuple[str, ...]
    flags: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)
    doubled: tuple[str, ...] = ()

    @property
    def photos(self) -> int:
        return self.labelled + self.empty + len(self.unlabelled) + len(self.machine_made) + len(self.broken)

    def to_dict(self) -> dict[str, Any]:
        return {
            "photos": self.photos,
            "labelled": self.labelled,
            "empty": self.empty,
            "unlabelled": list(self.unlabelled),
            "machine_made": list(self.machine_made),
            "labels": dict(self.labels),
            "classes": dict(self.classes),
            "several_classes": list(self.doubled),
            "unlisted": {name: list(labels) for name, labels in self.unlisted.items()},
            "broken": list(self.broken),
        }

    def facts(self) -> dict[str, object]:
        """Names and values for a person."""
        shapes = ", ".join(f"{label} {count}" for label, count in self.labels.items()) or "none"
        facts: dict[str, object] = {
            "photos": self.photos,
            "labelled": self.labelled,
            "empty (verified)": self.empty,
            "still unlabelled": _count_and_names(self.unlabelled),
        }
        if self.machine_made:
            facts["a model's boxes, to look at"] = _count_and_names(self.machine_made)
        if self.flags:
            facts["classes of photos"] = ", ".join(f"{name} {count}" for name, count in self.classes.items())
        if self.doubled:
            facts["more than one class"] = _count_and_names(self.doubled)
        if not self.flags or self.labels:
            facts["shapes"] = shapes
        if self.unlisted:
            facts["labels not on the list"] = "\n".join(
                f"{name}: {', '.join(labels)}" for name, labels in self.unlisted.items()
            )
        if self.broken:
            facts["cannot be read"] = "\n".join(self.broken)
        return facts

    def raise_if_wrong(self) -> None:
        """Raise :class:`DataError` if a label is not on the list or a file can't be read."""
        if self.unlisted:
            strange = sorted({label for labels in self.unlisted.values() for label in labels})
            raise DataError(
                f"{self.root}: labels that are not on the list ({', '.join(self.listed)}) in "
                f"{_some(list(self.unlisted))}; rename them in labelme (`thirtyfold annotate {self.root} --all`), "
                f"or list them: --labels {','.join(dict.fromkeys([*self.listed, *strange]))}"
            )
        if self.broken:
            more = f" (and {len(self.broken) - 1} more files)" if len(self.broken) > 1 else ""
            raise DataError(f"{self.broken[0]}{more}")


def labelling_progress(dataset: Dataset, labels: Sequence[str], flags: Sequence[str] = ()) -> LabellingProgress:
    """Read every photo's label file, beside it or in ``labels/``, and count.

    ``labels`` are the ones that may be given, ``flags`` the classes of whole photos. Nothing is written. Raises
    :class:`DataError` if there is no such dataset.
    """
    samples: list[Sample] = []
    machine_made: list[str] = []
    unlisted: dict[str, tuple[str, ...]] = {}
    broken: list[str] = []
    for image_path in dataset.image_paths():
        label_path = dataset.label_path(image_path)
        try:
            sample = read_sample(image_path, label_path)
        except FileDataError as error:
            broken.append(str(error))
            continue
        if sample.machine_made:
            machine_made.append(image_path.name)
        else:
            samples.append(sample)
        strange = sorted({shape.label for shape in sample.annotations or ()} - set(labels))
        if strange:
            unlisted[str(label_path)] = tuple(strange)
    ticked = {sample.image_path.name: [tag for tag in sample.tags if tag in flags] for sample in samples}
    if flags:
        labelled, empty = sum(1 for its in ticked.values() if its), 0
        unlabelled = tuple(name for name, its in ticked.items() if not its)
    else:
        labelled = sum(1 for sample in samples if sample.annotations)
        empty = sum(1 for sample in samples if sample.annotations == ())
        unlabelled = tuple(sample.image_path.name for sample in samples if sample.annotations is None)
    return LabellingProgress(
        root=str(dataset.root),
        listed=tuple(labels),
        labelled=labelled,
        empty=empty,
        unlabelled=unlabelled,
        machine_made=tuple(machine_made),
        labels=labels_of(samples),
        unlisted=unlisted,
        broken=tuple(broken),
        flags=tuple(flags),
        classes={flag: sum(flag in its for its in ticked.values()) for flag in flags},
        doubled=tuple(name for name, its in ticked.items() if len(_heads(its)) < len(its)),
    )


def _heads(tags: Sequence[str]) -> set[str]:
    """What the tags are about: ``gender=female`` is about gender, plain classes are all about one thing."""
    return {pair[0] if (pair := head_and_value(tag)) else "" for tag in tags}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more files" if len(names) > _NAMED else shown


def _count_and_names(names: Sequence[str]) -> str:
    return f"{len(names)}: {_some(names)}" if names else "0"
