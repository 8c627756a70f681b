"""The whole road on an embedded default: no camera, no screen, no download.

The virtual camera (a real, public-domain portrait before real backgrounds) stands in
for the person and knows where the face is, so it labels its own photos. Everything
after that is the same code that a person's photos go through.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thirtyfold import files
from thirtyfold.augment.options import AugmentOptions
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.errors import UsageError
from thirtyfold.live.options import LiveOptions
from thirtyfold.model.options import TrainOptions
from thirtyfold.progress import SILENT, Progress
from thirtyfold.workspace import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """How much of everything. Each session is a visit to the virtual camera, with its own background,
    path and light; ``live_seed`` is a path and a light that no photo was taken of.
    """

    sessions: int = 8
    photos_a_session: int = 12
    factor: int = 30
    train: TrainOptions = field(
        default_factory=lambda: TrainOptions(backbone="tiny", weights="none", size=160, epochs=12)
    )
    live_seed: int = 106
    live_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demo left behind, and its figures."""

    folder: Path
    run_dir: Path
    video: Path
    seconds: float
    steps: dict[str, float]
    photos: int
    copies: int
    test: dict[str, Any]
    live: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "run_dir": str(self.run_dir),
            "report": str(self.run_dir / "report.html"),
            "video": str(self.video),
            "seconds": round(self.seconds, 1),
            "steps_seconds": {name: round(seconds, 1) for name, seconds in self.steps.items()},
            "photos": self.photos,
            "copies": self.copies,
            "test": self.test,
            "live": self.live,
        }

    def facts(self) -> dict[str, object]:
        return {
            "photos": f"{self.photos} captured and labelled, {self.copies} copies",
            "test mean IoU": f"{self.test['mean_iou']:.3f} over {self.test['objects']} faces of unseen sessions",
            "test found": f"{self.test['found']:.1%} at IoU 0.5 or more",
            "live": f"{self.live['fps']:.0f} frames/s, model {self.live['model_ms']:.1f} ms a frame",
            "time": f"{self.seconds:.0f} s (" + ", ".join(f"{n} {s:.0f}" for n, s in self.steps.items()) + ")",
            "report": str(self.run_dir / "report.html"),
            "video": str(self.video),
            "go on": f"thirtyfold live --source demo --model {self.run_dir}",
        }


def run_demo(folder: Path, *, plan: DemoPlan | None = None, progress: Progress = SILENT) -> DemoResult:
    """Capture, label, split, augment ×30, train a small model from nothing, and run it live.

    Works in a new numbered folder of ``folder``; nothing there is overwritten.
    """
    from thirtyfold.augment.writer import augment_dataset
    from thirtyfold.capture.session import capture
    from thirtyfold.datasets.split_plan import split_dataset
    from thirtyfold.live.loop import run_live
    from thirtyfold.model.train import train

    plan = plan or DemoPlan()
    started = time.perf_counter()
    steps: dict[str, float] = {}

    def step(name: str, what: str) -> None:
        steps[name] = time.perf_counter() - started - sum(steps.values())
        progress.say(f"— {name}: {what} ({steps[name]:.0f} s)")

    here = _new_folder(folder)
    dataset = Dataset(here / "faces")
    photos = 0
    for seed in range(plan.sessions):
        options = CaptureOptions(
            source=f"demo:{seed}", count=plan.photos_a_session, every=1.0, session=f"visit{seed + 1}", preview=False
        )
        photos += len(capture(dataset, options, progress=SILENT).images)
    step("capture", f"{photos} photos in {plan.sessions} sessions, labelled by the virtual camera")

    split = split_dataset(dataset, SplitOptions(), progress=progress)
    copies = augment_dataset(dataset, AugmentOptions(factor=plan.factor), progress=progress).copies
    step("augment", f"{len(split.names('train'))} train photos became {copies} copies")

    result = train(dataset, plan.train, runs_dir=here / "runs", progress=progress)
    test = dict(result.artifact.metrics["test"])
    step("train", f"mean IoU {test['mean_iou']:.3f} on sessions it has not seen")

    video = here / "live.mp4"
    live = run_live(
        result.run_dir,
        LiveOptions(source=f"demo:{plan.live_seed}", view="none", save=video, max_seconds=plan.live_seconds),
        progress=SILENT,
    )
    step("live", f"{live.fps:.0f} frames/s, drawn into {video}")
    demo = DemoResult(
        folder=here,
        run_dir=result.run_dir,
        video=video,
        seconds=time.perf_counter() - started,
        steps=steps,
        photos=photos,
        copies=copies,
        test=test,
        live=live.to_dict(),
    )
    files.write_json(here / "demo.json", demo.to_dict())
    return demo


def _new_folder(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder for the demo")
    number = 1
    while True:
        here = folder / str(number)
        try:
            here.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise files.writing_failed(here, error) from error
        else:
            return here
