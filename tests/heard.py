"""A progress that keeps what was said."""

from __future__ import annotations

from thirtyfold.progress import Silent


class Heard(Silent):
    """``lines`` are what a person at the terminal reads, one for each call of ``say``."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)
