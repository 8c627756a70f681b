"""Who comes into a gallery and who goes out: what `enroll`, `people` and `forget` do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.errors import DataError, ImageError, UsageError
from thirtyfold.images import Pixels, is_image, rgb_of
from thirtyfold.predict.chain import crop
from thirtyfold.predict.gallery import Entry, Gallery, Maker, check_name
from thirtyfold.predict.gallery_facts import alike, people_of
from thirtyfold.predict.gallery_folder import (
    DEFAULT_GALLERY,
    delete_gallery,
    is_gallery,
    keep_photo,
    locked,
    read_gallery,
    write_gallery,
)
from thirtyfold.predict.gallery_results import EnrollResult, ForgetResult, Listed
from thirtyfold.predict.recognizer import open_its_embedder, require_same, with_decision, with_decision_anew
from thirtyfold.predict.recognizer_threshold import DEFAULT_FAR
from thirtyfold.progress import SILENT, Progress
from thirtyfold.sample import Annotation, box_area

if TYPE_CHECKING:
    from thirtyfold.predict.detectors import Detector
    from thirtyfold.predict.embedder import Embedder

# A smaller face has too few pixels to tell anybody by.
SMALLEST_FACE_PX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollOptions:
    """``largest``: of several faces take the largest, instead of refusing the photo. ``keep_photos``: copy them, too.

    ``far`` and ``threshold`` change what the gallery decides by, ``None`` leaves that as it is. ``wanted`` is the
    number of faces after which no more photos are looked at (a camera's never end). ``patient``: photos without
    exactly one face are passed over, not refused.
    """

    folder: Path = DEFAULT_GALLERY
    largest: bool = False
    keep_photos: bool = False
    far: float | None = None
    threshold: float | None = None
    wanted: int | None = None
    patient: bool = False

    def __post_init__(self) -> None:
        check_rates(self.far, self.threshold)
        if self.wanted is not None and self.wanted < 1:
            raise UsageError(f"--n {self.wanted}: at least one photo was expected")


def check_rates(far: float | None, threshold: float | None) -> None:
    """Raise :class:`UsageError` for a rate or a cosine that is none."""
    if far is not None and not 0 < far < 1:
        raise UsageError(f"--far {far}: a rate above 0 and below 1 was expected, like 0.01")
    if threshold is not None and not -1 <= threshold <= 1:
        raise UsageError(f"--threshold {threshold}: a cosine from -1 to 1 was expected, like 0.4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """An encoded picture and its name, for the gallery's list."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def read_photos(sources: Sequence[Path]) -> list[Photo]:
    """The pictures that ``sources`` name, folders by name. Raises :class:`UsageError`, :class:`ImageError`."""
    paths: list[Path] = []
    for source in sources:
        if source.is_dir():
            inside = sorted(path for path in source.iterdir() if is_image(path))
            if not inside:
                raise UsageError(f"{source}: holds no pictures; JPEG, PNG, BMP, WebP and TIFF are read")
            paths += inside
        else:
            paths.append(source)
    photos = []
    for path in paths:
        try:
            photos.append(Photo(name=path.name, data=path.read_bytes()))
        except OSError as error:
            raise ImageError(path, f"cannot be opened ({error.strerror or error})") from error
    return photos


def enroll(
    name: str,
    photos: Iterable[Photo],
    detector: Detector,
    embedder: Embedder,
    options: EnrollOptions,
    *,
    now: datetime,
    progress: Progress = SILENT,
) -> EnrollResult:
    """Add a person's faces to a gallery; a photo that shows none, or several, is refused and the others go on.

    Raises :class:`UsageError` for a name, :class:`ModelError` for an embedder that is not the gallery's,
    :class:`DataError` if no photo shows a face. The gallery is written once, when all is known.
    """
    name = check_name(name)
    with locked(options.folder, "enroll"):
        known = read_gallery(options.folder) if is_gallery(options.folder) else None
        if known is not None:
            require_same(options.folder, known, embedder)
            if twin := next((one for one in known.people if one != name and one.casefold() == name.casefold()), None):
                raise UsageError(
                    f"{name}: {twin} is enrolled already; write the name in the same way, or add a surname"
                )
        gallery = known or _empty(embedder)
        entries, crops, refused = _faces(name, photos, gallery, detector, options, now, progress)
        if not entries:
            reason = f" ({refused[0][0]}: {refused[0][1]})" if refused else ""
            raise DataError(f"{name}: no photo shows one face to enrol{reason}; nothing was changed")
        gallery = gallery.with_faces([entry for entry, _ in entries], embedder.embed(crops))
        if options.keep_photos:
            gallery = _with_photos(options.folder, gallery, entries)
        gallery = _decided(gallery, embedder, far=options.far, threshold=options.threshold)
        others = _decided(gallery.without(name), embedder, far=None, threshold=None).decision
        write_gallery(options.folder, gallery)
    return EnrollResult(
        name=name,
        folder=options.folder,
        enrolled=tuple(entry.photo for entry, _ in entries),
        refused=tuple(refused),
        photos_in_all=len(gallery.of(name)),
        alike=alike(gallery, name, threshold=None if others is None else others.threshold),
        decision=gallery.decision,
        kept_photos=len(entries) if options.keep_photos else 0,
    )


def forget(name: str, folder: Path, *, dry_run: bool = False) -> ForgetResult:
    """Take a person out: embeddings and kept photos. Needs no model. Raises :class:`DataError` if there is none."""
    if dry_run:
        gallery, rest = _taken_out(name, folder)
        photos = sum(entry.kept is not None for entry in gallery.of(name))
        return _forgotten(name, folder, gallery, rest, photos=photos, dry_run=True)
    read_gallery(folder)  # before the folder is made for its lock
    with locked(folder, "forget"):
        gallery, rest = _taken_out(name, folder)
        photos = write_gallery(folder, with_decision_anew(rest)) if rest.entries else delete_gallery(folder)
    return _forgotten(name, folder, gallery, rest, photos=photos, dry_run=False)


def list_people(folder: Path) -> Listed:
    """Everybody in a gallery. Raises :class:`DataError`."""
    gallery = read_gallery(folder)
    return Listed(folder=folder, gallery=gallery, people=people_of(gallery))


def change_threshold(
    folder: Path, *, far: float | None, threshold: float | None, progress: Progress = SILENT
) -> Gallery:
    """Decide by another false-accept rate, or by a cosine given by hand, from now on. Raises as :func:`enroll` does."""
    check_rates(far, threshold)
    embedder = open_its_embedder(folder, read_gallery(folder), progress)
    with locked(folder, "decide"):
        gallery = _decided(read_gallery(folder), embedder, far=far, threshold=threshold)
        write_gallery(folder, gallery)
    return gallery


def _decided(gallery: Gallery, embedder: Embedder, *, far: float | None, threshold: float | None) -> Gallery:
    """With a new decision; giving a rate cancels a threshold that was given by hand before."""
    kept = gallery.given_threshold if far is None else None
    gallery = replace(
        gallery,
        far=gallery.far if far is None else far,
        given_threshold=kept if threshold is None else threshold,
    )
    return with_decision(gallery, evidence=embedder.evidence, published_threshold=embedder.published_threshold)


def _empty(embedder: Embedder) -> Gallery:
    import numpy as np

    return Gallery(
        maker=Maker(source=embedder.source, sha256=embedder.sha256, pixels=embedder.pixels),
        entries=(),
        vectors=np.zeros((0, embedder.dimension), np.float32),
        far=DEFAULT_FAR,
    )


def _faces(
    name: str,
    photos: Iterable[Photo],
    gallery: Gallery,
    detector: Detector,
    options: EnrollOptions,
    now: datetime,
    progress: Progress,
) -> tuple[list[tuple[Entry, Photo]], list[Pixels], list[tuple[str, str]]]:
    """The new entries with their photos, the faces with their margin, and the refused photos with the reason."""
    entries: list[tuple[Entry, Photo]] = []
    crops: list[Pixels] = []
    refused: list[tuple[str, str]] = []
    seen: set[str] = set()
    with progress.bar("faces", total=options.wanted, unit="photo") as bar:
        for photo in photos:
            sha256 = photo.sha256
            holder = name if sha256 in seen else gallery.holder_of(sha256)
            if holder is not None:
                refused.append((photo.name, f"the same photo is enrolled already, of {holder}"))
                continue
            try:
                pixels = rgb_of(photo.data, Path(photo.name))
            except ImageError as error:
                refused.append((photo.name, error.reason))
                continue
            face = _the_face(detector(pixels), largest=options.largest)
            if isinstance(face, str):
                if not options.patient:
                    refused.append((photo.name, face))
                continue
            seen.add(sha256)
            when = now.isoformat(timespec="seconds")
            entries.append((Entry(name=name, photo=photo.name[-200:], sha256=sha256, when=when), photo))
            crops.append(crop(pixels, face.box_xyxy))
            bar.advance()
            if len(entries) == options.wanted:
                break
    return entries, crops, refused


def _the_face(found: Sequence[Annotation], *, largest: bool) -> Annotation | str:
    """The face to enrol, or why there is none."""
    if not found:
        return "no face was found"
    if len(found) > 1 and not largest:
        return f"{len(found)} faces were found; cut one out, or take the largest with --largest"
    face = max(found, key=lambda shape: box_area(shape.box_xyxy))
    left, top, right, bottom = face.box_xyxy
    side = min(right - left, bottom - top)
    if side < SMALLEST_FACE_PX:
        return f"the face is {side:.0f} pixels wide; {SMALLEST_FACE_PX} or more are needed, so come nearer"
    return face


def _with_photos(folder: Path, gallery: Gallery, new: Sequence[tuple[Entry, Photo]]) -> Gallery:
    kept = {
        entry.sha256: keep_photo(folder, entry.sha256, Path(photo.name).suffix or ".jpg", photo.data)
        for entry, photo in new
    }
    return replace(
        gallery, entries=tuple(replace(entry, kept=kept.get(entry.sha256, entry.kept)) for entry in gallery.entries)
    )


def _taken_out(name: str, folder: Path) -> tuple[Gallery, Gallery]:
    """The gallery before and after. Raises :class:`DataError` if the person is not in it."""
    gallery = read_gallery(folder)
    if not gallery.of(name):
        raise DataError(f"{folder}: nobody is called {name!r}; enrolled are {', '.join(gallery.people)}")
    return gallery, gallery.without(name)


def _forgotten(name: str, folder: Path, before: Gallery, after: Gallery, *, photos: int, dry_run: bool) -> ForgetResult:
    return ForgetResult(
        name=name,
        folder=folder,
        faces=len(before.of(name)),
        photos=photos,
        people_left=len(after.people),
        dry_run=dry_run,
    )
