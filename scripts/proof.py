"""Every claim of this project, run again: ``docs/proof.md`` with figures, machine and commit.

    python scripts/proof.py                       everything: hours on two cores
    python scripts/proof.py --only geometry,bad-files
    python scripts/proof.py --list                what there is, and how long it took last time
    python scripts/proof.py --page                write the page anew from what was measured before

A claim is a command of this repository, and where there is a number to reach, how it is read from what the command
prints. What was measured stands in ``.proof/NAME.json`` (ignored by git) with its commit, so that hours can be had in
pieces; the page says of each claim from which commit it is. Nothing is judged by hand: a claim whose command fails, or
whose number is not reached, says so on the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".proof"
PAGE = ROOT / "docs" / "proof.md"
SHARED = Path(os.environ.get("THIRTYFOLD_SHARED", ROOT.parent / "shared"))
DATA = SHARED / "data"
_SHOWN_LINES = 60
# Each claim writes the page anew, which makes no other program of what the next one runs.
_NOT_THE_PAGE = ":(exclude)docs/proof.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A number in what the command prints: the first group of ``found``, and the least it has to be.

    ``at_most``: the most instead. ``every``: all matches have to reach it; else the last one does.
    """

    what: str
    found: str
    least: float
    at_most: bool = False
    every: bool = False

    def reached(self, text: str) -> tuple[bool, str]:
        """Whether it is, and the number in words."""
        numbers = [float(match.replace(",", "")) for match in re.findall(self.found, text, re.MULTILINE)]
        if not numbers:
            return False, "not in the output"
        judged = numbers if self.every else numbers[-1:]
        number = max(judged) if self.at_most else min(judged)
        return (number <= self.least if self.at_most else number >= self.least), f"{number:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """``command`` is run in the repository with ``environment`` added. ``needs_data``: the real photos are needed.

    ``goes_on``: what an earlier run left in its folder is gone on with.
    """

    name: str
    title: str
    says: str
    command: tuple[str, ...]
    goals: tuple[Goal, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    needs_data: bool = False
    goes_on: bool = False


def _python(*arguments: str) -> tuple[str, ...]:
    return ("python", *arguments)


def _tests(*arguments: str) -> tuple[str, ...]:
    return _python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)


# `{data}` stands for the folder of the real photos, `{work}` for one that is kept between two runs.
CLAIMS = (
    Claim(
        name="conversions",
        title="Labels survive every road between formats",
        says="All pairs of formats, drawn by Hypothesis and on real labels; what a format cannot carry is in its table "
        "of losses.",
        command=_tests("tests/datasets/formats"),
    ),
    Claim(
        name="conversion-speed",
        title="Ten thousand photos change their format",
        says="At least 500 photos a second on every road.",
        command=_python("benchmarks/convert.py"),
        goals=(Goal(what="photos a second", found=r"^\| \w+ \| \w+ \| (\d+) \|", least=500, every=True),),
    ),
    Claim(
        name="geometry",
        title="Shapes go where the pixels go",
        says="10,000 random shapes and transforms; IoU with the shape's own picture at least 0.98 for shapes of 40 px, "
        "and no exception.",
        command=_python("benchmarks/geometry.py"),
        goals=(
            Goal(what="lowest IoU", found=r"^ *\w+ \| +\d+ \| +\d+ \| +\d+ \| +(\d\.\d+)", least=0.98, every=True),
            Goal(what="exceptions", found=r"\| +(\d+)$", least=0, at_most=True, every=True),
        ),
    ),
    Claim(
        name="kills",
        title="kill -9 leaves nothing half",
        says="Writing commands killed at random moments, then run again: byte for byte what an undisturbed run gives.",
        command=_tests(
            "tests/augment/test_writer.py", "tests/augment/test_shards.py", "tests/robustness", "-k", "kill"
        ),
        environment=(("THIRTYFOLD_KILLS", "50"),),
    ),
    Claim(
        name="bad-files",
        title="Broken files are named, and nothing else happens",
        says="Over 250 broken files through every command: one sentence each, no traceback, the folder unchanged.",
        command=_tests("tests/robustness", "tests/datasets/test_check.py", "-k", "not kill"),
    ),
    Claim(
        name="exports",
        title="Every exported form says what Keras says",
        says="Float forms within a pixel at 640 px; int8 runs only where it costs nothing.",
        command=_tests("tests/model/export"),
    ),
    Claim(
        name="no-network",
        title="No network but what it says it fetches",
        says="A whole road in a process that may not connect anywhere.",
        command=_tests("tests/package/test_first_run.py"),
    ),
    Claim(
        name="startup",
        title="Help comes at once",
        says="`--help` within 150 ms, start of Python included.",
        command=_python("benchmarks/startup.py"),
        goals=(Goal(what="median ms of --help", found=r"^\S*.*--help +\d+ +(\d+)$", least=150, at_most=True),),
    ),
    Claim(
        name="check-speed",
        title="Ten thousand photos are looked through",
        says="Beside decoding them by OpenCV in the same run.",
        command=_python("benchmarks/check.py"),
    ),
    Claim(
        name="augment-speed",
        title="Copies against the loop that people write first",
        says="Goals: 3 times with files, 4 times with shards, whole run. In memory, so that it is not the disk that is "
        "measured.",
        command=_python(
            "benchmarks/augment.py", "{data}/clip_frames", "--photos", "200", "--rounds", "3", "--only", "seed",
            "--work", "/dev/shm",  # noqa: S108
        ),
        goals=(
            Goal(what="files, times", found=r"seed, files, 2 processes +[\d,]+ images/s +(\d+\.\d+) x", least=3),
            Goal(what="shards of 224 px, times", found=r"224 px, 2 processes +[\d,]+ images/s +(\d+\.\d+) x", least=4),
        ),
        needs_data=True,
    ),
    Claim(
        name="train-speed",
        title="Training against the notebook's road",
        says="Goal: ten times as fast to the notebook's best validation IoU.",
        command=_python("benchmarks/train.py"),
        goals=(Goal(what="times as fast", found=r"(\d+\.\d+) times as fast", least=10),),
        needs_data=True,
    ),
    Claim(
        name="road",
        title="A face detector from a hundred webcam photos, each person held out in turn",
        says="Goal: mean IoU 0.80 on people it never saw.",
        command=_python("benchmarks/road.py", "--leave-one-person-out"),
        goals=(Goal(what="mean IoU", found=r"mean of the four people.*\*\*(\d\.\d+)\*\*", least=0.80),),
        needs_data=True,
    ),
    Claim(
        name="crowd",
        title="Many faces in a photo",
        says="multi_faces_voc, a third of the photos held out.",
        command=_python("benchmarks/road.py", "--crowd"),
        needs_data=True,
    ),
    Claim(
        name="classify",
        title="Transfer against training from nothing; masks",
        says="dogs10 with three backbones and three seeds; masks with a goal of 0.97 accuracy.",
        command=_python("benchmarks/classify.py", "{data}/dogs10", "{data}/masks"),
        goals=(Goal(what="masks, mean test accuracy", found=r"mean test accuracy (\d\.\d+)", least=0.97),),
        needs_data=True,
    ),
    Claim(
        name="mask-chain",
        title="Masks on street photos: what finders miss, and what the classifier gets wrong",
        says="multi_faces_voc, Haar, YuNet and a trained detector side by side; the classifier of close-ups, and one "
        "that saw street faces, too.",
        command=_python(
            "benchmarks/mask_chain.py", "{data}/masks", "{data}/multi_faces_voc", "--out", "{work}/mask-chain"
        ),
        needs_data=True,
    ),
    Claim(
        name="recognize",
        title="Who is it, among people that nothing was trained on",
        says="lfw10, half of the people held out in turn.",
        command=_python("benchmarks/recognize.py", "--data", "{data}/lfw10"),
        needs_data=True,
    ),
    Claim(
        name="attributes",
        title="Gender and age",
        says="A drawn set with known numbers, and the age of ten real people (lfw10), against always saying the mean.",
        command=_python("benchmarks/attributes.py", "--work", "{work}/attributes", "--data", "{data}/lfw10"),
        needs_data=True,
    ),
    Claim(
        name="segment",
        title="Tumours in brain MRI, five folds by group",
        says="Goal: mean Dice 0.70; beside Otsu's threshold and a U-Net from nothing. Folds that an earlier run has "
        "finished are taken as they are: about five minutes a fold and network.",
        command=_python("benchmarks/segment.py", "{data}/brain_mri", "--work", "{work}/segment"),
        goals=(Goal(what="mean Dice", found=r"^imagenet +5 test +\d+ +(\d\.\d+)", least=0.70),),
        needs_data=True,
        goes_on=True,
    ),
)  # fmt: skip


def measure(claim: Claim) -> dict[str, Any]:
    """Run a claim's command and write what came of it."""
    work = RESULTS / "work"
    if not claim.goes_on:
        shutil.rmtree(work / claim.name, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    command = [part.format(data=DATA, work=work) for part in claim.command]
    command[0] = sys.executable
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **_weights(), **dict(claim.environment)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    result = {
        "name": claim.name,
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "--porcelain", "-uno", "--", ".", _NOT_THE_PAGE) else ""),
        "when": time.strftime("%Y-%m-%d"),
        "machine": _machine(),
        "seconds": round(time.perf_counter() - started, 1),
        "exit": done.returncode,
        "output": done.stdout,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{claim.name}.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result


