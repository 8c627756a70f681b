from __future__ import annotations

import json
from typing import Any

import pytest

from thirtyfold.errors import UsageError
from thirtyfold.live.view import Command, HideLabels, SetPaused, SetThreshold
from thirtyfold.live.web.orders import SaveShown, read_order, request_of


@pytest.mark.parametrize(
    ("order", "request_"),
    [
        ({"do": "pause", "paused": True}, SetPaused(paused=True)),
        ({"do": "threshold", "value": 0.25}, SetThreshold(threshold=0.25)),
        ({"do": "hide", "labels": ["a", "b", "a"]}, HideLabels(labels=frozenset("ab"))),
        ({"do": "save"}, Command.SAVE),
        ({"do": "stop"}, Command.STOP),
    ],
)
def test_each_order_becomes_what_a_view_asks_for(order: dict[str, Any], request_: object) -> None:
    assert request_of(read_order(json.dumps(order).encode())) == request_


def test_saving_what_a_page_shows_names_its_camera() -> None:
    order = read_order(b'{"do": "save shown", "camera": "x", "threshold": 0.5, "hidden": ["a"]}')
    assert order == SaveShown(do="save shown", camera="x", threshold=0.5, hidden=["a"])
    assert request_of(order) is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x00", b"[]", b"null", b"1", b'"stop"', b"{}", b'{"do": "explode"}', b'{"do": "stop", "path": "/etc"}',
        b'{"do": "threshold"}', b'{"do": "threshold", "value": 2}', b'{"do": "threshold", "value": "0.5"}',
        b'{"do": "threshold", "value": NaN}', b'{"do": "threshold", "value": Infinity}', b'{"do": "pause"}',
        b'{"do": "pause", "paused": "yes"}', b'{"do": "hide", "labels": "a"}', b'{"do": "hide", "labels": [1]}',
        json.dumps({"do": "hide", "labels": ["a"] * 1001}).encode(),
        json.dumps({"do": "hide", "labels": ["a" * 501]}).encode(),
        b'{"do": "save shown", "camera": "../../etc/passwd", "threshold": 0.5}', b"[" * 5000, b'{"do": "\xff"}',
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(UsageError) as raised:
        read_order(body)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300
