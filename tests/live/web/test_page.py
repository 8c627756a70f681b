"""The page in a real browser: the server's camera, and the viewer's own."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.drawn import draw_photo
from tests.heard import Heard
from tests.live.scripted import ScriptedCamera
from tests.live.web.served import CONTRASTS, OpenPage, OpenSite, stands_still
from tests.waiting import wait_for
from thirtyfold.datasets.samples import read_samples
from thirtyfold.images import Pixels, decode_rgb, encode_jpeg, read_rgb
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.view import LiveState
from thirtyfold.live.web import broadcast
from thirtyfold.live.web.view import WebView
from thirtyfold.workspace import Dataset

pytestmark = pytest.mark.slow

BOX_RGB = (213, 94, 0)


def box_pixels(pixels: Pixels) -> int:
    return int((np.abs(pixels.astype(int) - BOX_RGB).max(axis=2) < 45).sum())


def snapshot(page: Page, folder: Path) -> Pixels:
    """What the S key downloads."""
    expect(page.locator("#waiting")).to_be_hidden()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert re.fullmatch(r"live-\d{4}(-\d\d){5}\.jpg", download.value.suggested_filename)
    path = folder / "snapshot.jpg"
    download.value.save_as(path)
    return read_rgb(path)


def seen(page: Page) -> Pixels:
    """The picture as it is on the page. To be asked often: a browser lets a page download ten files or so."""
    png: str = page.evaluate(
        """() => {
          const seen = [...document.querySelectorAll("#picture, #canvas")].find((one) => !one.hidden);
          const copy = document.createElement("canvas");
          [copy.width, copy.height] = [seen.naturalWidth ?? seen.width, seen.naturalHeight ?? seen.height];
          copy.getContext("2d").drawImage(seen, 0, 0);
          return copy.toDataURL().split(",")[1];
        }"""
    )
    pixels = decode_rgb(base64.b64decode(png))
    assert pixels is not None
    return pixels


def still(**options: Any) -> ScriptedCamera:
    """A camera whose face stays where it is."""

    class Still(ScriptedCamera):
        def read(self) -> Any:
            frame = super().read()
            self._pixels = np.roll(self._pixels, 1, axis=1)  # takes the movement back
            return frame

    return Still(10**6, fps=30, **options)


def test_the_printed_link_opens_the_picture_with_its_boxes(
    open_site: OpenSite, open_page: OpenPage, tmp_path: Path
) -> None:
    with open_site(still()) as site:
        page = open_page(site.link)
        expect(page.locator("#found")).to_have_text("face")
        assert page.url == f"{site.origin}/"  # the token is not in the address bar
        assert page.evaluate("document.cookie") == ""  # nor within reach of a script
        # The first boxes come before the first full second, whose rate is not known yet.
        expect(page.locator("#fps")).to_have_text(re.compile(r"[1-9]"))
        expect(page.locator("#source")).to_have_text("scripted")
        shown = snapshot(page, tmp_path)
        assert shown.shape == (240, 320, 3)
        assert box_pixels(shown) > 150
        addresses = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert addresses
        assert all(address.startswith(site.origin) for address in addresses)


def test_threshold_classes_and_pause_by_hand_and_by_key(open_site: OpenSite, open_page: OpenPage) -> None:
    with open_site(still()) as site:
        page = open_page(site.link)
        other = open_page(site.link)
        for one in (page, other):
            expect(one.locator("#found")).to_have_text("face")
        page.keyboard.press("+")
        page.keyboard.press("+")
        expect(other.locator("#threshold-value")).to_have_text("0.60")
        page.keyboard.press("-")
        expect(other.locator("#threshold-value")).to_have_text("0.55")
        page.locator("#threshold").fill("1")
        expect(other.locator("#threshold-value")).to_have_text("1.00")
        page.locator("#threshold").fill("0.3")
        expect(other.locator("#threshold-value")).to_have_text("0.30")
        page.get_by_label("face").uncheck()
        expect(page.locator("#found")).to_have_text("nothing found")
        expect(other.get_by_label("face")).not_to_be_checked()
        wait_for(lambda: box_pixels(seen(other)) < 60)
        other.get_by_label("face").check()
        expect(page.locator("#found")).to_have_text("face")
        page.keyboard.press("p")
        expect(other.locator("#held")).to_be_visible()
        expect(other.get_by_role("button", name="Go on")).to_have_attribute("aria-pressed", "true")
        other.get_by_role("button", name="Go on").click()
        expect(page.locator("#held")).to_be_hidden()


def test_the_picture_moves_stands_still_in_a_pause_and_moves_again(open_site: OpenSite, open_page: OpenPage) -> None:
    with open_site() as site:
        page = open_page(site.link)
        expect(page.locator("#waiting")).to_be_hidden()

        def moves() -> bool:
            before = seen(page)
            page.wait_for_timeout(300)
            return not np.array_equal(seen(page), before)

        wait_for(moves)
        page.keyboard.press("p")
        expect(page.locator("#held")).to_be_visible()
        wait_for(lambda: not moves())  # what was on its way still comes
        assert not moves()
        page.keyboard.press("p")
        expect(page.locator("#held")).to_be_hidden()
        wait_for(moves)


def test_saving_recording_and_stopping(open_site: OpenSite, open_page: OpenPage, tmp_path: Path) -> None:
    with open_site() as site:
        page = open_page(site.link)
        expect(page.locator("#found")).to_have_text("face")
        page.keyboard.press("c")
        expect(page.locator("#notice")).to_contain_text("saved review-")
        expect(page.locator("#waiting")).to_be_hidden()
        page.keyboard.press("r")
        expect(page.locator("#recording")).to_be_visible()
        for _ in range(10):
            before = seen(page)
            wait_for(lambda before=before: not np.array_equal(seen(page), before))  # type: ignore[misc]
        with page.expect_download() as download:
            page.keyboard.press("r")
        video = tmp_path / download.value.suggested_filename
        download.value.save_as(video)
        assert len(different_frames(video)) > 5
        page.keyboard.press("q")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#ask-stop")).to_be_hidden()
        page.keyboard.press("q")
        page.locator("#do-stop").click()
        expect(page.locator("#notice")).to_have_text("The run has ended.")
        result = site.stop()
    assert result.ended == "person"
    assert len(read_samples(Dataset(tmp_path / "review"))) == len(result.reviewed) == 1


def test_who_presses_record_twice_gets_one_video_and_the_next_one_begins(
    open_site: OpenSite, open_page: OpenPage
) -> None:
    with open_site() as site:
        page = open_page(site.link)
        expect(page.locator("#found")).to_have_text("face")
        page.keyboard.press("r")
        expect(page.locator("#recorded")).to_have_text("0:01")
        videos: list[str] = []
        page.on("download", lambda download: videos.append(download.suggested_filename))
        page.keyboard.press("r")
        page.keyboard.press("r")
        expect(page.locator("#notice")).to_contain_text("video saved")
        expect(page.locator("#recording")).to_be_visible()
        page.wait_for_timeout(500)
        assert len(videos) == 1


def different_frames(video: Path) -> list[Pixels]:
    reader = cv2.VideoCapture(str(video))
    frames: list[Pixels] = []
    while (read := reader.read())[0]:
        if not frames or np.abs(read[1].astype(int) - frames[-1]).mean() > 1:
            frames.append(read[1])  # type: ignore[arg-type]
    return frames


def test_the_viewers_own_camera_with_boxes_drawn_in_the_page(
    open_site: OpenSite, open_page: OpenPage, tmp_path: Path
) -> None:
    photo, (truth,) = draw_photo(3, width=640, height=480)
    with open_site(source="browser", track=True) as site:
        page = open_page(site.link, permissions=["camera"])
        expect(page.locator("#found")).to_have_text("face")
        expect(page.locator("#source")).to_have_text("your camera")
        assert box_pixels(snapshot(page, tmp_path)) > 500
        page.keyboard.press("m")
        shown = snapshot(page, tmp_path)
        assert shown.shape == (480, 640, 3)
        ink = np.abs(shown.astype(int) - photo).max(axis=2) > 50
        rows, columns = np.nonzero(ink.sum(axis=1) > 40)[0], np.nonzero(ink.sum(axis=0) > 40)[0]
        assert (columns.min(), columns.max(), rows.max()) == pytest.approx(
            (truth.box_xyxy[0], truth.box_xyxy[2], truth.box_xyxy[3]), abs=14
        )
        page.keyboard.press("m")
        mirrored = snapshot(page, tmp_path)
        assert np.abs(mirrored[:, ::-1].astype(int) - photo).mean() < 12
        page.keyboard.press("c")
        expect(page.locator("#notice")).to_contain_text("saved review-")
        page.get_by_label("face").uncheck()
        expect(page.locator("#found")).to_have_text("nothing found")
        wait_for(lambda: box_pixels(seen(page)) < 60)
        page.get_by_label("face").check()
        page.keyboard.press("p")
        expect(page.locator("#held")).to_be_visible()
        result = site.stop()
    (sample,) = read_samples(Dataset(tmp_path / "review"))
    assert sample.annotations is not None
    assert sample.annotations[0].box_xyxy == pytest.approx(truth.box_xyxy, abs=8)
    assert result.frames_with_boxes == result.frames_shown > 3


def test_where_browsers_give_no_camera_the_page_says_the_way(open_site: OpenSite, open_page: OpenPage) -> None:
    with open_site(source="browser", host="0.0.0.0") as site:  # noqa: S104
        if site.host.startswith("127."):
            pytest.skip("this machine is on no network")
        page = open_page(site.link)
        expect(page.locator("#waiting")).to_contain_text(f"ssh -L {site.port}:127.0.0.1:{site.port}")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#waiting")).to_contain_text("https")


def test_a_hidden_tab_is_nobody_who_looks(
    open_site: OpenSite, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []

    def counting(*arguments: Any, **options: Any) -> bytes:
        encoded.append(1)
        return encode_jpeg(*arguments, **options)

    monkeypatch.setattr(broadcast, "encode_jpeg", counting)
    with open_site() as site:
        page = open_page(site.link)
        expect(page.locator("#waiting")).to_be_hidden()
        turn_tab(page, hidden=True)
        wait_for(lambda: stands_still(encoded))
        turn_tab(page, hidden=False)
        wait_for(lambda: not stands_still(encoded))


def turn_tab(page: Page, *, hidden: bool) -> None:
    """Headless browsers show every tab; this says what a browser would."""
    page.evaluate(
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


HOSTILE = (
    '<img src=x onerror="document.body.dataset.hacked=1">\'</script><script>document.body.dataset.hacked=2</script>'
)


def test_names_of_classes_and_models_stay_text(open_page: OpenPage) -> None:
    told = Heard()
    view = WebView(LiveOptions(view="web", port=0), progress=told)
    try:
        page = open_page(told.lines[0].partition(": ")[2])
        expect(page.locator("#source")).to_have_text("starting …")
        view.tell(
            LiveState(
                source=HOSTILE, model=HOSTILE, classes=(HOSTILE, "__proto__", "constructor", ""), fps=1.0, age_ms=1.0,
                lag_ms=None, model_ms=1.0, dropped=0, threshold=0.5, lowest_threshold=0.05, hidden=frozenset({HOSTILE}),
                paused=False, found={HOSTILE: 2, "__proto__": 1}, message=HOSTILE, messages=1,
            )
        )  # fmt: skip
        expect(page.locator("#source")).to_have_text(HOSTILE)
        expect(page.locator("#found")).to_contain_text(f"2 × {HOSTILE}")
        expect(page.locator("#notice")).to_have_text(HOSTILE)
        assert page.locator("#classes input").count() == 4
        assert page.evaluate("document.body.dataset.hacked") is None
    finally:
        view.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("source", ["0", "browser"])
def test_everything_has_a_name_enough_contrast_and_fits_a_phone(
    open_site: OpenSite, open_page: OpenPage, scheme: str, source: str
) -> None:
    with open_site(source=source) as site:
        page = open_page(site.link, viewport={"width": 360, "height": 640}, color_scheme=scheme, permissions=["camera"])
        expect(page.locator("#found")).to_have_text("face")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        names = page.evaluate(
            "[...document.querySelectorAll('button, input')].filter((e) => e.offsetParent)"
            ".map((e) => e.ariaLabel || e.innerText || (e.labels[0] && e.labels[0].innerText))"
        )
        assert len(names) >= 9
        assert all(names), names
        assert page.evaluate(CONTRASTS) == []
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("t")
        assert page.evaluate("document.documentElement.dataset.theme") == ("light" if scheme == "dark" else "dark")
        assert page.evaluate(CONTRASTS) == []
