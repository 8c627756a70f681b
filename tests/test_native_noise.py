from __future__ import annotations

import os
import threading

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


def test_two_threads_at_once_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    first_inside, second_inside = threading.Event(), threading.Event()

    def first() -> None:
        with without_lines(LITERT_CHAT):
            first_inside.set()
            second_inside.wait(0.3)  # kept out, it does not come

    def second() -> None:
        assert first_inside.wait(5)
        with without_lines(LITERT_CHAT):
            second_inside.set()
            threads[0].join(5)
            os.write(2, b"INFO: chat\nsecond\n")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "second\nstill here\n"
