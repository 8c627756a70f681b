"""Taking photos in the page: the real session, the real server, a real browser."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.drawn import draw_photo
from tests.live.web.served import CONTRASTS, OpenPage, Served, cookie_of, printed_link, websocket_of
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold.capture.chooser import Timing
from thirtyfold.capture.demo_camera import DemoCamera
from thirtyfold.capture.frames import Camera, Frame
from thirtyfold.capture.options import CaptureOptions
from thirtyfold.capture.result import CaptureResult
from thirtyfold.datasets.samples import capture_sessions, read_samples
from thirtyfold.errors import CameraError, UsageError
from thirtyfold.images import encode_jpeg, read_rgb
from thirtyfold.live.web import states
from thirtyfold.live.web.browser_camera import BrowserCamera
from thirtyfold.live.web.capture_run import capture_in_browser
from thirtyfold.live.web.options import PageOptions
from thirtyfold.workspace import Dataset

QUICK = Timing(warm_up=0.1, new_shot=0.3, leave=0.4, patience=1.0)
# Nothing is taken by itself while a test runs, however slow the machine is.
SLOW = Timing(warm_up=900.0, new_shot=900.0, leave=900.0)


class LiveDemo(DemoCamera):
    """The virtual camera as one before which a person stands: frames come at their own pace."""

    live = True

    def read(self) -> Frame | None:
        time.sleep(1 / 30)
        return super().read()


class StepByStep(LiveDemo):
    """Stands still after the first frame, and whenever there are ``allowed`` photos: what a page shows then stays."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.allowed = 0
        self._dataset = Dataset(root)

    def read(self) -> Frame | None:
        while self._index > 0 and not self._closed and len(self._dataset.image_paths()) >= self.allowed:
            time.sleep(0.01)
        return super().read()


class Visit(Served):
    """``capture --view web``."""

    def __init__(
        self, root: Path, options: CaptureOptions, timing: Timing, open_source: Callable[[str], Camera]
    ) -> None:
        self.result: CaptureResult | None = None
        self._arguments = root, options, timing, open_source
        super().__init__()

    def ask(self, what: object) -> httpx.Response:
        return self.client.post("/api/capture", json={"do": what})

    def end(self) -> CaptureResult:
        """Wait for the end of the session."""
        self.wait_until_it_has_ended()
        assert self.result is not None
        return self.result

    def stop(self) -> None:
        # It may end by itself just now; and nothing begins before a visit.
        with contextlib.suppress(OSError, httpx.TransportError, ConnectionClosed), self.websocket("/ws/state"):
            self.ask("stop")
            self._thread.join(PATIENCE_SECONDS)
        self.client.close()

    def serve(self) -> None:
        root, options, timing, open_source = self._arguments
        self.result = capture_in_browser(
            Dataset(root), options, PageOptions(port=0), progress=self.told, timing=timing, open_source=open_source
        )


@contextmanager
def visit_to(root: Path, *, timing: Timing = QUICK, camera: Camera | None = None, **options: Any) -> Iterator[Visit]:
    visit = Visit(
        root, CaptureOptions(view="web", **options), timing, lambda source: LiveDemo() if camera is None else camera
    )
    try:
        yield visit
    finally:
        visit.stop()


def shots_file(folder: Path) -> str:
    path = folder / "shots.txt"
    path.write_text("Look straight at the camera\nTurn your head\nempty: Leave the picture\n")
    return str(path)


@pytest.mark.slow
def test_a_whole_list_of_shots_is_followed_in_the_page(tmp_path: Path, open_page: OpenPage) -> None:
    root = tmp_path / "faces"
    camera = StepByStep(root)
    options = {"shots": shots_file(tmp_path), "count": 6, "every": 0.2, "session": "anna"}
    with visit_to(root, camera=camera, **options) as visit:
        time.sleep(0.4)
        assert not root.exists()  # nobody is photographed before the page is open
        page = open_page(visit.link)
        expect(page.locator("#instruction")).to_have_text("Look straight at the camera")
        expect(page.locator("#picture")).to_be_visible()
        expect(page.locator("#shots li")).to_have_count(3)
        camera.allowed = 2
        expect(page.locator("#instruction")).to_have_text("Turn your head")
        expect(page.locator("#shots li").nth(0)).to_have_class("done")
        expect(page.locator("#shots li").nth(1)).to_have_attribute("aria-current", "step")
        camera.allowed = 4
        expect(page.locator("#instruction")).to_have_text("Leave the picture")
        camera.allowed = 6
        expect(page.locator("#waiting")).to_contain_text("6 of 6 photos are taken")
        result = visit.end()
    assert result.ended == "done"
    dataset = Dataset(tmp_path / "faces")
    assert [path.name for path in dataset.image_paths()] == [f"anna_{number:04d}.jpg" for number in range(1, 7)]
    assert set(capture_sessions(dataset).values()) == {"anna"}
    rows = [json.loads(line) for line in dataset.captures_path.read_text().splitlines()]
    shots = [row["shot"] for row in rows if "image" in row]
    assert shots == ["Look straight at the camera"] * 2 + ["Turn your head"] * 2 + ["Leave the picture"] * 2
    # What the demo camera knows, as `capture` writes it without a page.
    assert all(sample.annotations is not None for sample in read_samples(dataset))


