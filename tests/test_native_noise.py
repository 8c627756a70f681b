from __future__ import annotations

import os

import pytest

from thirtyfold.native_noise import LITERT_CHAT, TENSORFLOW_CHAT, without_lines


def test_chat_is_held_back_and_everything_else_comes_out_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with without_lines(LITERT_CHAT):
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nERROR: something real\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "ERROR: something real\n"


def test_an_error_inside_comes_through_and_stderr_is_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), without_lines(TENSORFLOW_CHAT):
        os.write(2, b"I0000 00:00:1 port.cc:153] oneDNN custom operations are on.\nlast words\n")
        raise ValueError("inside")
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "last words\nstill here\n"
