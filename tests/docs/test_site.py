"""The docs site: built without a warning, and asking nobody but its own server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# What a browser fetches by itself; a link (`href` of an `a`) is the reader's own click.
FETCHED = re.compile(r"""<(?:script|img|iframe|source|video)\b[^>]*\bsrc=["']?(https?:[^"' >]+)""")
STYLED = re.compile(
    r"""<link\b(?=[^>]*rel=["']?(?:stylesheet|preload|preconnect|icon))[^>]*href=["']?(https?:[^"' >]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. A page outside of the navigation, a dead link or a dead anchor is a warning, and fails."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_site_is_built_without_a_warning(site: Path) -> None:
    assert (site / "index.html").exists()
    assert (site / "tutorial" / "index.html").exists()


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = {
        address
        for page in site.rglob("*.html")
        for pattern in (FETCHED, STYLED)
        for address in pattern.findall(page.read_text(encoding="utf-8"))
    }
    assert fetched == set()
    assert not [path.name for path in site.rglob("*.css") if "url(http" in path.read_text(encoding="utf-8")]


def test_every_picture_of_a_page_is_there_and_described(site: Path) -> None:
    shown = 0
    for page in site.rglob("*.html"):
        for picture in re.findall(r"<img\b[^>]*>", page.read_text(encoding="utf-8")):
            said = dict(re.findall(r'\b(src|alt)="([^"]*)"', picture))
            assert said.get("alt"), f"{page}: {picture}"
            # As a browser finds it: from the page's own folder, not from that of its Markdown file.
            assert (page.parent / said["src"]).exists(), f"{page}: {picture}"
            shown += 1
    assert shown > 20


def test_the_command_reference_shows_the_help_as_it_is(site: Path) -> None:
    page = re.sub(r"<[^>]+>", "", (site / "cli" / "index.html").read_text(encoding="utf-8"))
    assert page.count("like {age}_{gender:0=male,1=female}_{_time}.") >= 4
    assert "\\_" not in page


def test_no_line_ends_within_the_name_of_an_option(site: Path) -> None:
    page = (site / "scale" / "index.html").read_text(encoding="utf-8")
    assert '<span class="option">--fine-tune</span> all</code>' in page


def test_the_french_tutorial_says_that_it_is_french(site: Path) -> None:
    assert '<html lang="fr"' in (site / "fr" / "tutoriel" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="en"' in (site / "tutorial" / "index.html").read_text(encoding="utf-8")


def test_the_command_reference_is_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/cli_reference.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_animated_picture_is_one_and_small() -> None:
    from PIL import Image

    path = REPOSITORY / "docs" / "images" / "road.webp"
    assert path.stat().st_size < 3_000_000
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) > 50


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CONTEXT.md", "SECURITY.md", "CHANGELOG.md"]
)
def test_the_links_of_the_pages_outside_of_the_site_lead_somewhere(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        page = REPOSITORY / (path or name)
        assert page.exists(), f"{name}: {target}"
        if anchor:
            assert anchor in _anchors(page.read_text(encoding="utf-8")), f"{name}: {target}"


def _anchors(page: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
