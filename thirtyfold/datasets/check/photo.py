"""What is wrong with one photo's file. It is read whole and decoded, once, by a strict decoder.

Pillow decodes: it says when a file is cut off, where OpenCV may paint the rest grey. A
JPEG is decoded at a fraction of its size by its own coefficients (``draft``), which
reads every byte of it and unpacks little.
"""

from __future__ import annotations

import hashlib
import io
import stat
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thirtyfold.datasets.duplicates import Look, look_at
from thirtyfold.images import MAX_PIXELS, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

Finding = tuple[str, str]  # code, message

# What the names say: https://pillow.readthedocs.io/en/stable/handbook/image-file-formats.html
SUFFIXES_OF_FORMAT = {
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),  # a phone's JPEG with a second picture behind it
    "PNG": (".png",),
    "BMP": (".bmp",),
    "DIB": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
}
# OpenCV reads these whenever Pillow does; of TIFF and the rest it leaves some out.
_READ_BY_ALL = frozenset({"JPEG", "MPO", "PNG", "BMP", "WEBP"})
EXIF_ORIENTATION = 0x0112
_BITS_PER_SAMPLE = 258
# At least this long a side is decoded of a JPEG: enough to compare, and to see a grey part.
_DRAFT_SIDE_PX = 160
# As many as the most pixels have in four colours of 16 bits, with nothing packed.
_MOST_BYTES = 8 * MAX_PIXELS
_BIG_PIXELS = 16_000_000
# One big picture at a time: the others go on meanwhile, and memory stays bounded.
_one_big = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """What the file of one photo holds, or why it can't be read.

    ``size_wh`` is (width, height) of the upright picture, ``stored_wh`` as the file
    stores it, pixels; both and ``look`` are ``None`` if it can't be read.
    ``format`` is Pillow's name; ``orientation`` the EXIF tag, 1 to 8.
    """

    path: Path
    findings: tuple[Finding, ...] = ()
    size_wh: tuple[int, int] | None = None
    stored_wh: tuple[int, int] | None = None
    format: str = ""
    orientation: int = 1
    sha256: str = ""
    look: Look | None = None

    @property
    def readable(self) -> bool:
        return self.look is not None

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(code for code, _ in self.findings)


def examine_photo(path: Path) -> PhotoFacts:
    """Read and decode one photo. Never raises for what is wrong with the file.

    Whoever calls silences Pillow's ``DecompressionBombWarning``: the limit is ours.
    """
    data, *why = _read(path)
    if data is None:
        return _unreadable(path, why[0], why[1])
    if not data:
        return _unreadable(path, "image-empty", "has no bytes at all")
    digest = hashlib.sha256(data).hexdigest()
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height <= MAX_PIXELS:
                return _examine(path, data, image, digest)
            finding = "image-too-large", f"{image.width}x{image.height} pixels in {len(data)} bytes"
    except Image.DecompressionBombError as error:
        finding = "image-too-large", str(error)
    except Exception as error:  # Pillow's plugins raise what they like on broken files
        finding = _reason(data, error)
    return _unreadable(path, *finding, sha256=digest)


def upright_rgb(image: Image) -> Image:
    """A decoded Pillow image as 8-bit RGB, turned by its EXIF tag."""
    from PIL import ImageOps

    if image.mode.startswith("I") or image.mode == "F":
        image = eight_bits(image)
    return ImageOps.exif_transpose(image).convert("RGB")


def eight_bits(image: Image) -> Image:
    """A grey picture of 16 or 32 bits as 8 bits, by the range that its numbers need."""
    import numpy as np
    from PIL import Image as Images

    values = np.asarray(image, np.float64)
    return Images.fromarray((values.clip(0) * (255 / full_scale(values))).round().clip(0, 255).astype(np.uint8))


def full_scale(values: Any) -> float:
    """The white of a picture with more than 8 bits: 16 bits, or 12 or 10 where no number is larger.

    Cameras write their 10 or 12 bits into 16; taken as 16 the picture would be nearly black.
    """
    highest = float(values.max(initial=0))
    return next((float(scale) for scale in (1, 255, 1023, 4095, 65535) if highest <= scale), max(highest, 1.0))


def _examine(path: Path, data: bytes, image: Image, digest: str) -> PhotoFacts:
    stored_wh = _stored_wh(image)
    orientation = _orientation(image)
    findings = list(_header_findings(path, data, image, orientation))
    if image.width * image.height > _BIG_PIXELS:
        with _one_big:
            pixels, more = _decode(data, image)
    else:
        pixels, more = _decode(data, image)
    findings += more
    if pixels is None:
        return PhotoFacts(path=path, findings=tuple(findings), format=image.format or "", sha256=digest)
    return PhotoFacts(
        path=path,
        findings=tuple(findings),
        size_wh=stored_wh[::-1] if orientation >= 5 else stored_wh,
        stored_wh=stored_wh,
        format=image.format or "",
        orientation=orientation,
        sha256=digest,
        look=look_at(pixels),
    )


def _header_findings(path: Path, data: bytes, image: Image, orientation: int) -> Iterator[Finding]:
    form = image.format or "?"
    if path.suffix.lower() not in SUFFIXES_OF_FORMAT.get(form, ()):
        yield "image-wrong-extension", f"is named {path.suffix}, but is a {form}"
    if image.mode == "CMYK":
        yield "image-cmyk", f"is a CMYK {form}"
    bits = _bits(data, image)
    if bits > 8:
        yield "image-16-bit", f"is a {form} with {bits} bits a colour"
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and form != "MPO":
        yield "image-animated", f"holds {frames} pictures"
    if orientation != 1:
        width, height = _stored_wh(image)
        yield "image-exif-rotated", f"has EXIF orientation {orientation}, stored as {width}x{height}"
    if not path.name.isascii():
        yield "image-name-not-ascii", f"{ascii(path.name)[1:-1]} in ASCII"


