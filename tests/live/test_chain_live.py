"""Two models one after the other, live: boxes green and red on a video, and in what the page is told."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from tests.drawn import draw_photo
from tests.live.scripted import ENDLESS, ScriptedCamera, ScriptedView, in_turn
from tests.masked import WITH, WITHOUT, draw_masked, is_boxed_in
from thirtyfold import screen
from thirtyfold.cli import main
from thirtyfold.drawing import PALETTE, color_of
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.view import Command
from thirtyfold.live.web.board import Board
from thirtyfold.predict.label_colors import BAD, GOOD


def write_film(path: Path, *, frames: int) -> None:
    """One face, masked in the first half of the film and bare in the second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (640, 480))
    for index in range(frames):
        pixels, _ = draw_masked(3, masked=index < frames // 2, width=640, height=480)
        writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    writer.release()


def test_a_video_is_written_with_green_boxes_while_the_mask_is_on_and_red_ones_then(
    tiny_run: Path, masks_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_film(tmp_path / "film.mp4", frames=24)
    arguments = ["live", "--model", str(tiny_run), "--then", str(masks_run), "--view", "none", "--fast", "--json"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--source", str(tmp_path / "film.mp4"), "--save", str(tmp_path / "out.mp4")])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["frames_with_boxes"] >= 22
    saved = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    shown = []
    while (read := saved.read())[0]:
        shown.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    saved.release()
    assert len(shown) == 24
    _, truth = draw_masked(3, masked=True, width=640, height=480)
    for early in shown[3:11]:
        assert is_boxed_in(early, truth.box_xyxy, GOOD)
        assert not is_boxed_in(early, truth.box_xyxy, BAD)
    for late in shown[14:]:
        assert is_boxed_in(late, truth.box_xyxy, BAD)
        assert not is_boxed_in(late, truth.box_xyxy, GOOD)


def test_the_page_is_told_both_models_labels_and_their_colours(
    tiny_run: Path, masks_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "window_problem", lambda: None)
    view = ScriptedView(in_turn({6: [Command.STOP]}))
    options = LiveOptions(then=masks_run, view="window", colors={WITHOUT: (1, 2, 3)}, track=False)
    camera = ScriptedCamera(ENDLESS, fps=30, pixels=draw_photo(3)[0])
    run_live(tiny_run, options, open_source=lambda source: camera, open_window=lambda title: view)
    board = Board()
    board.put(view.states[-1])
    told = json.loads(board.text())
    assert color_of("face") == PALETTE[3], "it looks like the red one, so it gets another"
    face = "#" + bytes(PALETTE[1]).hex()
    assert told["classes"] == [
        {"label": "face", "color": face},
        {"label": WITH, "color": "#" + bytes(GOOD).hex()},
        {"label": WITHOUT, "color": "#010203"},
    ]
    assert board.labels == ("face",), "what is corrected in the page has the first model's labels"
    assert {label for state in view.states for label in state.found} <= {"face: without_mask"}
