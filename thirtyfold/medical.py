"""Medical pixels: deep greys to the 8 bits that networks and screens take, and DICOM files.

**16-bit grey** (PNG, TIFF, DICOM without a window of its own): black is the 1st and white the 99th percentile of the
picture's own pixels, straight between. Most such files use a few of their bits, and by their full range they would be
black; a handful of hot pixels moves the percentiles by nothing. The same file gives the same pixels.

**DICOM** (PS3.3 C.7.6.3, C.11.1, C.11.2): rescaled by slope and intercept, then by the file's own first window, as
radiologists see it; ``MONOCHROME1`` is turned round, so that white is always much. Nothing of who was looked at is
ever read: of the header only what pixels, order and spacing need.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.errors import ImageError, NotInstalledError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

# In `model.json`, so that whoever runs a model elsewhere can do the same.
GREY_RULE = "16-bit grey: percentiles 1 to 99 of the picture; DICOM: rescale, then its own window, else the same"
PERCENTILES = (1.0, 99.0)
MAX_PIXELS = 200_000_000
NO_PICTURE = "is DICOM without a picture (a report, a plan, a list of files)"
_MAGIC_AT, _MAGIC = 128, b"DICM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One DICOM file: its frames, RGB uint8 (frames, height, width, 3).

    ``series`` and ``patient`` tell files apart and are never to be written anywhere. ``number`` is the place in the
    series, ``mm_per_pixel`` (down, across) where the file says so.
    """

    frames: Pixels
    series: str
    patient: str
    number: int
    mm_per_pixel: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What :class:`Scan` has beside pixels, and how many frames of which size there are."""

    width: int
    height: int
    frames: int
    series: str
    patient: str
    number: int
    mm_per_pixel: tuple[float, float] | None


def is_dicom(data: bytes) -> bool:
    """Whether the bytes of a file (132 are enough) begin like DICOM, whatever the file is called."""
    return data[_MAGIC_AT : _MAGIC_AT + 4] == _MAGIC


def window_grey(values: NDArray[Any]) -> Pixels:
    """Deep greys (height, width) as uint8, by :data:`PERCENTILES`; what lies outside is black or white.

    Where half of the pixels or more are the same the percentiles may meet: then by the full range.
    """
    import numpy as np

    finite = np.nan_to_num(np.asarray(values, np.float32))
    low, high = (float(value) for value in np.percentile(finite, PERCENTILES))
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    return _scaled(finite, low, high)


def read_header(data: bytes, path: Path) -> Header:
    """What is known of a DICOM file without its pixels. Raises :class:`ImageError`, :class:`NotInstalledError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _header(_read(data, path, pixels=False), path)


def read_scan(data: bytes, path: Path) -> Scan:
    """A DICOM file's frames; ``path`` is for errors. Raises :class:`ImageError`, :class:`NotInstalledError`."""
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that are slightly wrong, which most are
        dataset = _read(data, path, pixels=True)
        header = _header(dataset, path)
        try:
            rgb = _rgb(np.asarray(dataset.pixel_array), header, dataset)
        except Exception as error:  # pydicom and its decoders raise what they like on broken files
            packing = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
            if packing is not None and packing.is_compressed and "plugin" in str(error):
                raise ImageError(
                    path, f"its pixels are packed as {packing.name}, which needs another decoder; save it unpacked"
                ) from error
            raise ImageError(path, f"its pixels cannot be read ({_short(error)}); copy it again") from error
    return Scan(
        frames=np.ascontiguousarray(rgb),
        series=header.series,
        patient=header.patient,
        number=header.number,
        mm_per_pixel=header.mm_per_pixel,
    )


def read_single(data: bytes, path: Path) -> Pixels:
    """The one picture of a DICOM file, RGB uint8 (height, width, 3). Raises as :func:`read_scan` does."""
    scan = read_scan(data, path)
    if len(scan.frames) != 1:
        raise ImageError(
            path, f"holds {len(scan.frames)} pictures; make a dataset of them with `thirtyfold convert --to labelme`"
        )
    frame: Pixels = scan.frames[0]
    return frame


def _read(data: bytes, path: Path, *, pixels: bool) -> Any:
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise NotInstalledError(
            f"{path}: is DICOM, which needs pydicom; install it with `python -m pip install thirtyfold[medical]`"
        ) from error
    try:
        return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=not pixels)
    except InvalidDicomError as error:
        raise ImageError(path, "is not a DICOM file") from error
    except Exception as error:  # as above
        raise ImageError(path, f"its DICOM header cannot be read ({_short(error)}); copy it again") from error


def _header(dataset: Any, path: Path) -> Header:
    try:
        width, height = int(dataset.Columns), int(dataset.Rows)
        frames = int(dataset.get("NumberOfFrames") or 1)
    except (AttributeError, TypeError, ValueError) as error:
        raise ImageError(path, NO_PICTURE) from error
    if width < 1 or height < 1 or frames < 1:
        raise ImageError(path, f"says that it holds {frames} pictures of {width}x{height} pixels; copy it again")
    if width * height * frames > MAX_PIXELS:
        raise ImageError(path, f"holds more than {MAX_PIXELS / 1e6:.0f} megapixels; split it first")
    series = str(dataset.get("SeriesInstanceUID") or dataset.get("StudyInstanceUID") or "")
    study = str(dataset.get("StudyInstanceUID") or series)
    return Header(
        width=width,
        height=height,
        frames=frames,
        series=series,
        # Two hospitals may have the same number.
        patient=f"{dataset.get('PatientID')}\n{dataset.get('IssuerOfPatientID')}"
        if dataset.get("PatientID")
        else study,
        number=_whole(dataset.get("InstanceNumber")),
        mm_per_pixel=_spacing(dataset),
    )


def _spacing(dataset: Any) -> tuple[float, float] | None:
    said = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    try:
        down, across = (float(value) for value in said)
    except (TypeError, ValueError):
        return None
    return (down, across) if down > 0 and across > 0 else None


def _rgb(stored: NDArray[Any], header: Header, dataset: Any) -> Pixels:
    """All frames (frames, height, width, 3)."""
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut

    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        stored = np.asarray(apply_color_lut(stored, dataset))
        stored = (stored >> 8).astype(np.uint8) if stored.dtype != np.uint8 else stored
        return stored.reshape(header.frames, header.height, header.width, -1)[..., :3]
    if int(dataset.get("SamplesPerPixel", 1)) == 3:
        return _eight_bits(stored.reshape(header.frames, header.height, header.width, 3), dataset)
    frames = stored.reshape(header.frames, header.height, header.width)
    return np.stack([_grey(frame, dataset) for frame in frames])[..., None].repeat(3, axis=-1)


def _grey(stored: NDArray[Any], dataset: Any) -> Pixels:
    """One frame (height, width) of a grey file as uint8, white for much."""
    import numpy as np
    from pydicom.pixels.processing import apply_modality_lut

    try:
        values = np.asarray(apply_modality_lut(stored, dataset), np.float32)
    except (AttributeError, ValueError, TypeError):
        values = stored.astype(np.float32)
    window = _window(dataset)
    grey = _scaled(values, *window) if window is not None else window_grey(values)
    return 255 - grey if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else grey


def _window(dataset: Any) -> tuple[float, float] | None:
    """Where the file's first window has black and white (PS3.3 C.11.2.1.2.1), ``None`` if it has none."""
    centres, widths = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    try:
        centre, width = (float(many[0] if hasattr(many, "__getitem__") else many) for many in (centres, widths))
    except (TypeError, ValueError, IndexError):
        return None
    if not (width >= 1 and math.isfinite(centre + width)):
        return None
    return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2


def _scaled(values: NDArray[np.float32], low: float, high: float) -> Pixels:
    import numpy as np

    if high <= low:  # one grey, or a window of one
        return np.where(values > low, 255, 0).astype(np.uint8)
    return np.asarray(np.rint(np.clip((values - low) / (high - low), 0, 1) * 255), np.uint8)


def _eight_bits(frames: NDArray[Any], dataset: Any) -> Pixels:
    """Colours (frames, height, width, 3) of any depth as RGB uint8."""
    import numpy as np

    bits = int(dataset.get("BitsStored", 8))
    small = frames if frames.dtype == np.uint8 else (frames.astype(np.uint64) >> max(0, bits - 8)).astype(np.uint8)
    kind = str(dataset.get("PhotometricInterpretation", "RGB"))
    if not kind.startswith("YBR_FULL"):
        return np.asarray(small, np.uint8)
    from pydicom.pixels.processing import convert_color_space

    return np.stack([convert_color_space(frame, kind, "RGB") for frame in small])


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _short(error: Exception) -> str:
    return " ".join(str(error).split(" - ")[0].split())[:120].rstrip(".") or type(error).__name__
