"""What is known of the objects in the picture, from what the model found to what is drawn. Pure."""

from __future__ import annotations

from itertools import count

from thirtyfold.live.detector import Detection
from thirtyfold.live.extras.blur import Veil
from thirtyfold.predict.chain import kind_of, without_verdict
from thirtyfold.predict.track import Track, Tracker
from thirtyfold.sample import Annotation, BoxXyxy


class Objects:
    """Detections in, objects out; with identities and steadied boxes, or as the model gave them.

    ``hidden`` (labels) may be set at any time, ``threshold`` is changed by :meth:`turn`. ``sequence`` is false
    for a folder of pictures, where nothing goes on from one to the next. Where boxes are not to be ``steady``, what
    is shown has no identity (0); what is counted and cut out has one all the same.
    """

    def __init__(self, *, threshold: float, steady: bool, sequence: bool, veiled: bool) -> None:
        self.threshold = threshold
        self.hidden: frozenset[str] = frozenset()
        self.detection: Detection | None = None
        self.steady = steady and sequence
        self._sequence = sequence
        self._tracker = Tracker()
        self._veil_threshold = threshold
        self._veil = Veil(threshold) if veiled else None
        self._numbers = count(1)
        self._loose: tuple[Track, ...] = ()
        self._loose_seen = 0
        self._turned = False

    @property
    def seen(self) -> int:
        """How many different objects there were so far."""
        return self._tracker.objects_seen if self._sequence else self._loose_seen

    def learn(self, detection: Detection) -> bool:
        """What the model found last; says whether that is new."""
        if self.detection is not None and detection.frame.index == self.detection.frame.index:
            return False
        self.detection = detection
        self._turned = False
        seconds = detection.frame.seconds
        if self._sequence:
            self._tracker.update(detection.annotations, seconds, threshold=self.threshold)
        if self._veil is not None:
            if not self._sequence:
                self._veil = Veil(self._veil_threshold)
            self._veil.learn(detection.annotations, seconds)
        self._loose = self._as_tracks(detection)
        self._loose_seen += len(self._loose)
        return True

    def turn(self, threshold: float) -> None:
        """Another threshold: where the picture is held, it decides over what was found on it, object or not."""
        self.threshold = threshold
        self._turned = True
        if self.detection is not None:
            self._loose = self._as_tracks(self.detection)

    def at(self, seconds: float) -> tuple[Track, ...]:
        """What is to be shown on the picture of ``seconds`` of the source's clock."""
        tracks = self._tracker.at(seconds) if self.steady and not self._turned else self._loose
        return tuple(track for track in tracks if self._is_wanted(track.detected))

    def identified(self) -> tuple[Track, ...]:
        """The objects on the picture that the model looked at last, hidden labels too: for counting and cutting out."""
        if self.detection is None:
            return ()
        return self._tracker.at(self.detection.frame.seconds) if self._sequence else self._loose

    def as_found(self) -> tuple[Annotation, ...]:
        """What the model said last, from the threshold on, neither steadied nor hidden: for label files."""
        found = () if self.detection is None else self.detection.annotations
        return tuple(without_verdict(one) for one in found if (one.score or 0.0) >= self.threshold)

    def covered_xyxy(self, seconds: float) -> list[BoxXyxy]:
        """What nobody may see of the picture of ``seconds``."""
        return [] if self._veil is None else self._veil.boxes_xyxy(seconds)

    def _is_wanted(self, annotation: Annotation) -> bool:
        return annotation.label not in self.hidden and kind_of(annotation) not in self.hidden

    def _as_tracks(self, detection: Detection) -> tuple[Track, ...]:
        return tuple(
            Track(
                id=0 if self._sequence else next(self._numbers),
                annotation=found,
                detected=found,
                hits=1,
                seen_seconds=detection.frame.seconds,
            )
            for found in detection.annotations
            if (found.score or 0.0) >= self.threshold
        )
