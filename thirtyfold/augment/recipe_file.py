"""A recipe that somebody wrote: a YAML file, checked whole before anything is made.

::

    name: doorway                     # default: the file's name
    purpose: faces at our front door  # for people
    extends: webcam                   # its steps come before ours
    swap_on_mirror: {left_eye: right_eye}
    background: {folder: rooms, p: 0.3}
    cover: {p: 0.2}
    copy_paste: {p: 0.5}
    steps:
      - Affine: {p: 0.7, rotate: [-10, 10], fill: 114}
      - HorizontalFlip                # as often as albumentations does it by itself
      - OneOf:
          p: 0.3
          steps: [MotionBlur, {GaussianBlur: {blur_limit: [3, 7]}}]

``background``, ``copy_paste`` and ``cover`` are the steps ``ReplaceBackground``, ``CopyPaste`` and ``CoverPart``,
done in this order before all others; as steps they can stand anywhere. Folders are meant relative to the file.

Every error names the file and the line. YAML is read for plain values only: no tag, no
anchor, nothing that runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from thirtyfold.augment import recipe_check
from thirtyfold.augment.pictures import Pictures, find_pictures
from thirtyfold.augment.recipes import RECIPES, Recipe, Step
from thirtyfold.errors import UsageError

_KEYS = ("name", "purpose", "extends", "swap_on_mirror", "background", "copy_paste", "cover", "steps")
# In the order in which they are done: what covers a thing lies on top of all.
_OPTIONS = {"background": "ReplaceBackground", "copy_paste": "CopyPaste", "cover": "CoverPart"}
_MOST_BYTES = 256 * 1024
_DEEPEST = 20


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises :class:`UsageError` naming file and line if it can't be one."""
    return _File(path).recipe()


