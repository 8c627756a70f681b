"""How long a person waits: for `--help`, and for the first box of `live`.

    python benchmarks/startup.py [--run RUN --source VIDEO] [--repeats 10]

Each command is started anew, as a person does; the least and the median of the repeats
are printed, in milliseconds. The first start of each is not counted: it fills the disk cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

THIRTYFOLD = [sys.executable, "-m", "thirtyfold"]


def seconds_of(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def first_box_seconds(run: str, source: str) -> float:
    command = [
        *THIRTYFOLD,
        "live",
        "--model",
        run,
        "--source",
        source,
        "--view",
        "none",
        "--json",
        "--max-seconds",
        "2",
    ]
    numbers = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if numbers["first_box_seconds"] is None:
        raise SystemExit(f"{run} finds nothing in the first 2 seconds of {source}")
    return float(numbers["first_box_seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run folder, to time `live`")
    parser.add_argument("--source", help="a video in which it finds something at once")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    cases = {
        "python -c pass": lambda: seconds_of([sys.executable, "-c", "pass"]),
        "thirtyfold --help": lambda: seconds_of([*THIRTYFOLD, "--help"]),
        "thirtyfold train --help": lambda: seconds_of([*THIRTYFOLD, "train", "--help"]),
        "thirtyfold live --help": lambda: seconds_of([*THIRTYFOLD, "live", "--help"]),
    }
    if options.run and options.source:
        cases["live: first box"] = lambda: first_box_seconds(options.run, options.source)
    print(f"{'':28}{'least ms':>10}{'median ms':>11}")
    for name, measure in cases.items():
        measure()
        times = [measure() for _ in range(options.repeats)]
        print(f"{name:28}{min(times) * 1000:10.0f}{statistics.median(times) * 1000:11.0f}")


if __name__ == "__main__":
    main()
