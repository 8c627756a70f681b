"""The newest state of the run, for all pages: turned into JSON once, however many look."""

from __future__ import annotations

import json
from typing import Any

from thirtyfold.drawing import Color
from thirtyfold.live.view import LiveState


class Board:
    """Written by the thread that shows, read on the server's. Only the newest state is kept."""

    def __init__(self) -> None:
        self._state: LiveState | None = None
        self._written: tuple[LiveState | None, str] = (None, json.dumps({"starting": True}))

    def put(self, state: LiveState) -> None:
        self._state = state

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's classes; none before it has spoken."""
        state = self._state
        return () if state is None else tuple(state.classes)

    def text(self) -> str:
        """The newest state as JSON; ``{"starting": true}`` before the first. The same string while nothing is new."""
        state = self._state
        if state is not None and state is not self._written[0]:
            self._written = (state, json.dumps(_as_json(state)))
        return self._written[1]


def _as_json(state: LiveState) -> dict[str, Any]:
    return {
        "source": state.source,
        "model": state.model,
        "classes": [
            {"label": label, "color": _hex(state.colors.of(label))} for label in (*state.classes, *state.verdicts)
        ],
        "fps": round(state.fps, 1),
        "age_ms": round(state.age_ms, 1),
        "lag_ms": None if state.lag_ms is None else round(state.lag_ms, 1),
        "model_ms": round(state.model_ms, 1),
        "dropped": state.dropped,
        "threshold": state.threshold,
        "lowest_threshold": state.lowest_threshold,
        "hidden": sorted(state.hidden),
        "paused": state.paused,
        "found": dict(state.found),
        "message": state.message,
        "messages": state.messages,
    }


def _hex(color: Color) -> str:
    return "#" + bytes(color).hex()
