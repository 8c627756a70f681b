"""The page of `check`: hostile names stay text, and the filters work in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.corpus import encode, label_of, picture, rectangle
from tests.drawn import write_dataset
from tests.waiting import PATIENCE_SECONDS
from thirtyfold.datasets.check import page
from thirtyfold.datasets.check.options import CheckOptions
from thirtyfold.datasets.check.plots import position_plot, size_plot
from thirtyfold.datasets.check.run import check_dataset
from thirtyfold.datasets.split_options import SplitOptions
from thirtyfold.datasets.split_plan import split_dataset
from thirtyfold.images import write_jpeg
from thirtyfold.workspace import Dataset

HOSTILE = (
    "<script>document.documentElement.dataset.hacked = 1</script>",
    "</script><script>document.documentElement.dataset.hacked = 2</script>",
    '"\'><img src=x onerror="document.documentElement.dataset.hacked = 3">',
    "<!--<script>",
    "__proto__",
    "constructor",
    "\u2028</style>&lt;b&gt;",
    "\ud83d",
)


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """The page of a dataset whose labels and names try to run as script."""
    images = tmp_path / "<b>faces" / "images"
    images.mkdir(parents=True)
    for number, label in enumerate(HOSTILE):
        name = f"{number}-<img src=x onerror='document.documentElement.dataset.hacked=4'>.jpg"
        write_jpeg(images / name, picture(number, 320, 240))
        shapes = [rectangle([[40, 30], [200, 180]], label=label), rectangle([[210, 30], [210, 180]], label=label)]
        size = {"imageWidth": 320, "imageHeight": 240, "imagePath": f"../<script>{label}"}
        text = json.dumps(label_of(name) | size | {"shapes": shapes})
        (images / name).with_suffix(".json").write_text(text)
    (images / "<script>broken.jpg").write_bytes(b"<script>")
    (images / "<script>orphan.json").write_text(json.dumps(label_of("gone")))
    path = tmp_path / "page.html"
    check_dataset(Dataset(tmp_path / "<b>faces"), CheckOptions(page_path=path))
    return path


def embedded(path: Path) -> dict[str, list[dict[str, object]]]:
    text = path.read_text(encoding="utf-8")
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    assert not set(match.group(1)) & set("<>&")
    data: dict[str, list[dict[str, object]]] = json.loads(match.group(1))
    return data


def test_hostile_labels_and_names_make_no_element_and_no_handler(hostile: Path) -> None:
    found = Elements(hostile.read_text(encoding="utf-8")).found
    assert sum(tag == "script" for tag, _ in found) == 2  # the data, and ours
    assert not any(tag in ("img", "b", "iframe", "object", "base") and attributes for tag, attributes in found)
    assert not any(name.startswith("on") for _, attributes in found for name in attributes)
    labels = embedded(hostile)["labels"]
    assert {label.encode("utf-8", "replace").decode() for label in HOSTILE} <= {str(label) for label in labels}


def test_the_page_names_no_address_and_allows_only_its_own_script(hostile: Path) -> None:
    text = hostile.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    found = Elements(text).found
    (policy,) = (attributes["content"] for tag, attributes in found if attributes.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script-src 'sha256-" in policy
    assert "unsafe-eval" not in policy
    assert not any(tag == "link" or "src" in attributes for tag, attributes in found)


def test_photos_with_errors_come_first_and_the_rest_is_capped_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_dataset(tmp_path / "faces")
    for number in (9, 17):
        label = root / "images" / f"{number:04d}.json"
        raw = json.loads(label.read_text())
        raw["shapes"][0]["points"] = [[3, 3], [3, 3]]
        label.write_text(json.dumps(raw))
    monkeypatch.setattr(page, "MOST_PHOTOS", 12)
    monkeypatch.setattr(page, "MOST_THUMBNAILS", 5)
    check_dataset(Dataset(root), CheckOptions())
    photos = embedded(root / "check.html")["photos"]
    assert [photo["name"] for photo in photos[:2]] == ["0009.jpg", "0017.jpg"]
    assert [photo["image"] is not None for photo in photos] == [True] * 5 + [False] * 7
    said = (root / "check.html").read_text(encoding="utf-8")
    assert "12 of 20 photos are on this page, those with problems first; 5 of them have a thumbnail" in said


def test_thumbnails_stop_when_the_page_would_grow_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_dataset(tmp_path / "faces")
    monkeypatch.setattr(page, "MOST_THUMBNAIL_BYTES", 60_000)
    check_dataset(Dataset(root), CheckOptions())
    images = [photo["image"] for photo in embedded(root / "check.html")["photos"]]
    assert 0 < sum(image is not None for image in images) < 20
    assert sum(len(str(image)) for image in images if image is not None) <= 60_000


def test_a_second_check_of_the_same_data_writes_the_same_page(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces")
    pages = []
    for _ in range(2):
        check_dataset(Dataset(root), CheckOptions())
        pages.append((root / "check.html").read_bytes())
    assert pages[0] == pages[1]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def opened(browser: Browser, path: Path, address: str = "") -> str:
    """The page's HTML after its script ran."""
    page = browser.new_page()
    page.goto(path.as_uri() + address)
    page.wait_for_selector("[data-ready]", state="attached", timeout=PATIENCE_SECONDS * 1000)
    dom = page.content()
    page.close()
    return dom


