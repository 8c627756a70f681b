"""The shell blocks of README.md and docs/: what stands before each says whether a test runs it.

Directly before a block of ``sh`` or ``console`` stands one of

- ``<!-- run -->``: a test runs every line as it stands, in the page's own folder;
- ``<!-- run, with: capture --source demo --n 6; train --epochs 1 -->``: the same, with these options after those of the
  page (the last one counts), because a webcam or an hour is not there;
- ``<!-- run, exit 3 -->``: and the last line ends with this code;
- ``<!-- not run: why -->``: our own commands are only parsed, so that no option is misspelt.

``{n}`` in options counts up, so that each visit to the virtual camera is another one.

In a ``console`` block lines after ``$`` are commands and the others what they print: run, they have to print just that,
but for the numbers, which are another machine's, and for words after ``any of:`` in the marker, one of which may stand
for another. ``…`` stands for what else differs from run to run, on a line of its own for any number of lines.

Before a block of any other language, ``<!-- file: name.yaml -->`` writes it into the page's folder. ``<!-- given: faces
-->`` at the top of a page says what lies in its folder before (``prepared.py``).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SHELL = ("sh", "console", "bash", "shell")
OURS = ("thirtyfold", "tool")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
# What a line of a page may begin with that is meant to be typed; such a line outside of a shell block slipped through.
TYPED = re.compile(r"^\s*(?:\$ )?(?:thirtyfold|tool|make|pip|python|git|sudo|cd|uv|docker)\s+[\w./-]")

_FENCE = re.compile(
    r"(?:^[ ]*<!--(?P<marker>(?:(?!-->).)*)-->[ ]*\n\s*)?"
    r"^(?P<indent>[ ]*)```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line of a block, and what the page says that it prints (``None``: it does not say)."""

    text: str
    printed: str | None = None

    @property
    def words(self) -> list[str]:
        """As a shell takes them apart, without comment and without ``NAME=value`` before the program."""
        words = shlex.split(self.text, comments=True)
        while words and re.match(r"^[A-Z_]+=", words[0]):
            words = words[1:]
        return words

    @property
    def is_ours(self) -> bool:
        return bool(self.words) and self.words[0] in OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. ``line`` is that of its fence in the page, from 1; ``marker`` what the comment before it says."""

    page: Path
    line: int
    language: str
    text: str
    marker: str = ""
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    any_of: tuple[str, ...] = ()
    exit_code: int = 0

    @property
    def where(self) -> str:
        return f"{short(self.page)}:{self.line}"

    @property
    def is_shell(self) -> bool:
        return self.language in SHELL

    @property
    def is_run(self) -> bool:
        return re.match(r"run\b", self.marker) is not None

    @property
    def reason_not_run(self) -> str:
        return self.marker.removeprefix("not run:").strip() if self.marker.startswith("not run:") else ""

    @property
    def file_name(self) -> str:
        return self.marker.removeprefix("file:").strip() if self.marker.startswith("file:") else ""

    def commands(self) -> Iterator[Command]:
        """The lines to type, continued ones joined, without what is only a comment."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language != "console":
            yield from (
                Command(text=line.strip()) for line in lines if line.strip() and not line.strip().startswith("#")
            )
            return
        typed: str | None = None
        printed: list[str] = []
        for line in [*lines, "$ "]:
            if line.startswith("$ "):
                if typed is not None:
                    yield Command(text=typed, printed="\n".join(printed))
                typed, printed = line[2:].strip(), []
            else:
                printed.append(line)


def pages() -> list[Path]:
    """README.md, the tutorial, then the other pages by name.

    Not those that a script writes: what stands on them to be typed was run by it (``make proof``), or is the program's
    own list of options.
    """
    written = {REPOSITORY / "docs" / name for name in ("cli.md", "proof.md")}
    tutorial = REPOSITORY / "docs" / "tutorial.md"
    others = sorted(path for path in (REPOSITORY / "docs").rglob("*.md") if path not in {*written, tutorial})
    return [REPOSITORY / "README.md", tutorial, *others]


def short(page: Path) -> str:
    """As a person names it: from the repository on."""
    return os.path.relpath(page, REPOSITORY)


def blocks_of(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent = len(match["indent"])
        marker = re.sub(r"\s+", " ", match["marker"] or "").strip()
        found.append(
            Block(
                page=page,
                line=text.count("\n", 0, match.start("language")) + 1,
                language=match["language"],
                text="".join(line[indent:] or "\n" for line in match["text"].splitlines(keepends=True)),
                marker=marker,
                more=_options_of(marker),
                any_of=tuple(said[1].split()) if (said := re.search(r"\bany of: (.*)$", marker)) else (),
                exit_code=int(code[1]) if (code := re.search(r"\bexit (\d+)", marker)) else 0,
            )
        )
    return found


def given(page: Path) -> tuple[str, ...]:
    """What lies in the page's folder before its first line is run."""
    said = re.search(r"<!-- given: ([\w ,]+?) -->", page.read_text(encoding="utf-8"))
    return tuple(re.split(r"[ ,]+", said[1])) if said else ()


def slipped_through(page: Path) -> list[str]:
    """Lines that look as if they were to be typed, and stand where no test sees them."""
    text = page.read_text(encoding="utf-8")
    hidden = [(block.line, block.text) for block in blocks_of(page) if block.language in ("", "text")]
    without_fences = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    found = []
    for first, lines in [*hidden, (1, "\n".join(_indented(without_fences)))]:
        for number, line in enumerate(lines.splitlines(), first):
            if TYPED.match(line):
                found.append(f"{short(page)}:{number}: {line.strip()}")
    return found


def _indented(text: str) -> Iterator[str]:
    """Each line that Markdown takes for code because it is indented; an empty one for every other line."""
    for line in text.splitlines():
        yield line if line.startswith("    ") else ""


def _options_of(marker: str) -> dict[str, tuple[str, ...]]:
    said = re.search(r"\bwith: (.*)$", marker) if marker.startswith("run") else None
    lines = [shlex.split(part) for part in said[1].split(";")] if said else []
    return {words[0]: tuple(words[1:]) for words in lines if words}


def matches(printed: str, said: str, *, any_of: tuple[str, ...] = ()) -> bool:
    """Whether what a page says stands for what was printed. Numbers, widths of tables and gaps do not count."""
    varying = re.compile("|".join([_NUMBER.pattern, *(rf"\b{re.escape(word)}\b" for word in any_of)]))
    printed, said = (varying.sub("0", text) for text in (printed, said))
    pattern = ""
    for line in said.strip("\n").splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
            continue
        for piece in re.split(r"(…|─+|━+|[ ]+)", line.strip()):
            if piece == "…":
                pattern += r"[^\n]*?"
            elif piece[:1] in ("─", "━", " "):
                pattern += f"{re.escape(piece[0])}+"
            else:
                pattern += re.escape(piece)
        pattern += r"[ ]*\n"
    text = "".join(f"{line.strip()}\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, text) is not None
