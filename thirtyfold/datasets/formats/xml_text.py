"""XML label files, read without the two things an attacker can hide in one: entities and outer files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from thirtyfold.errors import LabelError


def parse(path: Path) -> Element:
    """The root of an XML file. Raises :class:`LabelError`, also for one that defines entities.

    The five of XML itself (``&amp;`` and so on) and characters by number are read.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: Any) -> None:
        # "A billion laughs": ten lines of definitions unfold to gigabytes.
        raise LabelError(path, "defines entities of its own, which no labelling tool does; it is not read")

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
        root = builder.close()
    except OSError as error:
        raise LabelError(path, f"cannot be opened ({error.strerror or error})") from error
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
    """The elements that :func:`to_value` read the value from."""
    if isinstance(value, list):
        return [element for inner in value for element in from_value(tag, inner)]
    element = Element(tag)
    if isinstance(value, dict):
        for name, inner in value.items():
            element.extend(from_value(name, inner))
    else:
        element.text = "" if value is None else str(value)
    return [element]


def text_of(element: Element | None) -> str:
    """The text of an element; white space around it counts only if there is no line break in it."""
    text = (element.text or "") if element is not None else ""
    return text.strip() if "\n" in text else text