@pytest.mark.slow
def test_take_now_back_one_and_stop_by_button_and_key(tmp_path: Path, open_page: OpenPage) -> None:
    with visit_to(tmp_path / "faces", count=9, timing=SLOW) as visit:
        page = open_page(visit.link)
        expect(page.locator("#countdown")).to_have_text(re.compile(r"^[1-9]\d\d$"))
        page.keyboard.press(" ")
        expect(page.locator("#count")).to_have_text("1 of 9")
        page.get_by_role("button", name="Take one now").click()
        expect(page.locator("#count")).to_have_text("2 of 9")
        page.keyboard.press("b")
        expect(page.locator("#count")).to_have_text("1 of 9")
        page.keyboard.press("q")
        page.get_by_role("button", name="Go on").click()
        page.keyboard.press("q")
        page.locator("#do-stop").click()
        expect(page.locator("#waiting")).to_contain_text("1 of 9 photos are taken")
        result = visit.end()
    assert (result.ended, len(result.images), result.discarded) == ("stopped", 1, 1)
    assert len(list((tmp_path / "faces" / "discarded").glob("*.jpg"))) == 1


@pytest.mark.slow
def test_a_phones_own_camera_takes_the_photos(tmp_path: Path, open_page: OpenPage) -> None:
    options = {"source": "browser", "shots": "none", "count": 2, "every": 0.3, "keep_all": True}
    with visit_to(tmp_path / "faces", **options) as visit:
        phone = {"viewport": {"width": 390, "height": 800}, "is_mobile": True, "has_touch": True}
        page = open_page(visit.link, permissions=["camera"], **phone)
        expect(page.locator("#video")).to_be_visible()
        expect(page.locator("#waiting")).to_contain_text("2 of 2 photos are taken")
        result = visit.end()
    assert len(result.images) == 2
    seen = draw_photo(3, width=640, height=480)[0].astype(int)
    for path in Dataset(tmp_path / "faces").image_paths():
        photo = read_rgb(path)
        assert photo.shape == (480, 640, 3)
        assert np.abs(photo - seen).mean() < 12  # the camera's picture, not the mirrored one


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_capture_has_names_contrast_and_fits_a_phone(tmp_path: Path, open_page: OpenPage, scheme: str) -> None:
    with visit_to(tmp_path / "faces", count=9, timing=SLOW) as visit:
        page = open_page(visit.link, viewport={"width": 360, "height": 640}, color_scheme=scheme)
        expect(page.locator("#instruction")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert all(names_of(page)), names_of(page)
        assert page.evaluate(CONTRASTS) == []


def test_the_last_state_reaches_every_page_before_the_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_STATES_A_SECOND", 0.5)  # as on a machine that is busy
    with visit_to(tmp_path / "faces", shots="none", count=2, every=0.0, keep_all=True) as visit:
        with visit.websocket("/ws/state") as one, visit.websocket("/ws/state") as other:
            last = [all_states(told)[-1] for told in (one, other)]
        assert len(visit.end().images) == 2
    assert [(state["ended"], state["taken"]) for state in last] == [(True, 2)] * 2


def all_states(told: ClientConnection) -> list[dict[str, Any]]:
    """What a page is told, until the server is gone."""
    heard = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            heard.append(json.loads(told.recv(timeout=PATIENCE_SECONDS)))
    return heard


def names_of(page: Page) -> list[str]:
    names: list[str] = page.evaluate(
        "[...document.querySelectorAll('button')].filter((e) => e.offsetParent).map((e) => e.ariaLabel || e.innerText)"
    )
    return names


def test_what_no_page_would_send_takes_no_photo(tmp_path: Path) -> None:
    with visit_to(tmp_path / "faces", count=3, timing=SLOW) as visit, visit.websocket("/ws/state") as told:
        assert json.loads(told.recv()) == {"by_browser": False}
        for what in ("explode", "", None, 1, ["take"], "take; rm -rf /"):
            assert visit.ask(what).status_code == 400
        as_json = {"Content-Type": "application/json"}
        for body in (json.dumps({"do": "take", "into": "/etc"}), "x" * 20_000, "[" * 9_000):
            assert visit.client.post("/api/capture", content=body, headers=as_json).status_code == 400
        bare = {"Cookie": visit.cookie}
        address = f"{visit.origin}/api/capture"
        assert httpx.post(address, json={"do": "take"}, headers=bare).status_code == 403
        assert httpx.post(address, json={"do": "take"}, headers={"Origin": visit.origin}).status_code == 401
        assert httpx.get(f"{visit.origin}/stream.mjpg").status_code == 401
        assert visit.client.get("/api/review").status_code == 404
        assert visit.ask("stop").json() == {"ok": True}
        assert visit.end().images == ()


def test_a_browsers_broken_frames_are_answered_and_one_page_alone_is_the_camera(tmp_path: Path) -> None:
    good = encode_jpeg(draw_photo(3)[0])
    options = {"source": "browser", "shots": "none", "count": 2, "every": 0.0, "keep_all": True}
    with visit_to(tmp_path / "faces", **options) as visit, visit.websocket("/ws/state"):
        with visit.websocket("/ws/camera") as camera:
            assert json.loads(camera.recv()) == {"ready": True}
            with visit.websocket("/ws/camera") as second, pytest.raises(ConnectionClosed, match="another page"):
                second.recv(timeout=PATIENCE_SECONDS)
            for bad in (b"", b"no jpeg", good[:-300], b"\x89PNG\r\n\x1a\n"):
                camera.send(bad)
                assert "frame" in json.loads(camera.recv(timeout=PATIENCE_SECONDS))["error"]
            camera.send(good)
            assert json.loads(camera.recv(timeout=PATIENCE_SECONDS)) == {"ok": True}
        # The phone was put aside and comes back; the server ends when it has its photos.
        with contextlib.suppress(ConnectionClosed), wait_for(lambda: taken_back(visit), "the camera's place") as again:
            while True:
                again.send(good)
                again.recv(timeout=PATIENCE_SECONDS)
                time.sleep(0.1)
        assert len(visit.end().images) == 2


def taken_back(visit: Visit) -> ClientConnection | None:
    """The camera's place; ``None`` while the server has not noticed that who had it is gone."""
    camera = visit.websocket("/ws/camera").__enter__()
    try:
        assert json.loads(camera.recv(timeout=PATIENCE_SECONDS)) == {"ready": True}
    except ConnectionClosed:
        return None
    return camera


def test_a_camera_that_is_not_there_is_said_after_the_visit_and_the_server_is_gone(tmp_path: Path) -> None:
    def none(source: str) -> Camera:
        raise CameraError("camera 0: there is none")

    visit = Visit(tmp_path / "faces", CaptureOptions(view="web"), QUICK, none)
    with visit.websocket("/ws/state"), pytest.raises(CameraError, match="there is none"):
        visit.end()
    visit.client.close()
    with pytest.raises(httpx.TransportError):
        httpx.get(visit.origin, timeout=2)


def test_a_list_of_shots_that_is_not_there_is_said_before_anybody_opens_a_page(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        Visit(tmp_path / "faces", CaptureOptions(view="web", shots="none.txt"), QUICK, lambda source: LiveDemo())


def test_the_window_is_not_asked_about_where_the_page_is_shown() -> None:
    with pytest.raises(UsageError, match="--no-preview"):
        CaptureOptions(source="browser", preview=False)
    with pytest.raises(UsageError, match="--view tv"):
        CaptureOptions(view="tv")


def test_a_browsers_camera_gives_the_newest_frame_and_ends_when_it_is_closed() -> None:
    camera = BrowserCamera()
    frames: list[Frame | None] = []
    reader = threading.Thread(target=lambda: frames.append(camera.read()))
    reader.start()
    camera.close()
    reader.join(PATIENCE_SECONDS)
    assert frames == [None]


def test_the_command_waits_for_the_page_and_takes_its_photos(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "thirtyfold", "capture", str(tmp_path / "faces"), "--source", "demo", "--n", "3"]
    with subprocess.Popen(
        [*command, "--every", "0.3", "--view", "web", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        link = printed_link(process)
        origin = link.partition("/?")[0]
        with httpx.Client(timeout=PATIENCE_SECONDS) as client:
            client.get(link)
            cookie = cookie_of(client)
        with websocket_of(origin, "/ws/state", cookie) as told:
            states = all_states(told)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert len(json.loads(out)["images"]) == 3
    assert (states[-1]["ended"], states[-1]["wanted"]) == (True, 3)
