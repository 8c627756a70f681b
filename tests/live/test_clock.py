from __future__ import annotations

import subprocess
import sys
import time

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says exactly when a process started")
def test_the_start_of_the_process_is_told_by_the_system() -> None:
    code = (
        "import time; time.sleep(0.5); from thirtyfold.live.clock import process_started_at; "
        "print(time.perf_counter() - process_started_at())"
    )
    before = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    whole = time.perf_counter() - before
    # Both counts can only be too small by a clock tick of 10 ms.
    assert 0.5 - 0.02 <= float(done.stdout) <= whole + 0.02
