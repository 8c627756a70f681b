"""XML label files, read without what an attacker can hide in one: entities, other files, elements in each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from thirtyfold.datasets.formats.label_set import without_control_characters
from thirtyfold.datasets.reading import read_label_bytes
from thirtyfold.errors import LabelError

# Labels need five levels; code that goes down into an element calls itself once a level.
_MOST_LEVELS = 50
# The boxes of a whole dataset in one file have some hundred megabytes.
_MOST_BYTES = 1_000_000_000


def parse(path: Path) -> Element:
    """The root of an XML file. Raises :class:`LabelError`, also for one that defines entities.

    The five of XML itself (``&amp;`` and so on) and characters by number are read.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    levels = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal levels
        levels += 1
        if levels > _MOST_LEVELS:
            raise LabelError(path, f"has elements in elements, more than {_MOST_LEVELS} levels deep; it is not read")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal levels
        levels -= 1
        builder.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: Any) -> None:
        # "A billion laughs": ten lines of definitions unfold to gigabytes.
        raise LabelError(path, "defines entities of its own, which no labelling tool does; it is not read")

    parser.EntityDeclHandler = refuse
    data = read_label_bytes(path, most_bytes=_MOST_BYTES)
    try:
        parser.Parse(data, True)
        root = builder.close()
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise LabelError(path, f"is not XML ({error}); export it again") from error
    except AssertionError as error:
        raise LabelError(path, "is not XML (nothing in it); export it again") from error
    return root


def to_value(element: Element) -> Any:
    """An element as JSON could hold it: text, or its children by name, a list where a name occurs again."""
    if not len(element):
        return text_of(element)
    value: dict[str, Any] = {}
    for child in element:
        inner = to_value(child)
        if child.tag in value:
            before = value[child.tag]
            value[child.tag] = [*before, inner] if isinstance(before, list) else [before, inner]
        else:
            value[child.tag] = inner
    return value


def from_value(tag: str, value: Any) -> list[Element]:
    """The elements that :func:`to_value` read the value from.

    Values that were in another file meanwhile may have become anything: what no XML can hold is replaced by ``_``.
    """
    if isinstance(value, list):
        return [element for inner in value for element in from_value(tag, inner)]
    element = Element(tag if _is_element_name(tag) else "_")
    if isinstance(value, dict):
        for name, inner in value.items():
            element.extend(from_value(name, inner))
    else:
        element.text = "" if value is None else without_control_characters(str(value))
    return [element]


def text_of(element: Element | None) -> str:
    """The text of an element; white space around it counts only if there is no line break in it."""
    text = (element.text or "") if element is not None else ""
    return text.strip() if "\n" in text else text


def _is_element_name(tag: str) -> bool:
    try:
        expat.ParserCreate().Parse(f"<{tag}/>", True)
    except (expat.ExpatError, ValueError):
        return False
    return re.search(r"[\s<>/=&]", tag) is None  # `a b="c"` and `a/><b` can be parsed, too
