"""What every part of a split shall have its share of, by photo: labels, classes and attributes."""

from __future__ import annotations

from thirtyfold.datasets import labelme_json
from thirtyfold.datasets.attributes import read_attributes
from thirtyfold.datasets.machine_made import is_machine_made
from thirtyfold.datasets.split import NOTHING
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.stratify import quantile_bins
from thirtyfold.datasets.unlabelled import is_unlabelled
from thirtyfold.datasets.whole_photo import tag_of
from thirtyfold.errors import LabelError
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset


def classes_by_photo(
    dataset: Dataset, options: SplitOptions, *, progress: Progress = SILENT
) -> dict[str, tuple[str, ...]]:
    """Photo → what every part shall have its share of, for the photos that a person has labelled.

    Its labels, its classes (ticked flags) and its attributes; numbers by quarters of the photos, like ``age 24–31``.
    Raises as :func:`thirtyfold.datasets.attributes.read_attributes` does.
    """
    classes = _labels_by_photo(dataset, progress)
    attributes = read_attributes(dataset, options.attributes, progress=progress)
    for head, its in attributes.heads.items():
        known = {photo: values[head] for photo, values in attributes.by_photo.items() if head in values}
        if its.kind == "number":
            named = quantile_bins(head, {photo: float(value) for photo, value in known.items()})
        else:
            named = {photo: tag_of(head, str(value)) for photo, value in known.items()}
        for photo, name in named.items():
            found = [other for other in classes.get(photo, ()) if other != NOTHING]
            classes[photo] = tuple(sorted({*found, name}))
    return classes


def _labels_by_photo(dataset: Dataset, progress: Progress) -> dict[str, tuple[str, ...]]:
    classes: dict[str, tuple[str, ...]] = {}
    broken: list[LabelError] = []
    for path in dataset.image_paths():
        label_path = dataset.label_path(path)
        if not label_path.exists():
            continue
        try:
            label_file = labelme_json.read(label_path)
        except LabelError as error:
            classes[path.name] = ()  # somebody did label it
            broken.append(error)
            continue
        if is_machine_made(label_file):
            continue
        found = {shape.label for shape in label_file.annotations} | set(label_file.tags)
        if found or not is_unlabelled(label_file):
            classes[path.name] = tuple(sorted(found)) or (NOTHING,)
    if broken:
        what = "1 label file" if len(broken) == 1 else f"{len(broken)} label files"
        progress.say(f"{what} cannot be read, first {broken[0]}; `thirtyfold check {dataset.root}` names them all")
    return classes
