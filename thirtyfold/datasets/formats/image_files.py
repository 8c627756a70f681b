"""The pictures of a dataset: found by the names that label files give them, and placed in another folder.

A label file comes from anywhere and may name any path. Pictures are only ever taken from
the list of those that lie in the dataset's folder, so no name leads out of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from thirtyfold import files
from thirtyfold.errors import LabelError
from thirtyfold.images import is_image, read_size
from thirtyfold.workspace import is_set_aside

# Not photos of the dataset, but the pixel masks that stand beside them.
MASK_FOLDERS = frozenset({"segmentationclass", "segmentationobject", "masks"})


class ImageIndex:
    """The pictures under one folder by name, whatever upper and lower case."""

    def __init__(self, root: Path, *, skip: frozenset[str] = MASK_FOLDERS) -> None:
        self.root = root
        self.paths: list[Path] = []
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith(".")
                # Without anything to skip a folder is a class, whatever its name.
                and not (skip and (name.lower() in skip or is_set_aside(Path(folder, name))))
            )
            for name in sorted(names):
                path = Path(folder, name)
                if is_image(path) and not (skip and is_set_aside(path)):
                    self.paths.append(path)
                    self._by_name.setdefault(name.casefold(), []).append(path)
                    self._by_stem.setdefault(path.stem.casefold(), []).append(path)

    def find(self, name: str, label_path: Path) -> Path:
        """The picture that ``label_path`` calls ``name``, by its path or, where that leads nowhere, by its bare name.

        Of several it is the one below the label file's own folder. Raises :class:`LabelError` if there is none, or if
        several could be meant.
        """
        pieces = path_pieces(name)
        alike = self._by_name.get(pieces[-1].casefold(), []) if pieces else []
        if not alike and pieces:
            # Datasets whose pictures were saved anew under another ending.
            alike = self._by_stem.get(PurePosixPath(pieces[-1]).stem.casefold(), [])
        if not alike:
            raise LabelError(label_path, f"its picture {name!r} is not in {self.root}; copy it there")
        shared = [_shared_end(pieces, path.relative_to(self.root).parts) for path in alike]
        best = [path for path, length in zip(alike, shared, strict=True) if length == max(shared)]
        if len(best) > 1:
            # `train/labels.json` and `val/labels.json` may both call a photo of their own folder `1.jpg`.
            near = [path for path in best if path.is_relative_to(label_path.parent)]
            best = near if len(near) == 1 else best
        if len(best) > 1:
            shown = ", ".join(path.relative_to(self.root).as_posix() for path in best[:3])
            raise LabelError(label_path, f"its picture {name!r} could be any of {shown}; name the folder, too")
        return best[0]

    def beside(self, label_path: Path) -> Path | None:
        """The picture in the same folder and with the same name, ending aside, as a label file."""
        alike = self._by_stem.get(label_path.stem.casefold(), [])
        return next((path for path in alike if path.parent == label_path.parent and path.stem == label_path.stem), None)

    def relative(self, path: Path) -> str:
        """The picture's path inside of the folder, with slashes."""
        return path.relative_to(self.root).as_posix()


def size_as_stated(path: Path, stated_wh: tuple[int | None, int | None], label_path: Path) -> tuple[int, int]:
    """(width, height) of the upright picture. Raises :class:`LabelError` if the labels state another one."""
    actual = read_size(path)
    for said, found in zip(stated_wh, actual, strict=True):
        if said and said != found:
            raise LabelError(
                label_path,
                f"was drawn on a picture of {stated_wh[0]}x{stated_wh[1]}, but {path.name} is "
                f"{actual[0]}x{actual[1]}; find the picture that belongs to it",
            )
    return actual


class Placer:
    """Puts pictures into a new folder, byte for byte: as links where that can be, as copies otherwise."""

    def __init__(self, *, copy: bool) -> None:
        self._copy = copy
        self.counts = Counter[str]()

    def place(self, source: Path, target: Path) -> None:
        """``source`` appears as ``target``. Raises as :mod:`thirtyfold.files` does."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.counts[self._place(source, target)] += 1
        except OSError as error:
            raise files.writing_failed(target, error) from error

    def write(self, data: bytes, target: Path, *, how: str = "taken out of label files") -> None:
        """A picture that was no file of its own."""
        files.write_bytes(target, data, durable=False)
        self.counts[how] += 1

    def _place(self, source: Path, target: Path) -> str:
        if not self._copy:
            # Another disk, a file of somebody else, a system without links: the next way.
            with contextlib.suppress(OSError):
                os.link(source.resolve(), target)
                return "hard links"
            with contextlib.suppress(OSError):
                target.symlink_to(source.resolve())
                return "symbolic links"
        shutil.copyfile(source, target)
        return "copies"


def path_pieces(name: str) -> Sequence[str]:
    """The folders and the file of a path as a label file writes it, slashes or backslashes, without steps upwards."""
    return [piece for piece in name.replace("\\", "/").split("/") if piece not in ("", ".", "..")]


def _shared_end(one: Sequence[str], other: Sequence[str]) -> int:
    length = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left.casefold() != right.casefold():
            break
        length += 1
    return length
