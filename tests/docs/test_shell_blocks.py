"""What finds and judges the shell blocks of the docs, on a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.shell_blocks import blocks_of, given, matches, slipped_through

PAGE = """\
# A page

<!-- given: faces clip -->

<!-- run, with: capture --source demo:{n} --n 6; train --epochs 1 -->
```sh
thirtyfold capture --n 100   # a hundred
# only said
KEY='a b' thirtyfold train \\
  --size 64
```

1. In a list:

    <!-- run, exit 3, any of: sofa kitchen -->
    ```console
    $ tool annotate
    nothing to do in sofa
    $ ls
    ```

<!-- not run: needs a webcam -->
```sh
thirtyfold live
```

```sh
make demo
```

<!-- file: a.yaml -->
```yaml
name: a
```

```text
thirtyfold check
```

    thirtyfold split

    some output
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_a_marker_says_whether_and_how_a_block_is_run(page: Path) -> None:
    run, listed, webcam, unmarked, recipe, _ = blocks_of(page)
    assert run.is_run
    assert run.more == {"capture": ("--source", "demo:{n}", "--n", "6"), "train": ("--epochs", "1")}
    assert listed.is_run
    assert listed.exit_code == 3
    assert listed.any_of == ("sofa", "kitchen")
    assert (webcam.is_run, webcam.reason_not_run) == (False, "needs a webcam")
    assert (unmarked.is_run, unmarked.reason_not_run) == (False, "")
    assert recipe.file_name == "a.yaml"
    assert given(page) == ("faces", "clip")


def test_lines_are_taken_apart_as_a_shell_does(page: Path) -> None:
    run, listed, *_ = blocks_of(page)
    capture, train = run.commands()
    assert capture.words == ["thirtyfold", "capture", "--n", "100"]
    assert train.words == ["thirtyfold", "train", "--size", "64"]
    annotate, ls = listed.commands()
    assert (annotate.text, annotate.printed) == ("tool annotate", "nothing to do in sofa")
    assert annotate.is_ours
    assert not ls.is_ours


def test_what_is_to_be_typed_outside_of_a_shell_block_is_found(page: Path) -> None:
    assert [line.rpartition(": ")[2] for line in slipped_through(page)] == ["thirtyfold check", "thirtyfold split"]


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("│ photos │ 100 │ sofa │", True),
        ("│ photos   │ 1,234.5    │ sofa │", True),
        ("│ photos │ 20 │ kitchen │", True),
        ("│ photos │ … │", True),
        ("│ pictures │ 20 │ sofa │", False),
        ("│ photos │ 20 │ garden │", False),
        ("│ photos │", False),
    ],
)
def test_what_a_page_says_is_compared_but_for_numbers_and_widths(said: str, same: bool) -> None:
    printed = "Captured\n┌────┐\n│ photos │ 20 │ sofa │\n└────┘\n"
    assert matches(printed, f"Captured\n┌──────────┐\n{said}\n└──────────┘", any_of=("sofa", "kitchen")) is same


def test_a_line_of_dots_stands_for_any_number_of_lines() -> None:
    assert matches("one\ntwo\nthree\nend\n", "one\n…\nend")
    assert matches("one\nend\n", "one\n…\nend")
    assert not matches("one\ntwo\n", "one\n…\nend")
