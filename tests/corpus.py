"""A dataset of more than 200 broken files, each with the code by which ``check`` has to name it.

``write_corpus(folder)`` writes it, seeded and in a second: the same call gives the same
bytes. As a program: ``python -m tests.corpus FOLDER``.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from thirtyfold.images import Pixels

WIDTH, HEIGHT = 64, 48
_ORIENTATION = 0x0112
FACE = [[10, 8], [40, 36]]


@dataclass
class Corpus:
    """``expected`` are (file below the folder, code); ``healthy`` photos have nothing worse than a note."""

    root: Path
    expected: list[tuple[str, str]] = field(default_factory=list)
    healthy: list[str] = field(default_factory=list)
    number: int = 0

    @property
    def images(self) -> Path:
        return self.root / "images"

    def name(self, what: str, suffix: str) -> str:
        self.number += 1
        return f"{self.number:03d}-{what}{suffix}"

    def photo(self, what: str, suffix: str, data: bytes, *codes: str, label: bool = False) -> str:
        """A photo of these bytes, expected to be named with these codes."""
        name = self.name(what, suffix)
        (self.images / name).write_bytes(data)
        self.expected += [(f"images/{name}", code) for code in codes]
        if label:
            self.write_json(Path(name).with_suffix(".json").name, label_of(name))
        return name

    def well(self, what: str, suffix: str, form: str, mode: str = "RGB") -> None:
        """A labelled photo with nothing wrong."""
        self.healthy.append(self.photo(what, suffix, encode(self.number + 1, form, mode=mode), label=True))

    def label(self, what: str, content: bytes | Mapping[str, Any] | Callable[[str], Any], *codes: str) -> str:
        """A healthy photo with this label file, expected to be named with these codes."""
        photo = self.name(what, ".jpg")
        (self.images / photo).write_bytes(encode(self.number, "JPEG"))
        name = Path(photo).with_suffix(".json").name
        if isinstance(content, bytes):
            (self.images / name).write_bytes(content)
        elif callable(content):
            self.write_json(name, content(photo))
        else:
            self.write_json(name, {**label_of(photo), **content})
        self.expected += [(f"images/{name}", code) for code in codes]
        return photo

    def shapes(self, what: str, shapes: Sequence[Any], *codes: str) -> str:
        return self.label(what, {"shapes": list(shapes)}, *codes)

    def write_json(self, name: str, value: Any) -> None:
        (self.images / name).write_text(json.dumps(value), encoding="utf-8")


def write_corpus(root: Path) -> Corpus:
    """Write the dataset into ``root``, a new folder."""
    corpus = Corpus(root=root)
    corpus.images.mkdir(parents=True)
    for write in (
        _healthy, _unreadable, _cut, _odd_pictures, _bombs, _names, _broken_label_files, _broken_shapes,
        _wrong_paths, _wrong_boxes, _wrong_labels, _loose_files, _labels_apart, _copies, _folders,
    ):  # fmt: skip
        write(corpus)
    return corpus


def picture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """RGB (height, width, 3): soft clouds of colour, unlike those of any other seed."""
    coarse = np.random.default_rng(seed).integers(30, 226, (5, 6, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(seed: int, form: str, *, mode: str = "RGB", orientation: int = 1, **options: Any) -> bytes:
    """A picture as a file of Pillow's format ``form``."""
    image = Image.fromarray(picture(seed)).convert(mode)
    if orientation != 1:
        exif = image.getexif()
        exif[_ORIENTATION] = orientation
        options["exif"] = exif
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def rectangle(points: Any = FACE, label: Any = "face", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": "rectangle", "group_id": None, "flags": {}, **more}


def polygon(points: Any, label: str = "face") -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": "polygon", "group_id": None, "flags": {}}


def label_of(photo: str) -> dict[str, Any]:
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": [rectangle()],
        "imagePath": photo,
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }


def _healthy(corpus: Corpus) -> None:
    for suffix, form in ((".jpg", "JPEG"), (".jpeg", "JPEG"), (".JPG", "JPEG"), (".png", "PNG"), (".bmp", "BMP")):
        corpus.well("well", suffix, form)
    for suffix, form in ((".webp", "WEBP"), (".tif", "TIFF"), (".tiff", "TIFF")):
        corpus.well("well", suffix, form)
    for mode in ("L", "P", "1"):
        corpus.well(f"well-{mode}", ".png", "PNG", mode)
    corpus.well("well-grey", ".jpg", "JPEG", "L")
    corpus.healthy.append(corpus.label("well-empty", {"shapes": []}))
    corpus.healthy.append(corpus.shapes("well-polygon", [polygon([[5, 5], [50, 9], [30, 40]])]))
    for _ in range(16):  # so that misspelt labels are rare beside "face"
        corpus.healthy.append(corpus.shapes("well", [rectangle(), rectangle([[45, 10], [60, 30]])]))