@dataclass(frozen=True, slots=True)
class _File:
    path: Path

    def recipe(self) -> Recipe:
        root = self._root()
        entries = self._entries(root, "the recipe")
        for key, (key_node, _) in entries.items():
            if key not in _KEYS:
                hint = recipe_check.nearest(key, dict.fromkeys(_KEYS))
                self._wrong(key_node, f"a recipe has no key {key!r}{hint or '; it has ' + ', '.join(_KEYS)}")
        if not {"steps", "extends", *_OPTIONS} & set(entries):
            self._wrong(root, "`steps:` is missing, the list of transforms")
        options = [self._step_of(*entries[key], transform) for key, transform in _OPTIONS.items() if key in entries]
        base = self._base(entries["extends"][1]) if "extends" in entries else None
        name = self._text(entries["name"][1]) if "name" in entries else self.path.stem
        return Recipe(
            name=name,
            purpose=self._text(entries["purpose"][1]) if "purpose" in entries else "",
            swap_on_mirror=self._swaps(entries["swap_on_mirror"][1]) if "swap_on_mirror" in entries else {},
            steps=(
                *options,
                *(base.steps if base else ()),
                *(self._steps(entries["steps"][1]) if "steps" in entries else ()),
            ),
        )

    def _base(self, node: yaml.Node) -> Recipe:
        name = self._text(node)
        if name not in RECIPES:
            self._wrong(
                node,
                f"there is no recipe {name}{recipe_check.nearest(name, RECIPES)}; one of "
                f"{', '.join(RECIPES)} was expected",
            )
        return RECIPES[name]

    def _root(self) -> yaml.Node:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError as error:
            raise UsageError(f"--recipe {self.path}: no such file") from error
        except OSError as error:
            raise UsageError(f"--recipe {self.path}: cannot be read ({error.strerror or error})") from error
        if len(data) > _MOST_BYTES:
            raise UsageError(f"{self.path}: {len(data):,} bytes are no recipe; a list of transforms was expected")
        try:
            text = data.decode("utf-8-sig")
            depth = 0
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > _DEEPEST:
                    # PyYAML's time grows with the square of the depth.
                    self._wrong(event, f"more than {_DEEPEST} lists and mappings in one another are no recipe")
                if isinstance(event, yaml.AliasEvent):
                    # A few of them can stand for gigabytes.
                    self._wrong(event, f"write the values out instead of *{event.anchor}; anchors are not read")
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.path}: is not UTF-8 text; save it as that") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f", line {mark.line + 1}" if mark else ""
            raise UsageError(f"{self.path}{line}: is not YAML ({error.problem})") from error
        except yaml.YAMLError as error:
            raise UsageError(f"{self.path}: is not YAML ({' '.join(str(error).split())[:200]})") from error
        if root is None:
            raise UsageError(f"{self.path}: is empty; `steps:` and a list of transforms were expected")
        return root

    def _steps(self, node: yaml.Node) -> tuple[Step, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._wrong(node, "a list of transforms was expected, each on a line that begins with `- `")
        return tuple(self._step(item) for item in node.value)

    def _step(self, node: yaml.Node) -> Step:
        """``- Name`` or ``- Name: {p: ..., argument: ...}``."""
        if isinstance(node, yaml.ScalarNode):
            return self._step_of(node, None, self._text(node))
        outer = self._entries(node, "a step")
        if len(outer) != 1:
            self._wrong(node, "one transform was expected, as in `- Blur: {p: 0.1}`, its arguments indented below")
        name_node, body = next(iter(outer.values()))
        return self._step_of(name_node, body, self._text(name_node))

    def _step_of(self, name_node: yaml.Node, body: yaml.Node | None, name: str) -> Step:
        """The step ``name``, written at ``name_node`` with ``body`` as its arguments."""
        entries: Mapping[str, tuple[yaml.Node, yaml.Node]] = {}
        if body is not None and not (isinstance(body, yaml.ScalarNode) and body.value in ("", "~", "null")):
            entries = self._entries(body, f"the arguments of {name}")
        if name == "OneOf":
            return self._one_of(name_node, entries)
        try:
            recipe_check.check_name(name)
        except UsageError as error:
            self._wrong(name_node, str(error))
        probability = self._probability(entries, recipe_check.default_probability(name))
        folder = recipe_check.COMPOSERS.get(name)
        arguments = {
            key: self._pictures(value, cutouts=key == "cutouts") if key == folder else self._value(value)
            for key, (_, value) in entries.items()
            if key != "p"
        }
        step = Step(transform=name, probability=probability, arguments=arguments)
        try:
            recipe_check.check_step(step)
        except UsageError as error:
            self._wrong(self._culprit(str(error), name_node, entries), str(error).removeprefix("recipe: "))
        return step

    def _pictures(self, node: yaml.Node, *, cutouts: bool) -> Pictures:
        try:
            return find_pictures(self.path.parent / self._text(node), cutouts=cutouts)
        except UsageError as error:
            self._wrong(node, str(error))

    def _one_of(self, node: yaml.Node, entries: Mapping[str, tuple[yaml.Node, yaml.Node]]) -> Step:
        if "steps" not in entries or set(entries) - {"p", "steps"}:
            self._wrong(node, "OneOf takes `p` and `steps`, a list of transforms of which one is done")
        steps = self._steps(entries["steps"][1])
        if composers := [step.transform for step in steps if step.transform in recipe_check.COMPOSERS]:
            self._wrong(node, f"{composers[0]} can't be part of OneOf; make it a step of its own")
        if sum(step.probability for step in steps) <= 0:
            self._wrong(node, "none of the transforms of this OneOf has a `p` above 0")
        return Step(
            transform="OneOf",
            probability=self._probability(entries, 0.5),
            arguments={"steps": tuple((step.transform, step.probability, dict(step.arguments)) for step in steps)},
        )

    def _probability(self, entries: Mapping[str, tuple[yaml.Node, yaml.Node]], default: float) -> float:
        if "p" not in entries:
            return default
        node = entries["p"][1]
        value = self._value(node)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self._wrong(node, f"p is {value!r}; how often the step happens, 0 to 1, was expected")
        return float(value)

    def _swaps(self, node: yaml.Node) -> dict[str, str]:
        swaps: dict[str, str] = {}
        for left, (left_node, right_node) in self._entries(node, "swap_on_mirror").items():
            right = self._text(right_node)
            if left == right or {left, right} & {*swaps, *swaps.values()}:
                self._wrong(left_node, f"{left!r} and {right!r}: every label can change places with one other only")
            swaps[left] = right
        return swaps

    def _entries(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """A mapping's key and value nodes by key."""
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{what}: names with values were expected, as in `p: 0.5`")
        entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            key = self._text(key_node)
            if key in entries:
                self._wrong(key_node, f"{key!r} is there twice")
            entries[key] = (key_node, value_node)
        return entries

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self._wrong(node, "a word was expected")
        return str(node.value).strip()

    def _value(self, node: yaml.Node) -> Any:
        """Numbers, words, lists (as tuples) and mappings of them; a step must be hashable and pass process borders."""
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._value(item) for item in node.value)
        if isinstance(node, yaml.MappingNode):
            return {key: self._value(value) for key, (_, value) in self._entries(node, "the argument").items()}
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.startswith("tag:yaml.org,2002:python"):
            self._wrong(node, "YAML tags (!...) are not read; a recipe has plain values only")
        try:
            value = yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):
            value = node
        if not isinstance(value, str | int | float | bool | None):
            self._wrong(node, f"{node.value!r} is not a plain number, word, list or mapping")
        return value

    def _culprit(
        self, message: str, name_node: yaml.Node, entries: Mapping[str, tuple[yaml.Node, yaml.Node]]
    ) -> yaml.Node:
        """The argument that a message is about, else the step."""
        named = [node for key, (node, _) in entries.items() if re.search(rf"\b{re.escape(key)}\b", message)]
        return named[0] if len(named) == 1 else name_node

    def _wrong(self, where: yaml.Node | yaml.Event, what: str) -> NoReturn:
        raise UsageError(f"{self.path}, line {where.start_mark.line + 1}: {what}")
