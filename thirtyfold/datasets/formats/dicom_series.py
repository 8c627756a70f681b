"""A folder of DICOM files: every slice a photo without labels, every patient a session.

Files are known by their content, as scanners often give them no ending. Slices are named by number of patient and
series, in the order in which these are met in the folder, and by their place in the series: names, dates and
identifiers of the header are compared and never written. How greys become 8 bits: :mod:`thirtyfold.medical`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from thirtyfold import medical
from thirtyfold.datasets.formats.format_io import Source
from thirtyfold.datasets.formats.label_set import Entry, LabelSet
from thirtyfold.errors import FileDataError, ImageError
from thirtyfold.sample import Sample

# Looked at to tell what a folder holds.
_FIRST_FILES = 50
_HEAD_BYTES = 132


def detect(root: Path, heads: Mapping[Path, str]) -> str | None:
    """What shows that these are DICOM files: the letters at byte 128 of one."""
    for number, path in enumerate(_files(root)):
        if number == _FIRST_FILES:
            break
        if _is_dicom(path):
            return f"{path.relative_to(root).as_posix()} is DICOM"
    return None


def read(source: Source) -> LabelSet:
    """Every slice and frame. Files that are no DICOM are passed over; broken ones are problems."""
    found: list[tuple[Path, medical.Header]] = []
    problems: list[FileDataError] = []
    without_picture = 0
    for path in [source.file] if source.file else _files(source.root):
        if not _is_dicom(path):
            continue
        try:
            data = _bytes(path)
            header = medical.read_header(data, path)
            medical.read_scan(data, path)  # a file that breaks off is to be named now, not when half is written
            found.append((path, header))
        except ImageError as error:
            if error.reason == medical.NO_PICTURE:
                without_picture += 1
            else:
                problems.append(error)
    patients = _numbered(header.patient for _, header in found)
    series = {patient: _numbered(h.series for _, h in found if h.patient == patient) for patient in patients}
    entries = []
    places: dict[tuple[str, str], int] = {}
    found.sort(key=lambda item: (patients[item[1].patient], series[item[1].patient][item[1].series], item[1].number))
    for path, header in found:
        patient = f"patient{patients[header.patient]:03}"
        for frame in range(header.frames):
            place = places[header.patient, header.series] = places.get((header.patient, header.series), 0) + 1
            name = f"{patient}-series{series[header.patient][header.series]:02}-{place:04}.png"
            entries.append(_entry(path, header, frame, source.root / name, patient))
    notes = [f"{without_picture} DICOM files hold no picture (reports, plans, lists)"] if without_picture else []
    if found:
        notes.append(f"{len(found)} files of {len(patients)} patients; a patient is a session. {medical.GREY_RULE}")
    return LabelSet(entries=tuple(entries), class_names=(), problems=tuple(problems), notes=tuple(notes))


def _entry(path: Path, header: medical.Header, frame: int, image_path: Path, patient: str) -> Entry:
    spacing = header.mm_per_pixel
    return Entry(
        sample=Sample(image_path=image_path, width=header.width, height=header.height, session=patient),
        extra={"capture": {"mm_per_pixel": list(spacing)}} if spacing else {},
        embedded_in=path,
        picture=partial(_png, path, frame),
    )


def _png(path: Path, frame: int) -> bytes:
    import cv2

    frames = medical.read_scan(_bytes(path), path).frames
    return cv2.imencode(".png", cv2.cvtColor(frames[frame], cv2.COLOR_RGB2BGR))[1].tobytes()


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return medical.is_dicom(stream.read(_HEAD_BYTES))
    except OSError:
        return False


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(path, f"cannot be opened ({error.strerror or error})") from error


def _numbered(names: Iterator[str]) -> dict[str, int]:
    """Each name and its place among the different ones, from 1 on."""
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
