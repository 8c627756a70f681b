"""The folder that the copies go into: made ready for one manifest, and only for that one."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from thirtyfold import files
from thirtyfold.datasets import augmented, shards
from thirtyfold.datasets.augmented import Manifest
from thirtyfold.datasets.storage import Folder, LocalFolder
from thirtyfold.errors import UsageError
from thirtyfold.progress import Progress
from thirtyfold.workspace import Dataset


def make_room(dataset: Dataset, manifest: Manifest, progress: Progress) -> None:
    """Leave ``augmented/`` with this manifest and nothing of any other run.

    A folder made from something else is moved aside whole and then emptied of what we
    made: new copies go into a fresh one, since refilling a folder is ten times slower on
    some file systems, and a file that somebody else put there is never deleted. Raises
    :class:`UsageError` if the folder is not ours or can't be written.
    """
    folder = dataset.augmented_dir
    for aside in sorted(dataset.root.glob(f"{folder.name}.old-*")):
        _remove_ours(aside, progress)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file, but the copies go into a folder of this name; move it away")
    old = augmented.read_manifest(dataset)
    if old is not None and old.inputs == manifest:
        remove_torn(LocalFolder(folder))
        return
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        if old is None:
            raise UsageError(
                f"{folder}: holds files but no {augmented.MANIFEST} of ours, so it can't be told what they were made "
                "from; move or delete the folder and run the same command again"
            )
        progress.say(f"The copies in {folder} were made from other {_changed(old, manifest)}: they are made anew")
        number = 1
        while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
            number += 1
        try:
            folder.rename(aside)
        except OSError as error:
            raise files.writing_failed(folder, error) from error
        _remove_ours(aside, progress)
    augmented.write_manifest(LocalFolder(folder), manifest)


def make_remote_room(out: Folder, manifest: Manifest) -> None:
    """As :func:`make_room` on other storage, where nothing is ever moved or deleted but our own temporary files.

    Raises :class:`UsageError` if anything else is there.
    """
    data = out.read(augmented.MANIFEST)
    old = augmented.parse_manifest(data) if data is not None else None
    if old is not None and old.inputs == manifest:
        remove_torn(out)
        return
    if old is not None:
        raise UsageError(
            f"{out}: holds copies made from other {_changed(old, manifest)}; delete or move them, since on other "
            "storage thirtyfold deletes nothing, and run the same command again"
        )
    if out.sizes() or out.sizes(augmented.IMAGES) or out.sizes(augmented.SHARDS):
        raise UsageError(
            f"{out}: holds files but no {augmented.MANIFEST} of ours, so it can't be told what they were made from; "
            "move or delete them and run the same command again"
        )
    augmented.write_manifest(out, manifest)


def _changed(old: Manifest, new: Manifest) -> str:
    words = {
        "sources": "photos or labels",
        "recipe_fingerprint": "steps of the recipe",
        "min_visible": "--min-visible",
        "store": "--store",
        "longest_px": "--shard-size",
        "copies_a_shard": "numbers of copies a shard",
    }
    changed = [item.name for item in fields(Manifest) if getattr(old.inputs, item.name) != getattr(new, item.name)]
    # It follows from the others, and is the reason only after a change of this program.
    changed = [name for name in changed if name != "copies_a_shard"] or changed
    return ", ".join(words.get(name, name) for name in changed)


def _remove_ours(aside: Path, progress: Progress) -> None:
    """Delete the copies in a folder that was moved aside, and the folder if nothing else is in it."""
    manifest = augmented.read_manifest_of(aside)
    if manifest is None:
        return  # emptied before; what is in it is somebody else's
    images = aside / "images"
    try:
        for stem in manifest.stems():
            label_path = images / f"{stem}.json"
            if augmented.is_ours(label_path) or not label_path.exists():
                label_path.with_suffix(".jpg").unlink(missing_ok=True)
                label_path.unlink(missing_ok=True)
        for path in (aside / augmented.SHARDS / name for name in (manifest.shards.names() if manifest.shards else ())):
            if shards.is_ours(path):
                path.unlink()
            path.with_name(shards.note_name(path.name)).unlink(missing_ok=True)
        remove_torn(LocalFolder(aside))
        (aside / augmented.PREVIEW).unlink(missing_ok=True)
        for folder in (images, aside / augmented.SHARDS):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        # The manifest goes last: as long as it is there, a removal that was killed is taken up again.
        (aside / augmented.MANIFEST).unlink()
        if any(aside.iterdir()):
            progress.say(f"{aside}: kept, as it holds files that thirtyfold did not make")
        else:
            aside.rmdir()
    except OSError as error:
        raise files.writing_failed(aside / augmented.MANIFEST, error) from error


def remove_torn(out: Folder) -> None:
    """Delete the temporary files that a killed process left. Torn copies need nothing: they are written anew."""
    for subfolder in (augmented.IMAGES, augmented.SHARDS):
        for name in out.sizes(subfolder):
            if name.startswith(".") and name.endswith(".tmp"):
                out.remove(f"{subfolder}/{name}")