def _unreadable(corpus: Corpus) -> None:
    for suffix in (".jpg", ".JPEG", ".png", ".bmp", ".webp", ".tif"):
        corpus.photo("zero-bytes", suffix, b"", "image-empty")
    random = np.random.default_rng(1).bytes(4000)
    for what, data in {
        "text": b"This is not a picture.\n",
        "saved-404": b"<!DOCTYPE html><html><title>404 Not Found</title></html>",
        "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + random,
        "zip": b"PK\x03\x04" + random,
        "mp4": b"\x00\x00\x00\x18ftypmp42" + random,
        "noise": random,
        "zeros": bytes(5000),
        "one-byte": b"\xff",
        "start-of-jpeg": b"\xff\xd8",
        "lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "json": b'{"shapes": []}',
        "signature-only": b"\x89PNG\r\n\x1a\n"[:5],
    }.items():
        for suffix in (".jpg", ".png"):
            corpus.photo(what, suffix, data, "image-unreadable")
    for place in (0.3, 0.5, 0.7):
        data = bytearray(encode(5, "PNG"))
        start = int(len(data) * place)
        data[start : start + 40] = bytes(40)
        corpus.photo("damaged", ".png", bytes(data), "image-unreadable")
    # Training reads with OpenCV, which has no 32-bit TIFF.
    for mode in ("F", "I"):
        corpus.photo(f"mode-{mode}", ".tif", encode(6, "TIFF", mode=mode), "image-unreadable")