def _decode(data: bytes, image: Image) -> tuple[Pixels | None, list[Finding]]:
    """Upright RGB (a JPEG's scaled down) and what decoding it showed."""
    import numpy as np

    findings: list[Finding] = []
    is_jpeg = image.format in ("JPEG", "MPO")
    if is_jpeg:
        image.draft("RGB" if image.mode == "YCbCr" else image.mode, (_DRAFT_SIDE_PX, _DRAFT_SIDE_PX))
    image.load()
    # The frames of MPO and TIFF are told apart by seek; load() reads the first one.
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        lowest = int(np.asarray(image.convert("RGBA"))[..., 3].min())
        if lowest < 255:
            findings.append(("image-alpha", f"is transparent in places (alpha down to {lowest} of 255)"))
    if image.format == "PNG" and (chunk := _damaged_chunk(data)):
        return None, [*findings, ("image-unreadable", f"is damaged: the checksum of its {chunk} is wrong")]
    if image.format not in _READ_BY_ALL and not _opencv_reads(data):
        # Training reads photos with OpenCV.
        return None, [*findings, ("image-unreadable", f"is a {image.format} ({image.mode}) that OpenCV does not read")]
    pixels = np.asarray(upright_rgb(image))
    if is_jpeg and (share := _grey_share(np.asarray(image.convert("RGB")))) > 0:
        findings.append(("image-half-grey", f"its lowest {share:.0%} is plain grey"))
    return pixels, findings


def _grey_share(stored: Pixels) -> float:
    """How much of a JPEG's height, from below, is exactly the grey that decoders fill in; 0 if little or all."""
    grey_rows = (stored == 128).all(axis=(1, 2))
    height = len(grey_rows)
    below = int(grey_rows[::-1].argmin()) if not grey_rows.all() else 0
    return below / height if below * 16 >= height else 0.0


def _damaged_chunk(data: bytes) -> str | None:
    """The name of the first critical chunk of a PNG whose CRC is wrong (PNG specification, 5.3). Pillow skips some."""
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind, end = data[place + 4 : place + 8], place + 8 + length
        if kind[:1].isupper() and zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return kind.decode("latin-1")
        place = end + 4
    return None


def _opencv_reads(data: bytes) -> bool:
    import cv2
    import numpy as np

    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_8) is not None
    except cv2.error:
        return False


def _stored_wh(image: Image) -> tuple[int, int]:
    if image.format == "TIFF":  # Pillow gives its size upright
        tags = image.tag_v2  # type: ignore[attr-defined]
        return int(tags[256]), int(tags[257])
    return image.size


def _orientation(image: Image) -> int:
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # a torn EXIF block; viewers show the picture all the same
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _bits(data: bytes, image: Image) -> int:
    """Bits a colour. Pillow opens 16-bit RGB as if it had 8, so the header is asked."""
    if image.format == "PNG":
        return data[24]  # IHDR: width, height, bit depth (PNG specification, 11.2.1)
    if image.format == "TIFF":
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, 8)  # type: ignore[attr-defined]
        return int(max(bits) if isinstance(bits, tuple) else bits)
    return 16 if image.mode.startswith("I;16") else 32 if image.mode in ("I", "F") else 8


def _reason(data: bytes, error: Exception) -> Finding:
    from PIL import UnidentifiedImageError

    known = isinstance(error, UnidentifiedImageError)
    if not known and ("truncated" in str(error) or _ends_early(data)):
        return "image-truncated", f"is cut off after {len(data)} bytes"
    if known and _ends_early(data):
        return "image-truncated", f"is cut off after {len(data)} bytes, within its header"
    if known:
        return "image-unreadable", f"is not a picture; it starts with {data[:8]!r}"
    return "image-unreadable", f"cannot be decoded ({str(error)[:120] or type(error).__name__})"


def _ends_early(data: bytes) -> bool:
    """Whether a file that begins as JPEG, PNG, WebP or BMP lacks its end."""
    if data.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" not in data[-32:]
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data[-32:]
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    return data.startswith(b"BM") and len(data) < int.from_bytes(data[2:6], "little")


def _read(path: Path) -> tuple[bytes | None, str, str]:
    """The file's bytes; or ``None``, and why not: code and message."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None, "image-unreadable", "is no file, but a folder or a device"
        if status.st_size > _MOST_BYTES:
            return None, "image-too-large", f"has {status.st_size / 1e6:.0f} MB, more than its pixels can need"
        return path.read_bytes(), "", ""
    except FileNotFoundError:
        return None, "image-unreadable", "is a link to a file that is not there"
    except OSError as error:
        return None, "image-unreadable", f"cannot be opened ({error.strerror or error})"


def _unreadable(path: Path, code: str, message: str, *, sha256: str = "") -> PhotoFacts:
    findings = [(code, message)]
    if not path.name.isascii():
        findings.append(("image-name-not-ascii", f"{ascii(path.name)[1:-1]} in ASCII"))
    return PhotoFacts(path=path, findings=tuple(findings), sha256=sha256)
