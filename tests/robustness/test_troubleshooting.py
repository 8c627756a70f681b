"""docs/troubleshooting.md quotes sentences that the program really says, and has all that every command can say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "troubleshooting.md"
GAP = "…"
# Whoever reads or writes a file says theirs.
EVERYBODYS = ("files.py", "dataset_lock.py", "workspace.py", "images.py")
FOR_PROGRAMMERS = ("pixels: an RGB picture", "a picture of shape")


def quoted() -> list[str]:
    """The sentences that the page explains: those in code, alone in their line."""
    return [
        match.group(2).strip()
        for match in re.finditer(r"^- (`{1,2})(.+)\1\n\n  \S", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def texts(node: ast.AST) -> str | None:
    """A piece of text as the source has it, what is put in as a gap."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else GAP for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = texts(node.left), texts(node.right)
        return (left or GAP) + (right or GAP) if left is not None or right is not None else None
    return None


def sentences(*names: str) -> dict[str, str]:
    """Every text of the source with its file."""
    found = {}
    for path in sorted((REPOSITORY / "thirtyfold").rglob("*.py")):
        if names and path.relative_to(REPOSITORY / "thirtyfold").as_posix() not in names:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) and (text := texts(node)):
                found[text] = path.name
    return found


def pieces(sentence: str) -> list[str]:
    return [piece for piece in re.split(f"{GAP}+", sentence) if piece.strip(" :;,.()`'")]


@pytest.fixture(scope="module")
def source() -> dict[str, str]:
    return sentences()


def test_the_page_has_the_common_sentences() -> None:
    assert len(quoted()) > 70
    assert len(set(quoted())) == len(quoted())


@pytest.mark.parametrize("sentence", quoted())
def test_a_sentence_on_the_page_is_one_that_the_program_says(sentence: str, source: dict[str, str]) -> None:
    # Its fixed pieces, the longest of which is long enough to search for.
    wanted = pieces(sentence)
    assert max(map(len, wanted)) > 10
    for piece in wanted:
        # A file's name and the reason are put together by the error itself.
        known = [text for text in source if piece.strip().removeprefix(": ") in text]
        assert known, f"{piece!r} is said nowhere any more"


@pytest.mark.parametrize("name", EVERYBODYS)
def test_what_every_command_can_say_is_on_the_page(name: str) -> None:
    tree = ast.parse((REPOSITORY / "thirtyfold" / name).read_text(encoding="utf-8"))
    # A ValueError never reaches a user as it is: its text is the reason in another sentence's brackets.
    raised = [
        text
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (called := getattr(node.func, "id", "")).endswith("Error")
        and called != "ValueError"
        for argument in node.args
        if (text := texts(argument)) and len(text) > 12 and not text.startswith(FOR_PROGRAMMERS)
    ]
    page = quoted()
    for text in raised:
        longest = max(pieces(text), key=len).strip()
        assert any(longest in sentence for sentence in page), f"{name} says {text!r}, and the page does not have it"


def test_the_table_has_every_exit_code() -> None:
    from thirtyfold import errors

    codes = {
        one.exit_code
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.ThirtyfoldError)
    }
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert table == codes | {0, 130, 141}