def cards(dom: str) -> list[str]:
    return re.findall(r'<article class="card">.*?<h3>(.*?)</h3>', dom, re.DOTALL)


@pytest.mark.slow
def test_in_a_browser_no_hostile_name_runs_and_every_photo_is_shown(hostile: Path, browser: Browser) -> None:
    dom = opened(browser, hostile)
    assert f'data-ready="{len(HOSTILE) + 1}"' in dom
    assert "data-hacked" not in dom
    assert len(cards(dom)) == len(HOSTILE) + 1


@pytest.mark.slow
def test_in_a_browser_the_filters_leave_what_was_asked_for(browser: Browser, tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "faces", empty_every=5)
    (root / "images" / "0003.jpg").write_bytes(encode(3, "JPEG", mode="CMYK"))
    (root / "images" / "0004.json").unlink()
    split = split_dataset(Dataset(root), SplitOptions(seed=1))
    check_dataset(Dataset(root), CheckOptions())
    path = root / "check.html"
    assert cards(opened(browser, path, "#problem=image-cmyk")) == ["0003.jpg"]
    unlabelled = opened(browser, path, "#problem=label-unlabelled")
    assert cards(unlabelled) == ["0004.jpg"]
    assert "1 of 20 photos match" in unlabelled
    assert sorted(cards(opened(browser, path, "#part=test"))) == split.names("test")
    with_face = cards(opened(browser, path, "#label=0"))
    assert len(with_face) == 20 - 4 - 1  # four verified empty, one unlabelled
    assert cards(opened(browser, path, "#text=0012")) == ["0012.jpg"]


def test_a_tall_narrow_box_is_a_dot_high_on_the_left_of_the_size_plot() -> None:
    plot = size_plot([("face", 0.5, 0.05, 0.6, 0.95)], str)
    dot = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', plot)
    assert dot is not None
    assert (float(dot.group(1)), float(dot.group(2))) == (30.0, 30.0)  # of 300 x 300, y downwards
    assert "face: 10% x 90%" in plot


def test_the_position_plot_counts_the_boxes_over_each_cell() -> None:
    plot = position_plot(
        [("face", 0.0, 0.0, 0.5, 0.5), ("face", 0.25, 0.25, 0.5, 0.5), ("dot", 0.91, 0.91, 0.92, 0.92)]
    )
    counts = [int(count) for count in re.findall(r"<title>(\d+) boxes</title>", plot)]
    assert (counts.count(2), counts.count(1), len(counts)) == (25, 75 + 1, 101)


def test_thousands_of_boxes_are_thinned_out_and_the_plot_says_so() -> None:
    plot = size_plot([("face", 0.1, 0.1, 0.2, 0.2)] * 5000, str)
    assert plot.count("<circle") == 1667
    assert "One of 3 boxes is shown." in plot
