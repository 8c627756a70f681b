"""A photo's corrected copy: readable, upright, 8-bit RGB, with the extension of what it is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from thirtyfold.datasets.check.photo import SUFFIXES_OF_FORMAT, PhotoFacts, eight_bits, full_scale, upright_rgb

if TYPE_CHECKING:
    from PIL.Image import Image

_JPEG_QUALITY = 95
# What calls for new pixels, and how it is told.
_NEW_PIXELS = {
    "image-cmyk": "CMYK to RGB",
    "image-16-bit": "to 8 bits a colour",
    "image-alpha": "transparent pixels on white",
    "image-animated": "the first of its pictures",
    "image-exif-rotated": "turned upright",
}


def mend_photo(facts: PhotoFacts, data: bytes) -> tuple[bytes, str, list[str]]:
    """The copy's bytes, its suffix (with a dot), and what was changed, for a person.

    The same bytes come back where nothing is wrong with them, and where only the
    extension is. ``data`` are the photo's bytes. JPEGs stay JPEGs (quality 95), others
    that need new pixels become PNGs.
    """
    suffixes = SUFFIXES_OF_FORMAT.get(facts.format, ())
    changes = [text for code, text in _NEW_PIXELS.items() if code in facts.codes]
    if not changes and suffixes:
        suffix = facts.path.suffix
        if suffix.lower() in suffixes:
            return data, suffix, []
        return data, suffixes[0], [f"named {suffixes[0]}, as the {facts.format} it is"]
    is_jpeg = facts.format in ("JPEG", "MPO")
    buffer = io.BytesIO()
    picture = _picture(facts, data)
    if is_jpeg:
        picture.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        picture.save(buffer, "PNG")
    wanted = (".jpg", ".jpeg") if is_jpeg else (".png",)
    suffix = facts.path.suffix if facts.path.suffix.lower() in wanted else wanted[0]
    if suffix != facts.path.suffix:
        changes.append(f"saved as {suffix}")
    return buffer.getvalue(), suffix, changes


def _picture(facts: PhotoFacts, data: bytes) -> Image:
    from PIL import Image

    if facts.format == "PNG" and "image-16-bit" in facts.codes:
        return _on_white(_turned(_png_in_eight_bits(data), facts.orientation)).convert("RGB")
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        if image.mode == "CMYK":
            return upright_rgb(_from_cmyk(image))
        if image.mode.startswith("I") or image.mode == "F":
            return upright_rgb(eight_bits(image))
        if "image-alpha" in facts.codes:
            return upright_rgb(_on_white(image.convert("RGBA"), exif=image))
        return upright_rgb(image)


def _png_in_eight_bits(data: bytes) -> Image:
    # Pillow opens 16-bit colour PNGs by their high bytes alone: a 12-bit camera's would be nearly black.
    import cv2
    import numpy as np
    from PIL import Image

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("OpenCV does not read it")
    if values.ndim == 2:
        return Image.fromarray((values * (255 / full_scale(values))).round().astype(np.uint8))
    colours = (values[..., 2::-1] * (255 / full_scale(values[..., :3]))).round().astype(np.uint8)
    if values.shape[2] == 3:
        return Image.fromarray(colours)
    return Image.fromarray(np.dstack([colours, (values[..., 3] / 257).round().astype(np.uint8)]))


def _turned(image: Image, orientation: int) -> Image:
    """Turned as EXIF's tag says (https://exiftool.org/TagNames/EXIF.html, 0x0112)."""
    from PIL.Image import Transpose

    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)


def _on_white(image: Image, *, exif: Image | None = None) -> Image:
    from PIL import Image as Images

    if image.mode != "RGBA":
        return image
    white = Images.new("RGBA", image.size, (255, 255, 255, 255))
    result = Images.alpha_composite(white, image)
    if exif is not None:
        result.info.update(exif.info)
        result.getexif().update(exif.getexif())
    return result


def _from_cmyk(image: Image) -> Image:
    """By the colour profile in the file where there is one: print colours without it are a guess."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            return converted
    return image