def _weights() -> dict[str, str]:
    """Homes for Keras and ours, with copies of the weights beside the real photos: Keras deletes what it doubts."""
    homes = {"KERAS_HOME": ("keras", "*.h5"), "THIRTYFOLD_HOME": ("thirtyfold", "*.onnx")}
    found = {}
    for variable, (name, pattern) in homes.items():
        models = RESULTS / name / "models"
        for path in sorted((SHARED / "weights").glob(pattern)):
            models.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, models / path.name)
            found[variable] = str(models.parent)
    return found


def verdict(claim: Claim, result: dict[str, Any]) -> list[tuple[bool, str]]:
    """What became of a claim: whether each of its goals is reached, and the words for it."""
    if result["exit"]:
        return [(False, f"the command failed (exit code {result['exit']})")]
    if not claim.goals:
        return [(True, "passed" if "pytest" in claim.command else "measured")]
    said = []
    for goal in claim.goals:
        reached, number = goal.reached(result["output"])
        bound = f"{'at most' if goal.at_most else 'at least'} {goal.least:g}"
        said.append((reached, f"{goal.what}: {number} ({'reached' if reached else 'NOT reached'}: {bound})"))
    return said


def page(results: dict[str, dict[str, Any]]) -> str:
    """The page's text."""
    lines = [
        "# Proof",
        "",
        "Every claim of this project, and what came out when it was run. `make proof` runs all of it again and writes "
        "this page; `python scripts/proof.py --only NAME` runs one. Speeds are of the machine named, and are worth "
        "little on another; ratios travel better. A goal that is not reached says so.",
        "",
        "| claim | what came out | commit |",
        "|---|---|---|",
    ]
    for claim in CLAIMS:
        result = results.get(claim.name)
        if result is None:
            lines.append(f"| [{claim.title}](#{claim.name}) | not measured yet | |")
            continue
        said = "<br>".join(text for _, text in verdict(claim, result))
        lines.append(f"| [{claim.title}](#{claim.name}) | {said} | {result['commit']} |")
    for claim in CLAIMS:
        result = results.get(claim.name)
        lines += ["", f"## {claim.title} {{ #{claim.name} }}", "", claim.says, "", "```text", f"{_shown(claim)}", "```"]
        if result is None:
            continue
        minutes = result["seconds"] / 60
        lines += [
            "",
            f"{result['when']}, commit {result['commit']}, {minutes:.1f} minutes on {result['machine']}.",
            "",
            "```text",
            *_tail(result["output"]),
            "```",
        ]
    return "\n".join([*lines, ""])


