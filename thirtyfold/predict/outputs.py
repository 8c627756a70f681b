"""What `thirtyfold predict` writes of the pictures it looks at: drawn ones, masks, cut-outs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thirtyfold import files
from thirtyfold.datasets.formats import labelmap
from thirtyfold.drawing import draw_annotations
from thirtyfold.errors import UsageError
from thirtyfold.images import Pixels, encode_jpeg
from thirtyfold.predict.answers import Explain
from thirtyfold.predict.chain import caption, in_its_colour
from thirtyfold.predict.crops import Crop, CropFolder, CropOptions
from thirtyfold.predict.label_colors import LabelColors
from thirtyfold.predict.segment_options import SegmentOptions
from thirtyfold.sample import Annotation

# Stands in every picture that `--save` writes, as a JPEG comment. What has it may be written over.
_MARK = b"drawn by thirtyfold predict"


class Outputs:
    """The folders that were asked for; each picture is handed to :meth:`add` once.

    ``mask_classes`` are those of the model that outlines, ``originals`` the pictures, resolved: none is written over.
    Raises :class:`UsageError` for a folder of masks or cut-outs that holds something else.
    """

    def __init__(
        self,
        *,
        save_dir: Path | None,
        crops: CropOptions | None,
        segments: SegmentOptions,
        explain: Explain | None,
        mask_classes: Sequence[str],
        inks: LabelColors,
        originals: set[Path],
    ) -> None:
        self._drawn = DrawnFolder(save_dir, originals) if save_dir is not None else None
        self._masks = MaskFolder(segments.masks, mask_classes, originals) if segments.masks is not None else None
        self._crops = CropFolder(crops) if crops is not None else None
        self._opacity = segments.opacity
        self._explain = explain
        self._inks = inks

    @property
    def saved(self) -> tuple[Path, ...]:
        return tuple(self._drawn.written) if self._drawn is not None else ()

    @property
    def masks(self) -> tuple[Path, ...]:
        return tuple(self._masks.written) if self._masks is not None else ()

    @property
    def crops(self) -> tuple[Crop, ...]:
        return tuple(self._crops.written) if self._crops is not None else ()

    def add(self, path: Path, relative: Path, pixels: Pixels, found: Sequence[Annotation]) -> None:
        """Write what was ``found`` in the picture ``path``, RGB ``pixels`` (height, width, 3), under ``relative``."""
        if self._drawn is not None:
            self._drawn.save(relative, self._with_boxes(pixels, found))
            if self._explain is not None and found:
                name = relative.with_name(f"{relative.stem}-explained.jpg")
                self._drawn.save(name, self._explain(pixels, found[0]))
        if self._masks is not None:
            self._masks.add(relative, found, (pixels.shape[1], pixels.shape[0]))
        if self._crops is not None:
            self._crops.add(path, relative, pixels, found)

    def finish(self) -> list[str]:
        """Complete what is still open; returns a sentence for each folder: what was written, and where it is."""
        said = []
        if self._drawn is not None:
            said.append(f"{len(self.saved)} pictures with their boxes are in {self._drawn.folder}")
        if self._masks is not None:
            said.append(f"{len(self.masks)} masks are in {self._masks.folder}; its {labelmap.NAME} names their numbers")
        if self._crops is not None:
            self._crops.begin_index()
            said.append(f"{len(self.crops)} objects are cut out in {self._crops.folder}")
        return said

    def _with_boxes(self, pixels: Pixels, found: Sequence[Annotation]) -> Pixels:
        return draw_annotations(
            pixels,
            [*map(in_its_colour, found)],
            texts=[*map(caption, found)],
            ink_of=self._inks.of,
            opacity=self._opacity,
        )


class DrawnFolder:
    """Pictures with their boxes below ``folder``; never over a file that `predict` has not drawn, now or before."""

    def __init__(self, folder: Path, originals: set[Path]) -> None:
        self.written: list[Path] = []
        self.folder = folder
        self._taken = set(originals)

    def save(self, relative: Path, pixels: Pixels) -> None:
        """Write RGB ``pixels`` under ``relative``, as .jpg."""
        path = self.folder / relative.with_suffix(".jpg")
        number = 1
        while path.resolve() in self._taken or (path.exists() and not _is_ours(path)):
            number += 1
            path = self.folder / relative.with_name(f"{relative.stem}-{number}.jpg")
        self._taken.add(path.resolve())
        files.write_bytes(path, _marked(encode_jpeg(pixels)), durable=False)
        self.written.append(path)


class MaskFolder:
    """Index PNGs below ``folder``: a pixel is the number of its class, 0 for background, in VOC's colours.

    ``labelmap.txt`` names the numbers, so that `thirtyfold convert` and other programs read the folder. Raises
    :class:`UsageError` for a folder in which there is anything but masks of these classes.
    """

    def __init__(self, folder: Path, classes: Sequence[str], originals: set[Path]) -> None:
        self.written: list[Path] = []
        self.folder = folder
        self._classes = classes
        self._taken = set(originals)
        text, path = labelmap.text(classes), folder / labelmap.NAME
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--masks {folder}: is no folder; choose another name")
        if folder.exists() and any(folder.iterdir()):
            known = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
            if known != text:
                raise UsageError(f"--masks {folder}: holds other files already; name a new folder")
        files.write_text(path, text, durable=False)

    def add(self, relative: Path, annotations: Sequence[Annotation], size_wh: tuple[int, int]) -> None:
        """Write the mask of a picture under its name, as .png."""
        from thirtyfold.datasets.formats import index_png
        from thirtyfold.datasets.rasterize import label_map, numbers_of

        path = self.folder / relative.with_suffix(".png")
        number = 1
        while path.resolve() in self._taken:
            number += 1
            path = self.folder / relative.with_name(f"{relative.stem}-{number}.png")
        self._taken.add(path.resolve())
        # Best first is how they come; the best is to lie on top.
        numbers = label_map(annotations[::-1], numbers_of(self._classes), size_wh)
        files.write_bytes(path, index_png.encode(numbers), durable=False)
        self.written.append(path)


def _marked(jpeg: bytes) -> bytes:
    """A JPEG file with our comment right behind its start marker (ITU T.81, B.2.4.5)."""
    return jpeg[:2] + b"\xff\xfe" + (len(_MARK) + 2).to_bytes(2, "big") + _MARK + jpeg[2:]


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _MARK in stream.read(64)
    except OSError:
        return False
