"""What a page may ask for: JSON in, checked, the program's own values out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from thirtyfold.errors import UsageError
from thirtyfold.live.view import Command, HideLabels, Request, SetPaused, SetThreshold
from thirtyfold.live.web.bodies import FromPage, not_as_expected

_Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Labels = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=1000)]


class Pause(FromPage):
    do: Literal["pause"]
    paused: bool


class Threshold(FromPage):
    do: Literal["threshold"]
    value: _Score


class Hide(FromPage):
    do: Literal["hide"]
    labels: _Labels


class Save(FromPage):
    do: Literal["save"]


class SaveShown(FromPage):
    """The last frame of a browser's camera, with the boxes that its page shows."""

    do: Literal["save shown"]
    camera: Annotated[str, Field(max_length=64)]
    threshold: _Score
    hidden: _Labels


class Stop(FromPage):
    do: Literal["stop"]


Order = Pause | Threshold | Hide | Save | SaveShown | Stop
_ORDERS: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="do")])


class CameraSetting(FromPage):
    """What a page says to its own camera's socket, of itself alone. ``still``: these are pictures, and no film."""

    threshold: _Score
    still: bool = False


def read_setting(data: str) -> CameraSetting:
    """A text message of a camera's socket. Raises :class:`UsageError` for anything else."""
    try:
        return CameraSetting.model_validate_json(data)
    except ValidationError as error:
        raise UsageError("the message: a frame, or a threshold as JSON, was expected") from error


def read_order(data: bytes) -> Order:
    """The order in a request's body. Raises :class:`UsageError` for anything else."""
    try:
        return _ORDERS.validate_json(data)
    except ValidationError as error:
        raise not_as_expected("the order", error) from error


def request_of(order: Order) -> Request | None:
    """The order as a view hands it on; ``None`` for one about a browser's camera."""
    if isinstance(order, Pause):
        return SetPaused(paused=order.paused)
    if isinstance(order, Threshold):
        return SetThreshold(threshold=order.value)
    if isinstance(order, Hide):
        return HideLabels(labels=frozenset(order.labels))
    if isinstance(order, Save):
        return Command.SAVE
    if isinstance(order, Stop):
        return Command.STOP
    return None