def _shown(claim: Claim) -> str:
    before = "".join(f"{name}={value} " for name, value in claim.environment)
    return before + " ".join(claim.command).format(data="../shared/data", work=".proof/work")


def _tail(output: str) -> Sequence[str]:
    # Bars and progress go over the same line again and again; what stands last is what a person sees.
    kept = [line.split("\r")[-1].rstrip().replace(str(ROOT), ".") for line in output.splitlines()]
    kept = [re.sub(r"[^\s=:'\"]*/shared/data\b", "../shared/data", line) for line in kept if line.strip()]
    return kept[-_SHOWN_LINES:]


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = "a processor that does not say its name"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        found = re.search(r"model name\s*: (.+)", cpuinfo.read_text(encoding="utf-8"))
        name = found.group(1) if found else name
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{cores} cores of {name}, load {load:.1f} when it began"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _known() -> dict[str, dict[str, Any]]:
    found = {}
    for claim in CLAIMS:
        path = RESULTS / f"{claim.name}.json"
        if path.is_file():
            found[claim.name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--page", action="store_true", help="measure nothing")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name]
    if unknown := sorted(set(wanted) - {claim.name for claim in CLAIMS}):
        parser.error(f"--only {unknown[0]}: one of {', '.join(claim.name for claim in CLAIMS)} was expected")
    if options.list:
        known = _known()
        for claim in CLAIMS:
            took = f"{known[claim.name]['seconds'] / 60:.1f} min" if claim.name in known else "never"
            print(f"{claim.name:18} {took:>9}  {claim.title}")
        return
    failed = False
    for claim in CLAIMS if not options.page else ():
        if wanted and claim.name not in wanted:
            continue
        if claim.needs_data and not DATA.is_dir():
            print(f"{claim.name}: skipped, the real photos are not here ({DATA})")
            continue
        print(f"{claim.name}: {_shown(claim)}", flush=True)
        result = measure(claim)
        for reached, text in verdict(claim, result):
            print(f"  {text}, {result['seconds']:.0f} s", flush=True)
            failed |= not reached
        PAGE.write_text(page(_known()), encoding="utf-8")
    PAGE.write_text(page(_known()), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