def _cut(corpus: Corpus) -> None:
    for form, suffix, shares in (
        ("JPEG", ".jpg", (0.3, 0.5, 0.7, 0.9, 0.97)),
        ("PNG", ".png", (0.1, 0.3, 0.5, 0.7, 0.9, 0.99)),
        ("BMP", ".bmp", (0.1, 0.5, 0.9)),
        ("WEBP", ".webp", (0.3, 0.6, 0.9)),
        ("TIFF", ".tif", (0.5, 0.9)),
    ):
        for share in shares:
            data = encode(corpus.number, form, **({"quality": 95} if form == "JPEG" else {}))
            corpus.photo(f"cut-{share:.0%}".replace("%", ""), suffix, data[: int(len(data) * share)], "image-truncated")
    for share in (0.5, 0.8):
        data = encode(corpus.number, "JPEG", progressive=True, quality=95)
        corpus.photo("cut-progressive", ".jpg", data[: int(len(data) * share)], "image-truncated")
        # What a broken download leaves: the right length, and zeros.
        filled = data[: int(len(data) * share)].ljust(len(data), b"\0")
        corpus.photo("cut-filled", ".jpg", filled, "image-truncated")
    for seed in (1, 2, 3):
        buffer = io.BytesIO()
        Image.fromarray(picture(seed, 320, 240)).save(buffer, "JPEG", quality=95)
        data = buffer.getvalue()
        corpus.photo("cut-and-ended", ".jpg", data[: len(data) // 2] + b"\xff\xd9", "image-half-grey")


def _odd_pictures(corpus: Corpus) -> None:
    for form, suffixes in {
        "PNG": (".jpg", ".jpeg", ".bmp"),
        "JPEG": (".png", ".bmp", ".webp", ".tif"),
        "WEBP": (".jpg", ".png"),
        "BMP": (".jpg", ".png"),
        "TIFF": (".jpg", ".png"),
        "GIF": (".jpg", ".png"),
    }.items():
        for suffix in suffixes:
            data = encode(corpus.number, form)
            corpus.photo(f"a-{form}", suffix, data, "image-wrong-extension", label=True)
    for quality in (30, 60, 95):
        corpus.photo("cmyk", ".jpg", encode(quality, "JPEG", mode="CMYK", quality=quality), "image-cmyk", label=True)
    corpus.photo("cmyk", ".tif", encode(4, "TIFF", mode="CMYK"), "image-cmyk", label=True)
    for suffix in (".png", ".tif"):
        deep = picture(corpus.number).astype(np.uint16) * 257
        for what, values in (("grey", deep[..., 0]), ("colour", deep), ("12-bit", deep // 16)):
            data = cv2.imencode(suffix, values)[1].tobytes()
            corpus.photo(f"16-bit-{what}", suffix, data, "image-16-bit", label=True)
    for suffix, form, mode in (
        (".png", "PNG", "RGBA"),
        (".webp", "WEBP", "RGBA"),
        (".tif", "TIFF", "RGBA"),
        (".png", "PNG", "LA"),
    ):
        image = Image.fromarray(picture(corpus.number)).convert(mode)
        image.putalpha(Image.fromarray(picture(corpus.number + 1)[..., 0]))
        buffer = io.BytesIO()
        image.save(buffer, form)
        corpus.photo(f"alpha-{mode}", suffix, buffer.getvalue(), "image-alpha", label=True)
    corpus.photo(
        "alpha-palette", ".png", encode(9, "PNG", mode="P", transparency=bytes(range(256))), "image-alpha", label=True
    )
    for form, suffix in (("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")):
        for orientation in range(2, 9):
            data = encode(corpus.number, form, orientation=orientation)
            name = corpus.photo(f"exif-{orientation}", suffix, data, "image-exif-rotated")
            wide = orientation < 5
            size = {"imageWidth": WIDTH if wide else HEIGHT, "imageHeight": HEIGHT if wide else WIDTH}
            corpus.write_json(Path(name).with_suffix(".json").name, label_of(name) | size)
    corpus.photo("exif-6", ".tif", encode(11, "TIFF", orientation=6), "image-exif-rotated")
    frames = [Image.fromarray(picture(seed)) for seed in (20, 21, 22)]
    for form, suffix in (("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif"), ("TIFF", ".tiff")):
        buffer = io.BytesIO()
        frames[0].save(buffer, form, save_all=True, append_images=frames[1:])
        corpus.photo(f"animated-{form}", suffix, buffer.getvalue(), "image-animated", label=True)
        frames = frames[1:] + frames[:1]


def _bombs(corpus: Corpus) -> None:
    """Headers that promise hundreds of megapixels; there is nothing behind them, and nobody may look."""
    for width, height in ((30_000, 30_000), (100_000, 100_000), (15_000, 14_000), (2_000_000, 200)):
        corpus.photo("bomb", ".png", png_header(width, height), "image-too-large")
    jpeg = bytearray(encode(1, "JPEG"))
    place = jpeg.index(b"\xff\xc0")  # SOF0: length, precision, height, width
    jpeg[place + 5 : place + 9] = struct.pack(">HH", 60_000, 60_000)
    corpus.photo("bomb", ".jpg", bytes(jpeg), "image-too-large")
    bmp = bytearray(encode(1, "BMP"))
    bmp[18:26] = struct.pack("<ii", 40_000, 40_000)
    corpus.photo("bomb", ".bmp", bytes(bmp), "image-too-large")


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, with a picture of a few bytes behind (PNG specification, 11.2)."""
    pieces = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1000))),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in pieces
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _names(corpus: Corpus) -> None:
    for what in ("лицо", "顔", "visage-élève", "صورة", "😀", "naïve file"):
        corpus.photo(what, ".jpg", encode(corpus.number, "JPEG"), "image-name-not-ascii", label=True)


def _broken_label_files(corpus: Corpus) -> None:
    good = json.dumps(label_of("x.jpg")).encode()
    for what, data in {"zero-bytes": b"", "blank": b" \n\t\n", "nul-bytes": bytes(300)}.items():
        corpus.label(what, data, "label-empty")
    for share in (0.05, 0.2, 0.4, 0.6, 0.8, 0.99):
        corpus.label("cut", good[: int(len(good) * share)], "label-not-json")
    for what, data in {
        "quotes": good.replace(b'"', b"'"),
        "comma": good[:-1] + b",}",
        "comment": b"// labels\n" + good,
        "html": b"<html></html>",
        "yaml": b"shapes:\n  - label: face\n",
        "picture": encode(3, "JPEG"),
        "utf-16": good.decode().encode("utf-16"),
        "latin-1": good.replace(b"face", "gesicht-ä".encode("latin-1")),
        "two": good + good,
        "deep": b"[" * 200_000,
        "deep-objects": b'{"shapes":' * 200_000,
        "huge-number": good.replace(b"10", b"1" * 5000),
        "conflict": b"<<<<<<< HEAD\n" + good,
    }.items():
        corpus.label(what, data, "label-not-json")
    for what, value in {
        "list": [label_of("x.jpg")],
        "number": 5,
        "text": "face",
        "null": None,
        "true": True,
        "coco": {"images": [], "annotations": [], "categories": []},
        "other-tool": {"boxes": [[1, 2, 3, 4]], "class": "face"},
        "empty-object": {},
        "no-shapes": {key: item for key, item in label_of("x.jpg").items() if key != "shapes"},
        "shapes-null": label_of("x.jpg") | {"shapes": None},
        "shapes-object": label_of("x.jpg") | {"shapes": {"0": rectangle()}},
    }.items():
        corpus.label(what, json.dumps(value).encode(), "label-not-labelme")
    for what, wrong in {
        "flags-list": {"flags": ["blurred"]},
        "flags-text": {"flags": "blurred"},
        "image-data-number": {"imageData": 7},
        "image-data-list": {"imageData": ["a"]},
        "width-text": {"imageWidth": "64"},
        "width-negative": {"imageWidth": -64},
        "height-half": {"imageHeight": 48.5},
        "height-true": {"imageHeight": True},
        "height-nan": {"imageHeight": float("nan")},
        "width-infinite": {"imageWidth": float("inf")},
    }.items():
        corpus.label(what, wrong, "label-broken")


def _broken_shapes(corpus: Corpus) -> None:
    no_label = {key: value for key, value in rectangle().items() if key != "label"}
    no_points = {key: value for key, value in rectangle().items() if key != "points"}
    for what, shape in {
        "no-label": no_label,
        "label-number": rectangle(label=7),
        "label-null": rectangle(label=None),
        "no-points": no_points,
        "points-empty": rectangle([]),
        "points-null": rectangle(None),
        "points-text": rectangle("10,8,40,36"),
        "points-flat": rectangle([10, 8, 40, 36]),
        "point-of-one": rectangle([[10], [40, 36]]),
        "point-of-three": rectangle([[10, 8, 0], [40, 36, 0]]),
        "point-text": rectangle([["10", "8"], [40, 36]]),
        "point-nan": rectangle([[float("nan"), 8], [40, 36]]),
        "point-infinite": rectangle([[float("inf"), 8], [40, 36]]),
        "point-beyond-float": rectangle([[10**400, 8], [40, 36]]),
        "point-true": rectangle([[True, 8], [40, 36]]),
        "point-far-away": rectangle([[1e12, 8], [40, 36]]),
        "circle-far-away": rectangle([[10, 8], [1e200, 8]], shape_type="circle"),
        "one-corner": rectangle([[10, 8]]),
        "three-corners": rectangle([[10, 8], [40, 8], [40, 36]]),
        "type-number": rectangle(shape_type=4),
        "type-list": rectangle(shape_type=["rectangle"]),
        "not-an-object": [10, 8, 40, 36],
        "null": None,
    }.items():
        corpus.shapes(f"shape-{what}", [rectangle([[45, 10], [60, 30]]), shape], "shape-broken")


def _wrong_paths(corpus: Corpus) -> None:
    for what, path, code in (
        ("path-gone", "gone.jpg", "label-image-path"),
        ("path-empty", "", "label-image-path"),
        ("path-extension", "gone.png", "label-image-path"),
        ("path-of-another", "001-well.jpg", "label-of-another-photo"),
        ("path-of-another", "../images/002-well.jpeg", "label-of-another-photo"),
        ("path-absolute", "/etc/passwd", "label-path-leaves-folder"),
        ("path-drive", "C:\\Users\\me\\1.jpg", "label-path-leaves-folder"),
        ("path-up", "../../../../secret.jpg", "label-path-leaves-folder"),
        ("path-just-out", "../../secret.jpg", "label-path-leaves-folder"),
        ("path-up-windows", "..\\..\\..\\secret.jpg", "label-path-leaves-folder"),
        ("path-share", "\\\\server\\share\\1.jpg", "label-path-leaves-folder"),
    ):
        corpus.label(what, {"imagePath": path}, code)
    corpus.label(
        "path-backslashes", lambda photo: label_of(photo) | {"imagePath": f"..\\images\\{photo}"}, "label-windows-path"
    )
    for what, size in {"double": (128, 96), "swapped": (HEIGHT, WIDTH), "other": (640, 360), "zero": (0, 0)}.items():
        corpus.label(f"size-{what}", {"imageWidth": size[0], "imageHeight": size[1]}, "label-size-differs")
    corpus.label("size-missing", {"imageWidth": None, "imageHeight": None}, "label-size-missing")
    corpus.label("embedded", {"imageData": "AAAA" * 1000}, "label-embeds-photo")


def _wrong_boxes(corpus: Corpus) -> None:
    for what, points in {
        "click": [[10, 8], [10, 8]],
        "line-down": [[10, 8], [10, 36]],
        "line-across": [[10, 8], [40, 8]],
        "half-pixel": [[10, 8], [10.5, 36]],
    }.items():
        corpus.shapes(f"box-{what}", [rectangle(), rectangle(points)], "box-zero-size")
    corpus.shapes("polygon-of-two", [rectangle(), polygon([[10, 8], [40, 36]])], "box-zero-size")
    corpus.shapes("polygon-of-one", [rectangle(), polygon([[10, 8]] * 4)], "box-zero-size")
    for what, (x, y) in {"left": (-60, 0), "right": (90, 0), "above": (0, -60), "below": (0, 90)}.items():
        outside = [[10 + x, 8 + y], [40 + x, 36 + y]]
        corpus.shapes(f"box-outside-{what}", [rectangle(), rectangle(outside)], "box-outside")
    for what, (x, y) in {"left": (-15, 0), "right": (30, 0), "top": (0, -15), "bottom": (0, 20)}.items():
        corpus.shapes(f"box-over-{what}", [rectangle([[10 + x, 8 + y], [40 + x, 36 + y]])], "box-partly-outside")
    corpus.shapes("polygon-over", [polygon([[-9, 5], [50, 9], [30, 60]])], "box-partly-outside")
    corpus.shapes("point-outside", [rectangle(), rectangle([[70, 5]], shape_type="point")], "box-outside")
    corpus.shapes("box-twice", [rectangle(), rectangle()], "box-duplicate")
    corpus.shapes("box-nearly-twice", [rectangle(), rectangle([[10.2, 8.1], [40, 36.2]])], "box-duplicate")
    corpus.shapes("box-twice-turned", [rectangle(), rectangle(FACE[::-1])], "box-duplicate")
    corpus.shapes("box-two-labels", [rectangle(), rectangle(label="mask")], "box-two-labels")
    corpus.shapes("box-covers", [rectangle([[0, 0], [64, 47.5]])], "box-covers-photo")
    name = corpus.name("box-tiny", ".jpg")
    large = Image.fromarray(picture(31, 640, 480))
    large.save(corpus.images / name, "JPEG")
    tiny = label_of(name) | {"shapes": [rectangle([[10, 8], [13, 11]])], "imageWidth": 640, "imageHeight": 480}
    corpus.write_json(Path(name).with_suffix(".json").name, tiny)
    corpus.expected.append((f"images/{Path(name).with_suffix('.json').name}", "box-tiny"))
    corners = [[10, 8], [40, 8], [40, 36], [10, 36]]
    corpus.shapes("four-corners", [rectangle(corners)], "label-four-corners")


def _wrong_labels(corpus: Corpus) -> None:
    for name in ("", "   ", "\u3000"):
        corpus.shapes("label-blank", [rectangle(label=name)], "label-blank")
    for name in ("Face", "FACE", "face ", " face", "fcae", "fase", "facee", "fce", "f_ace"):
        corpus.shapes("label-typo", [rectangle(label=name)], "label-typo")
    made = {"thirtyfold": {"predicted_by": "runs/detect/1"}}
    corpus.label("machine-made", made, "label-machine-made")
    corpus.photo("unlabelled", ".jpg", encode(600, "JPEG"), "label-unlabelled")


def _loose_files(corpus: Corpus) -> None:
    for number in range(4):
        corpus.write_json(f"gone-{number}.json", label_of(f"gone-{number}.jpg"))
        corpus.expected.append((f"images/gone-{number}.json", "label-orphan"))
    (corpus.images / "gone-cut.json").write_bytes(b'{"shapes": [')
    corpus.expected.append(("images/gone-cut.json", "label-orphan"))
    corpus.write_json("instances.json", {"images": [], "annotations": [], "categories": []})
    corpus.expected.append(("images/instances.json", "file-foreign"))
    for suffix in (".gif", ".heic", ".avif", ".jfif"):
        name = corpus.name("other", suffix)
        (corpus.images / name).write_bytes(encode(1, "GIF"))
        corpus.expected.append((f"images/{name}", "image-format-not-read"))


def _copies(corpus: Corpus) -> None:
    def twin(what: str, first: bytes, second: bytes, code: str, *, label: bool = True) -> tuple[str, str]:
        one = corpus.photo(f"{what}-a", ".jpg", first, label=label)
        return one, corpus.photo(f"{what}-b", ".jpg", second, code, label=label)

    pairs = []
    for seed in range(3):
        data = encode(800 + seed, "JPEG")
        pairs.append(twin("twin", data, data, "image-duplicate"))
        pixels = picture(810 + seed, 320, 240)
        files = [cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, q])[1].tobytes() for q in (95, 40)]
        pairs.append(twin("like", files[0], files[1], "image-near-duplicate", label=False))
    data = encode(820, "JPEG")
    _, second = twin("disputed", data, data, "duplicate-labels-differ")
    corpus.write_json(Path(second).with_suffix(".json").name, label_of(second) | {"shapes": []})
    name = corpus.photo("shared", ".jpg", encode(830, "JPEG"), label=True)
    other = Path(name).with_suffix(".png").name
    (corpus.images / other).write_bytes(encode(831, "PNG"))
    corpus.expected += [(f"images/{photo}", "label-shared") for photo in (name, other)]
    # The split goes by name. Its leaks are the first pair of each sort.
    (same, copy), (alike, like) = pairs[0], pairs[1]
    parts = {copy: "val", like: "test"}
    corpus.expected += [(f"images/{copy}", "split-leak"), (f"images/{like}", "split-leak-near")]
    photos = {}
    for path in sorted(corpus.images.iterdir()):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"):
            photos[path.name] = {"part": parts.get(path.name, "train"), "session": path.name}
    photos[alike]["session"], photos[like]["session"] = "torn", "torn"
    photos["no-longer-here.jpg"] = {"part": "train", "session": "gone"}
    assert photos[same]["part"] == "train"
    _split(corpus, photos)
    corpus.expected += [("split.json", "split-leak-session"), ("split.json", "split-out-of-date")]


def _split(corpus: Corpus, photos: dict[str, dict[str, str]]) -> None:
    # What the next step adds belongs to it as well, or the split would be out of date for another reason.
    for name in ("folder", "link", "device", "label-is-device"):
        photos[f"{name}.jpg"] = {"part": "train", "session": name}
    split = {"format": 1, "how": "captures.jsonl", "leak_free": True, "note": "", "options": {}, "photos": photos}
    (corpus.root / "split.json").write_text(json.dumps(split), encoding="utf-8")


def _folders(corpus: Corpus) -> None:
    (corpus.images / "folder.jpg").mkdir()
    corpus.expected.append(("images/folder.jpg", "image-unreadable"))
    (corpus.images / "link.jpg").symlink_to("nowhere.jpg")
    corpus.expected.append(("images/link.jpg", "image-unreadable"))
    (corpus.images / "device.jpg").symlink_to(os.devnull)
    corpus.expected.append(("images/device.jpg", "image-unreadable"))
    (corpus.images / "label-is-device.jpg").write_bytes(encode(950, "JPEG"))
    (corpus.images / "label-is-device.json").symlink_to(os.devnull)
    corpus.expected.append(("images/label-is-device.json", "label-not-json"))
    for below in ("old", "old/older"):
        folder = corpus.images / below
        folder.mkdir(parents=True)
        (folder / "1.jpg").write_bytes(encode(900, "JPEG"))
    corpus.expected.append(("images/old", "image-in-subfolder"))


def _labels_apart(corpus: Corpus) -> None:
    labels = corpus.root / "labels"
    labels.mkdir()
    twice = Path(corpus.shapes("twice", [rectangle()])).with_suffix(".json").name
    (labels / twice).write_text(json.dumps(label_of("twice.jpg") | {"shapes": []}), encoding="utf-8")
    corpus.expected.append((f"images/{twice}", "label-twice"))
    apart = corpus.photo("apart", ".jpg", encode(901, "JPEG"))
    (labels / f"{Path(apart).stem}.json").write_text(json.dumps(label_of(apart)), encoding="utf-8")
    corpus.expected.append(("labels", "label-other-folder"))


def tree_digest(root: Path) -> str:
    """SHA-256 over every name and byte below ``root``, links as links."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=os.fspath):
        digest.update(os.fsencode(path.relative_to(root)) + b"\0")
        if path.is_symlink():
            digest.update(os.fsencode(path.readlink()))
        elif path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    written = write_corpus(Path(sys.argv[1]))
    print(f"{len(written.expected)} problems in {written.root}")  # noqa: T201
