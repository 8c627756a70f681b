"""Every file and name that the documents mention is there, and the layers are those that import-linter checks."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.shell_blocks import REPOSITORY, blocks_of, pages, short

ARCHITECTURE = REPOSITORY / "ARCHITECTURE.md"
PACKAGE = REPOSITORY / "thirtyfold"
# Where the file of a document's `formats/losses.py` or `road.py --crowd` may lie.
FOLDERS = tuple(REPOSITORY / name for name in ("thirtyfold", "benchmarks", "scripts", "tests"))
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"(?<![\w./<-])([\w./-]+\.py)(?::([\w.]+))?")
# Its last part is a class or a constant, which tells it from `model.tflite` and `photo.jpg`.
_DOTTED = re.compile(r"([a-z_]+)\.([A-Z]\w+|__all__)")
DOCUMENTS = [ARCHITECTURE, *(REPOSITORY / name for name in ("CONTEXT.md", "CONTRIBUTING.md", "SECURITY.md")), *pages()]


def _code_of(text: str) -> Iterator[str]:
    for match in _CODE.finditer(text):
        yield match[1]


def _files(name: str, folders: tuple[Path, ...] = FOLDERS) -> list[Path]:
    """The files that a document may mean: from the repository on, or the end of a path below one of ``folders``."""
    if (REPOSITORY / name).is_file():
        return [REPOSITORY / name]
    last = Path(name).name
    return [path for folder in folders for path in folder.rglob(last) if path.as_posix().endswith(f"/{name}")]


def _defines(code: str, name: str) -> bool:
    return all(
        re.search(rf"\b(?:class|def) {re.escape(part)}\b|^\s*{re.escape(part)}\b.*[:=]", code, re.MULTILINE)
        for part in name.split(".")
    )


@pytest.mark.parametrize("page", DOCUMENTS, ids=short)
def test_a_file_that_is_mentioned_is_there_and_has_the_name(page: Path) -> None:
    for code in _code_of(page.read_text(encoding="utf-8")):
        for name, member in _FILE.findall(code):
            files = _files(name)
            assert files, f"{short(page)}: there is no {name}"
            if member:
                assert any(_defines(path.read_text(encoding="utf-8"), member) for path in files), (
                    f"{name} has no {member}"
                )


@pytest.mark.parametrize("page", pages(), ids=short)
def test_the_tests_that_stand_in_for_a_block_that_is_not_run_are_there(page: Path) -> None:
    for block in blocks_of(page):
        for name in re.findall(r"\btests/[\w./-]*\w|\btest_\w+\.py", block.reason_not_run):
            assert (REPOSITORY / name).exists() or _files(name), f"{block.where}: {name}"


def test_what_the_table_of_rooms_says_to_look_at_lies_in_that_room() -> None:
    rows = [line.split("|")[1:4] for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    assert len(rows) > 12
    for room, _, first in rows:
        modules = [PACKAGE / name for name in _code_of(room)]
        assert all(path.exists() for path in modules), room
        # A room's own modules are named without it; `cli.COMMANDS` and `option.py` stand beside the package's rooms.
        folders = tuple(path for path in modules if path.is_dir())
        for name in _code_of(first):
            if name.endswith("/"):
                assert any((folder / name).is_dir() for folder in folders), f"{room} has no {name}"
            elif name.endswith(".py"):
                places = [folder / name for folder in (*folders, PACKAGE)]
                assert any(path.is_file() for path in places), f"{room} has no {name}"
            else:
                member = name.rpartition(".")[2]
                sources = [path for path in modules if path.is_file()]
                assert any(_defines(path.read_text(encoding="utf-8"), member) for path in sources), (
                    f"{room} has no {name}"
                )


def test_a_table_that_something_new_gets_a_line_in_is_there() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8").partition("\n## How to add\n")[2].partition("\n## ")[0]
    tables = [match.groups() for code in _code_of(text) if (match := _DOTTED.fullmatch(code))]
    assert tables
    for module, name in tables:
        sources = _files(f"{module}.py", (PACKAGE,))
        assert any(_defines(path.read_text(encoding="utf-8"), name) for path in sources), f"no {module}.py has {name}"
    for folder in (code for code in _code_of(text) if code.endswith("/")):
        assert (PACKAGE / folder).is_dir(), folder


def test_the_layers_are_those_that_import_linter_checks() -> None:
    said = re.search(r"`(cli → .*? → errors)`", ARCHITECTURE.read_text(encoding="utf-8"), re.DOTALL)
    assert said
    layers = [set(re.findall(r"\w+", layer)) for layer in said[1].split("→")]
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (checked,) = [one["layers"] for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    assert layers == [set(re.findall(r"thirtyfold\.(\w+)", layer)) for layer in checked if "__main__" not in layer]


def test_every_picture_of_the_docs_is_shown_on_a_page() -> None:
    texts = "".join(page.read_text(encoding="utf-8") for page in [*pages(), REPOSITORY / "mkdocs.yml"])
    assert [path.name for path in (REPOSITORY / "docs" / "images").iterdir() if path.name not in texts] == []


def test_every_page_of_the_site_can_be_reached_from_the_start_page() -> None:
    site = REPOSITORY / "docs"
    linked: set[Path] = set()
    waiting = [site / "index.md"]
    while waiting:
        page = waiting.pop()
        linked.add(page)
        for target in re.findall(r"\]\((?!https?:)([^)\s#]+\.md)", page.read_text(encoding="utf-8")):
            other = (page.parent / target).resolve()
            if other not in linked and other not in waiting:
                waiting.append(other)
    assert set(site.rglob("*.md")) - linked == set()
