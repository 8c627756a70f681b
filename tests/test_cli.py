"""How the program ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from thirtyfold import doctor
from thirtyfold.cli import main


def test_ctrl_c_is_said_in_a_word_and_ends_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "thirtyfold: stopped\n"


@pytest.mark.parametrize(
    "command", ["check", "train", "augment", "split", "annotate", "compare", "evaluate", "export", "enroll Bo"]
)
def test_a_path_that_no_disk_takes_is_named_in_one_sentence(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "x" * 300])
    said = capsys.readouterr().err
    assert ended.value.code == 4
    assert said.startswith("thirtyfold: xxx")
    assert "File name too long" in said
    assert len(said) < 260


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise FileNotFoundError(2, "No such file or directory", "inner.json")

    monkeypatch.setattr(doctor, "examine", broken)
    with pytest.raises(FileNotFoundError):
        main(["doctor"])
