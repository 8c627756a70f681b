"""The proof page: how a number is read, that nothing failed can look reached, and that its commands are there."""

import json
from pathlib import Path

import pytest

from scripts import proof


def _result(output: str, code: int = 0) -> dict[str, object]:
    return {
        "exit": code, "output": output, "commit": "abc", "when": "today", "machine": "one", "seconds": 60.0
    }  # fmt: skip


def _claim(*goals: proof.Goal) -> proof.Claim:
    return proof.Claim(name="one", title="One", says="It is so.", command=("python", "x.py"), goals=goals)


def test_a_goal_takes_the_last_number_or_all_of_them() -> None:
    text = "speed 600\nspeed 1,200\nspeed 900\n"
    assert proof.Goal(what="", found=r"speed ([\d,]+)", least=900).reached(text) == (True, "900")
    assert proof.Goal(what="", found=r"speed ([\d,]+)", least=700, every=True).reached(text) == (False, "600")
    assert proof.Goal(what="", found=r"speed ([\d,]+)", least=1000, every=True, at_most=True).reached(text)[1] == "1200"


def test_a_number_that_is_not_there_or_a_command_that_failed_is_no_proof() -> None:
    claim = _claim(proof.Goal(what="speed", found=r"speed (\d+)", least=1))
    assert proof.verdict(claim, _result("slow"))[0][0] is False
    assert proof.verdict(claim, _result("speed 5", code=1)) == [(False, "the command failed (exit code 1)")]
    (reached, said) = proof.verdict(claim, _result("speed 0"))[0]
    assert not reached
    assert "NOT reached: at least 1" in said


def test_every_command_of_a_claim_is_a_file_of_this_repository() -> None:
    for claim in proof.CLAIMS:
        files = [part for part in claim.command if part.endswith(".py") or part.startswith("tests/")]
        assert files, claim.name
        for name in files:
            assert (proof.ROOT / name).exists(), f"{claim.name}: {name}"
    assert len({claim.name for claim in proof.CLAIMS}) == len(proof.CLAIMS)


def test_the_page_says_what_was_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "RESULTS", tmp_path)
    first = proof.CLAIMS[0]
    (tmp_path / f"{first.name}.json").write_text(json.dumps({"name": first.name, **_result("12 passed")}), "utf-8")
    page = proof.page(proof._known())
    assert f"| [{first.title}](#{first.name}) | passed | abc |" in page
    assert page.count("not measured yet") == len(proof.CLAIMS) - 1


def test_the_page_in_the_docs_has_every_claim() -> None:
    text = proof.PAGE.read_text(encoding="utf-8")
    for claim in proof.CLAIMS:
        assert f"{{ #{claim.name} }}" in text, f"{claim.name}: run python scripts/proof.py --page"
