"""A problem of a dataset, and the table of all kinds there are.

A code never changes its meaning: programs, and the people who look a code up in
``docs/check.md``, rely on it. A new kind is a new line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Kind:
    severity: Severity
    title: str
    mend: str


_SAVE_ANEW = "Open it in a picture viewer and save it as JPEG or PNG, or let `check --fix` write a copy."
_FIX = "`check --fix` writes a corrected copy."

KINDS: Mapping[str, Kind] = {
    # The photo's file.
    "image-empty": Kind("error", "photo file of zero bytes", "Copy it again from where it came, or delete it."),
    "image-unreadable": Kind("error", "not a picture that can be read", "Copy it again from where it came."),
    "image-truncated": Kind("error", "photo cut off", "Copy it again from where it came: its end is missing."),
    "image-too-large": Kind("error", "too many pixels to unpack", "Scale it down first. It was not unpacked."),
    "image-half-grey": Kind(
        "warning", "lower part plain grey", "Look at it: decoders paint what is missing in a damaged JPEG like that."
    ),
    "image-wrong-extension": Kind(
        "warning", "extension of another format", f"Rename it, or: {_FIX} Some programs go by the name."
    ),
    "image-cmyk": Kind("warning", "print colours (CMYK)", f"labelme refuses it. {_SAVE_ANEW}"),
    "image-16-bit": Kind("warning", "more than 8 bits a colour", f"labelme refuses it. {_SAVE_ANEW}"),
    "image-alpha": Kind(
        "warning", "transparent pixels", f"A model sees the colours hidden behind them, you do not. {_FIX}"
    ),
    "image-animated": Kind("warning", "several pictures in one file", f"Only the first one is used. {_FIX}"),
    "image-format-not-read": Kind("warning", "picture format that is not read", "Save it as JPEG or PNG."),
    "image-in-subfolder": Kind(
        "warning",
        "photos in a folder of their own",
        "Only one folder is read: move them, or check them apart.",
    ),
    "image-exif-rotated": Kind(
        "note", "stored sideways", f"We turn it upright by its EXIF tag; programs that don't, need a copy. {_FIX}"
    ),
    "image-name-not-ascii": Kind(
        "note", "name with letters beyond ASCII", "We read it; rename it if an older program must read it, too."
    ),
    # Copies.
    "image-duplicate": Kind(
        "warning",
        "the same file twice",
        "Delete one of them: it counts double in training. `check --fix` copies it once, where the labels agree.",
    ),
    "image-near-duplicate": Kind(
        "note", "looks like another photo", "Fine within one session; keep both on one side of the split."
    ),
    "duplicate-labels-differ": Kind(
        "warning", "one picture, labelled in two ways", "Open both in labelme and make the labels agree."
    ),
    # The split.
    "split-broken": Kind("error", "split.json cannot be read", "Run `thirtyfold split` again."),
    "split-leak": Kind(
        "error", "the same file on both sides of the split", "Delete one copy, then run `thirtyfold split` again."
    ),
    "split-leak-session": Kind("error", "a session on both sides of the split", "Run `thirtyfold split` again."),
    "split-leak-near": Kind(
        "error",
        "the same picture, rescaled or saved anew, on both sides of the split",
        "Delete one copy, then run `thirtyfold split` again.",
    ),
    "split-not-leak-free": Kind(
        "warning", "one session on both sides, as there is no other", "Capture a second session and split again."
    ),
    "split-out-of-date": Kind("warning", "photos and split.json do not match", "Run `thirtyfold split` again."),
    # The label's file.
    "label-empty": Kind("error", "label file of zero bytes", "Label the photo anew in labelme."),
    "label-not-json": Kind("error", "label file that is not JSON", "Label the photo anew in labelme."),
    "label-not-labelme": Kind(
        "error", "JSON beside a photo, but not labelme's", "Move it away, or turn it with `thirtyfold convert`."
    ),
    "label-broken": Kind("error", "label file with a wrong field", "Label the photo anew in labelme."),
    "shape-broken": Kind("error", "shape that cannot be read", "Delete the shape in labelme and draw it anew."),
    "label-size-differs": Kind(
        "error",
        "labels drawn on a picture of another size",
        f"Open the photo in labelme, see whether the shapes fit, save. {_FIX}",
    ),
    "label-of-another-photo": Kind(
        "error", "label file that names another photo", "Open both in labelme and see whose labels they are."
    ),
    "label-shared": Kind(
        "error", "one label file for several photos", "Rename one photo: the label goes by the name without extension."
    ),
    "label-path-leaves-folder": Kind(
        "warning", "path (imagePath) that leaves the dataset", f"We never follow it, other programs do. {_FIX}"
    ),
    "label-image-path": Kind("warning", "path (imagePath) of a file that is not there", f"labelme needs it. {_FIX}"),
    "label-orphan": Kind("warning", "label file without its photo", "Bring the photo back, or delete the label file."),
    "label-twice": Kind(
        "warning", "labels beside the photo and in labels/", "The one beside the photo is used; delete the other."
    ),
    "label-machine-made": Kind(
        "warning", "drawn by a model, looked at by nobody", "Look at it: `thirtyfold annotate` opens it."
    ),
    "label-unlabelled": Kind("warning", "photo without labels", "Draw them with `thirtyfold annotate`."),
    "label-other-folder": Kind(
        "note", "labels in a folder of their own", f"We find them there; labelme wants them beside the photos. {_FIX}"
    ),
    "label-windows-path": Kind("note", "path (imagePath) with backslashes", f"We read it; others may not. {_FIX}"),
    "label-embeds-photo": Kind("note", "the photo once more inside the label file", f"It only costs space. {_FIX}"),
    "label-four-corners": Kind("note", "rectangles with four corners", f"We read them; labelme 7 refuses them. {_FIX}"),
    "label-size-missing": Kind("note", "size of the picture not written down", f"We read the photo's own. {_FIX}"),
    "file-foreign": Kind("note", "labels of another format", "`thirtyfold convert` turns them into labelme's."),
    # The shapes.
    "box-zero-size": Kind("error", "shape of no size", "A slip of the mouse: delete it in labelme."),
    "box-outside": Kind("error", "shape outside of the photo", "Delete it in labelme, or move it."),
    "box-partly-outside": Kind("warning", "shape that sticks out of the photo", f"Draw its edge inside. {_FIX}"),
    "box-duplicate": Kind("warning", "the same shape twice", f"Delete one in labelme. {_FIX}"),
    "box-two-labels": Kind("warning", "one thing under two labels", "Decide on one of the labels in labelme."),
    "box-tiny": Kind(
        "warning",
        "shape too small to be learned",
        "A model's 224 px input shows it as 2 px: leave it out, or crop.",
    ),
    "box-covers-photo": Kind("warning", "shape as large as the photo", "Is it meant? Then flag the photo instead."),
    # The label's names.
    "label-blank": Kind("error", "shape without a name", "Name it in labelme."),
    "label-typo": Kind("warning", "label that may be misspelt", "Rename it in labelme, or list it: `--labels`."),
    "label-unlisted": Kind("warning", "label that is not on the list", "Rename it in labelme, or list it: `--labels`."),
    "label-is-file-name": Kind(
        "warning", "label that is a photo's name", "Give the thing its name (`face`), or every photo is its own class."
    ),
    # Classes and attributes of whole photos.
    "class-conflict": Kind(
        "error", "the same photo in two classes", "Decide on one, and take the other photo out of the dataset."
    ),
    "class-two": Kind(
        "error", "two classes ticked where one is meant", "Untick one in labelme: `thirtyfold annotate --all --flags`."
    ),
    "class-one-photo": Kind(
        "error", "a class of a single photo", "Add photos of it, or leave it out: one can't teach and test."
    ),
    "class-not-in-train": Kind(
        "error", "a class that only val or test has", "Add photos of it, or run `thirtyfold split` again."
    ),
    "attributes-wrong": Kind("error", "attributes that cannot be right", "Correct the file at the line named."),
    "class-alone": Kind(
        "warning", "one class only", "Add photos of what is not in it: there is nothing to tell apart."
    ),
    "class-few-photos": Kind(
        "warning", "a class of fewer than ten photos", "Add photos of it: its figures would say little."
    ),
    "class-missing": Kind(
        "warning", "photo without a class", "Tick it: `thirtyfold annotate --flags` opens it. It is not learned from."
    ),
    # The whole.
    "class-imbalance": Kind("warning", "classes of very unequal size", "Photograph and label more of the rare ones."),
    "no-negatives": Kind(
        "note", "no photo that is verified empty", "Take some with nothing in them: they teach a model to stay silent."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. ``file`` is relative to the dataset's folder, with slashes.

    ``photo`` is the file name of the photo it is about, ``None`` for the whole dataset;
    ``shape`` the index in the label file's list; ``others`` the other photos concerned.
    """

    code: str
    file: str
    message: str
    photo: str | None = None
    shape: int | None = None
    others: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]

    @property
    def severity(self) -> Severity:
        return self.kind.severity

    @property
    def mend(self) -> str:
        return self.kind.mend

    def to_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "file": self.file,
            "photo": self.photo,
            "shape": self.shape,
            "others": list(self.others),
            "message": self.message,
            "mend": self.mend,
        }


def by_weight(problem: Problem) -> tuple[int, int, str, int, str]:
    """A sort key: errors first, then in the table's order, then by file and shape."""
    order = list(KINDS)
    shape = -1 if problem.shape is None else problem.shape
    return SEVERITIES.index(problem.severity), order.index(problem.code), problem.file, shape, problem.message
