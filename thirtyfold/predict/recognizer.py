"""Who is it? A gallery and the embedder that made it, as the second model of a chain.

``Chain(faces, open_recognizer(Path("people"), SILENT))`` says a name of each face, or ``unknown``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thirtyfold.errors import DataError, ModelError
from thirtyfold.predict.artifact import newest_run_on
from thirtyfold.predict.chain import MARGIN_SHARE, OF_CUT_OUTS, DetectorAsSecond, Second, Verdict
from thirtyfold.predict.detectors import Model, find_model, open_detector
from thirtyfold.predict.gallery import UNKNOWN, Gallery
from thirtyfold.predict.gallery_folder import DEFAULT_GALLERY, is_gallery, read_gallery
from thirtyfold.predict.recognizer_threshold import (
    ENOUGH_STRANGERS,
    Decision,
    Evidence,
    decide,
    decide_by,
    evidence_of,
    templates,
)
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import DEFAULT_RUNS

if TYPE_CHECKING:
    from thirtyfold.images import Pixels
    from thirtyfold.predict.embedder import Embedder


class Recognizer:
    """A :class:`~thirtyfold.predict.chain.Second`: the person whose template a face is nearest to.

    Below the threshold a face is ``unknown``. The score is how sure the answer is: of a name that it is that
    person, of ``unknown`` that it is not even the nearest one.
    """

    def __init__(self, embedder: Embedder, gallery: Gallery, decision: Decision) -> None:
        self._embedder = embedder
        self._decision = decision
        self._people, self._templates = templates(gallery.vectors, gallery.names)

    @property
    def classes(self) -> tuple[str, ...]:
        return (*self._people, UNKNOWN)

    @property
    def margin_share(self) -> float:
        return MARGIN_SHARE

    def judge(self, crops: Sequence[Pixels]) -> Sequence[Verdict | None]:
        """A name or ``unknown`` for each face with its margin; ``None`` of a picture that gives no vector at all."""
        if not crops:
            return []
        cosines = self._embedder.embed(crops) @ self._templates.T
        return [self._verdict([float(cosine) for cosine in row]) for row in cosines]

    def _verdict(self, cosines: Sequence[float]) -> Verdict | None:
        if not any(cosines):
            return None
        best = max(range(len(cosines)), key=cosines.__getitem__)
        sure = self._decision.score(cosines[best])
        if cosines[best] < self._decision.threshold:
            return Verdict(label=UNKNOWN, score=1 - sure)
        return Verdict(label=self._people[best], score=sure)


def with_decision(gallery: Gallery, *, evidence: Evidence | None, published_threshold: float | None) -> Gallery:
    """The gallery with the threshold it decides by, or without one if too few people are enrolled.

    The first of these that there is: what a person gave; the ``evidence`` of the run's validation people; the
    ``published_threshold`` of the network's makers; the enrolled people themselves. For the two arguments see
    :class:`~thirtyfold.predict.embedder.Embedder`.
    """
    people = len(gallery.people)
    decision = None
    if gallery.given_threshold is not None:
        decision = decide_by(gallery.given_threshold, by="hand", how="given by hand (--threshold)")
    elif evidence is not None and len(evidence.different) >= ENOUGH_STRANGERS:
        decision = decide(evidence, far=gallery.far, people=people, by="run", of_what=f"by {evidence.whose}")
    elif published_threshold is not None:
        how = "as its makers publish it, for pairs of photos of LFW; no rate is promised"
        decision = decide_by(published_threshold, by="published", how=how)
    else:
        own = evidence_of(gallery.vectors, gallery.names)
        if len(own.different) >= ENOUGH_STRANGERS:
            decision = decide(own, far=gallery.far, people=people, by="gallery", of_what="by the enrolled people")
    return replace(gallery, decision=decision)


def with_decision_anew(gallery: Gallery) -> Gallery:
    """As :func:`with_decision`, after somebody was forgotten and without the embedder.

    A threshold that came from the embedder stays: for fewer people it is a little stricter than it has to be.
    """
    if gallery.decision is not None and gallery.decision.by in ("run", "published"):
        return gallery
    return with_decision(gallery, evidence=None, published_threshold=None)


def open_recognizer(folder: Path, progress: Progress = SILENT) -> Recognizer:
    """The recognizer of a gallery folder.

    Raises :class:`DataError` for a gallery that is broken or too small to decide by, and :class:`ModelError` where
    the embedder that made it is not there any more, or is another one by now.
    """
    gallery = read_gallery(folder)
    if gallery.decision is None:
        raise DataError(
            f"{folder}: too few people are enrolled to know how alike strangers are; enrol another person with four "
            f"photos or more, or give the cosine from which two faces are one person (`thirtyfold people --threshold`)"
        )
    return Recognizer(open_its_embedder(folder, gallery, progress), gallery, gallery.decision)


def open_its_embedder(folder: Path, gallery: Gallery, progress: Progress) -> Embedder:
    """The embedder whose vectors a gallery holds. Raises :class:`ModelError`."""
    from thirtyfold.predict.embedder import open_embedder

    maker = gallery.maker
    try:
        embedder = open_embedder(maker.source, pixels=maker.pixels, progress=progress)
    except ModelError as error:
        raise ModelError(f"{folder}: was made with {maker.source}, which cannot be opened ({error})") from error
    require_same(folder, gallery, embedder)
    return embedder


def open_embedder_for(
    folder: Path, source: str | None, *, pixels: str, runs_dir: Path = DEFAULT_RUNS, progress: Progress = SILENT
) -> Embedder:
    """What ``source`` names; without one the embedder of the gallery, and SFace where there is no gallery yet."""
    from thirtyfold.predict.embedder import SFACE_NAME, open_embedder

    if source is None and is_gallery(folder):
        return open_its_embedder(folder, read_gallery(folder), progress)
    return open_embedder(source or SFACE_NAME, runs_dir=runs_dir, pixels=pixels, progress=progress)


def require_same(folder: Path, gallery: Gallery, embedder: Embedder) -> None:
    """Raise :class:`ModelError` if the vectors of a gallery are of another embedder."""
    if (gallery.maker.sha256, gallery.maker.pixels) != (embedder.sha256, embedder.pixels):
        raise ModelError(
            f"{folder}: its faces were measured by {gallery.maker.source}, and {embedder.source} is another network "
            "or another version of it, whose numbers cannot be compared; use the same one, or enrol everybody anew "
            "into another folder (--people)"
        )


def find_second(name: Model, runs_dir: Path = DEFAULT_RUNS) -> Model:
    """What ``--then`` means: the folder of a gallery (``people``), or what :func:`find_model` knows.

    Else the name of a dataset: the newest run on it that says something of a whole picture.
    """
    if is_gallery(Path(name)):
        return Path(name)
    if str(name) == str(DEFAULT_GALLERY):
        read_gallery(DEFAULT_GALLERY)  # says that nobody is enrolled yet
    try:
        return find_model(name, runs_dir)
    except ModelError as error:
        # A folder of that name is often the dataset's own.
        run = newest_run_on(str(name), runs_dir, OF_CUT_OUTS)
        if run is None:
            raise ModelError(f"{error}; nor was a classifier trained on a dataset of the name {name}") from error
        return run


def open_second(model: Model, progress: Progress = SILENT) -> Second:
    """What :func:`find_second` found, ready to look at cut-outs. Raises as :func:`open_recognizer` and detectors do."""
    if is_gallery(Path(model)):
        return open_recognizer(Path(model), progress)
    return DetectorAsSecond(open_detector(model, progress=progress))
