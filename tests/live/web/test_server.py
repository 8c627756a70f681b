"""The real server, asked by real clients: what it shows, what it takes, and how it ends."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.drawn import draw_photo
from tests.heard import Heard
from tests.live.scripted import ScriptedCamera
from tests.live.web.served import OpenSite, Site, cookie_of, raw, stands_still, websocket_of
from tests.waiting import PATIENCE_SECONDS, wait_for
from thirtyfold import screen
from thirtyfold.datasets.samples import read_samples
from thirtyfold.errors import CameraError, UsageError
from thirtyfold.images import decode_rgb, encode_jpeg
from thirtyfold.live import loop
from thirtyfold.live.loop import run_live
from thirtyfold.live.options import LiveOptions
from thirtyfold.live.overlay import draw_live
from thirtyfold.live.web.app import PAGE_FILES
from thirtyfold.live.web.security import SECURITY_HEADERS
from thirtyfold.workspace import Dataset

BOX_RGB = (213, 94, 0)  # the colour of "face"


def next_state(socket_: ClientConnection, **wanted: Any) -> dict[str, Any]:
    """The next state with these values."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        state: dict[str, Any] = json.loads(socket_.recv(timeout=PATIENCE_SECONDS))
        if all(state.get(name) == value for name, value in wanted.items()) and "fps" in state:
            return state
    pytest.fail(f"no state with {wanted}")


def box_pixels(jpeg: bytes) -> int:
    pixels = decode_rgb(jpeg)
    assert pixels is not None
    return int((np.abs(pixels.astype(int) - BOX_RGB).max(axis=2) < 40).sum())


def test_the_stream_shows_the_camera_with_its_boxes(open_site: OpenSite) -> None:
    with open_site() as site:
        stream = site.pictures()
        jpegs = [next(stream) for _ in range(20)]
        assert all(decode_rgb(jpeg).shape == (240, 320, 3) for jpeg in jpegs)  # type: ignore[union-attr]
        assert len(set(jpegs)) > 10  # it moves
        assert max(map(box_pixels, jpegs)) > 150
        stream.close()
        result = site.stop()
    assert (result.view, result.ended) == ("web", "person")
    assert result.frames_with_boxes > 0


def test_every_answer_has_the_security_headers_and_no_page_names_an_address(open_site: OpenSite) -> None:
    with open_site() as site:
        addresses = [*PAGE_FILES, f"/?token={site.token}", "/?token=x", "/none", "/docs", "/openapi.json", "/redoc"]
        answers = [site.client.get(address) for address in addresses]
        answers += [site.order({"do": "explode"}), site.client.put("/"), httpx.get(site.origin)]
        for answer in answers:
            assert {name: answer.headers[name] for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS), answer.url
            assert "server" not in answer.headers
        assert [answer.status_code for answer in answers] == [200] * (len(PAGE_FILES) + 2) + [404] * 4 + [400, 405, 401]
        for answer in answers[: len(PAGE_FILES)]:
            text = answer.text.replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text
            assert "https://" not in text
            assert "<style" not in text
            assert " style=" not in text
            assert " onclick" not in text


def test_the_state_is_told_and_orders_change_it_for_everybody(open_site: OpenSite) -> None:
    with open_site() as site, site.websocket("/ws/state") as one, site.websocket("/ws/state") as other:
        assert json.loads(one.recv()) == {"by_browser": False, "review": True}
        state = next_state(one, paused=False)
        assert state["classes"] == [{"label": "face", "color": "#d55e00"}]
        assert (state["source"], state["hidden"], state["threshold"]) == ("scripted", [], 0.5)
        assert site.order({"do": "threshold", "value": 0.25}).json() == {"ok": True}
        next_state(other, threshold=0.25)
        site.order({"do": "threshold", "value": 0.0})
        next_state(other, threshold=state["lowest_threshold"])
        next_state(one, found={"face": 1})
        site.order({"do": "hide", "labels": ["face"]})
        next_state(other, hidden=["face"], found={})
        site.order({"do": "pause", "paused": True})
        site.order({"do": "pause", "paused": True})
        next_state(other, paused=True)
        site.order({"do": "pause", "paused": False})
        next_state(one, paused=False)


def test_who_comes_while_the_picture_is_held_sees_it(open_site: OpenSite) -> None:
    with open_site() as site, site.websocket("/ws/state") as told:
        next_state(told, paused=False)
        site.order({"do": "pause", "paused": True})
        next_state(told, paused=True)
        stream = site.pictures()
        assert decode_rgb(next(stream)) is not None
        site.order({"do": "hide", "labels": ["face"]})
        wait_for(lambda: box_pixels(next(stream)) < 100)
        stream.close()


def test_saving_to_review_goes_into_the_dataset_of_the_command_line(open_site: OpenSite, tmp_path: Path) -> None:
    with open_site() as site, site.websocket("/ws/state") as told:
        next_state(told, found={"face": 1})
        site.order({"do": "save"})
        wait_for(lambda: "saved review-" in next_state(told)["message"])
        result = site.stop()
    assert [path.parent for path in result.reviewed] == [tmp_path / "review" / "images"]
    (sample,) = read_samples(Dataset(tmp_path / "review"))
    assert [annotation.label for annotation in sample.annotations or ()] == ["face"]


def test_nothing_is_drawn_while_nobody_looks(open_site: OpenSite, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def counting(*arguments: Any, **options: Any) -> Any:
        drawn.append(1)
        return draw_live(*arguments, **options)

    monkeypatch.setattr(loop, "draw_live", counting)
    with open_site() as site, site.websocket("/ws/state") as told:
        next_state(told, found={"face": 1})
        assert drawn == []
        stream = site.pictures()
        next(stream)
        assert drawn
        stream.close()
        wait_for(lambda: stands_still(drawn))


def test_32_viewers_each_get_pictures_and_one_that_takes_nothing_delays_none(open_site: OpenSite) -> None:
    noisy = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    with open_site(ScriptedCamera(10**6, fps=10, pixels=noisy)) as site:
        slow = raw(site, f"GET /stream.mjpg HTTP/1.1\r\nHost: {site.host}\r\nCookie: {site.cookie}\r\n\r\n")
        counts = [0] * 32

        def look(viewer: int) -> None:
            with site.another_client() as client:
                stream = site.pictures(client)
                for _ in range(4):
                    assert next(stream)[:2] == b"\xff\xd8"
                    counts[viewer] += 1
                stream.close()

        threads = [threading.Thread(target=look, args=(viewer,)) for viewer in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert counts == [4] * 32
        slow.close()


def test_the_65th_viewer_is_told_so(open_site: OpenSite) -> None:
    with open_site() as site:
        request = f"GET /stream.mjpg HTTP/1.1\r\nHost: {site.host}\r\nCookie: {site.cookie}\r\n\r\n"
        looking = [raw(site, request) for _ in range(64)]
        for one in looking:
            assert one.recv(12) == b"HTTP/1.1 200"
        answer = site.client.get("/stream.mjpg")
        assert answer.status_code == 503
        assert answer.json() == {"error": "64 people are looking already"}
        looking.pop().close()
        wait_for(lambda: first_status(site, request) == 200)
        for one in looking:
            one.close()


def first_status(site: Site, request: str) -> int:
    with raw(site, request) as one:
        return int(one.recv(12)[9:])


def test_a_browsers_camera_gets_its_boxes(open_site: OpenSite, tmp_path: Path) -> None:
    pixels, (truth,) = draw_photo(3)
    with open_site(source="browser") as site, site.websocket("/ws/camera") as camera:
        name = json.loads(camera.recv())["camera"]
        early = site.order({"do": "save shown", "camera": name, "threshold": 0.5, "hidden": []})
        assert (early.status_code, early.json()["error"][:15]) == (400, "nothing to save")
        camera.send(encode_jpeg(pixels))
        answer = json.loads(camera.recv(timeout=PATIENCE_SECONDS))
        assert answer["size_wh"] == [320, 240]
        best = max(answer["boxes"], key=lambda box: box["score"])
        assert best["labels"] == ["face"]
        assert best["caption"] == f"face {best['score']:.0%}"
        assert best["xyxy"] == pytest.approx(truth.box_xyxy, abs=6)
        saved = site.order({"do": "save shown", "camera": name, "threshold": 0.5, "hidden": []})
        assert saved.json() == {"ok": True}
        for foreign in ("", "../../etc/passwd", name[:-1], name + "/"):
            order = {"do": "save shown", "camera": foreign, "threshold": 0.5, "hidden": []}
            assert site.order(order).status_code == 400
        result = site.stop()
    assert (result.source, result.frames_read, result.frames_shown, result.frames_with_boxes) == ("browser", 1, 1, 1)
    assert len(result.reviewed) == 1
    (sample,) = read_samples(Dataset(tmp_path / "review"))
    assert len(sample.annotations or ()) == 1


def test_each_browsers_camera_gets_the_boxes_of_its_own_frames(open_site: OpenSite) -> None:
    photos = [draw_photo(seed) for seed in range(3, 9)]
    with open_site(source="browser") as site, ExitStack() as stack:
        cameras = [stack.enter_context(site.websocket("/ws/camera")) for _ in photos]
        for camera in cameras:
            camera.recv()
        for _ in range(3):
            for camera, (pixels, _truth) in zip(cameras, photos, strict=True):
                camera.send(encode_jpeg(pixels))
            for camera, (_pixels, (truth,)) in zip(cameras, photos, strict=True):
                best = max(json.loads(camera.recv(timeout=PATIENCE_SECONDS))["boxes"], key=lambda box: box["score"])
                assert best["xyxy"] == pytest.approx(truth.box_xyxy, abs=8)


def test_a_bad_frame_is_answered_and_the_next_good_one_is_looked_at(open_site: OpenSite) -> None:
    good = encode_jpeg(draw_photo(3)[0])
    with open_site(source="browser") as site, site.websocket("/ws/camera") as camera:
        camera.recv()
        for bad in (b"", b"x", good[:-40], b"\xff\xd8" + b"\x00" * 999):
            camera.send(bad)
            assert "the frame" in json.loads(camera.recv(timeout=PATIENCE_SECONDS))["error"]
            camera.send(good)
            assert json.loads(camera.recv(timeout=PATIENCE_SECONDS))["boxes"]
        camera.send("words")
        assert "error" in json.loads(camera.recv(timeout=PATIENCE_SECONDS))
        with pytest.raises(ConnectionClosed):  # while it sends, or after
            camera.send(b"\x00" * 2_100_000)
            camera.recv(timeout=PATIENCE_SECONDS)
        with site.websocket("/ws/camera") as again:
            again.recv()
            again.send(good)
            assert json.loads(again.recv(timeout=PATIENCE_SECONDS))["boxes"]


def test_steadied_a_box_comes_with_its_second_hit_and_survives_a_miss(open_site: OpenSite) -> None:
    face, nobody = (encode_jpeg(draw_photo(3, face=face)[0]) for face in (True, False))
    truth = draw_photo(3)[1][0]
    with open_site(source="browser", track=True) as site, ExitStack() as stack:
        one, other = (stack.enter_context(site.websocket("/ws/camera")) for _ in range(2))
        for camera in (one, other):
            camera.recv()

        def boxes(camera: ClientConnection, frame: bytes) -> list[dict[str, Any]]:
            camera.send(frame)
            found: list[dict[str, Any]] = json.loads(camera.recv(timeout=PATIENCE_SECONDS))["boxes"]
            return found

        assert [len(boxes(one, frame)) for frame in (face, face, nobody, face)] == [0, 1, 1, 1]
        (box,) = boxes(one, face)
        assert box["xyxy"] == pytest.approx(truth.box_xyxy, abs=8)
        assert box["score"] is None
        assert boxes(other, nobody) == []  # what one camera sees is nothing to the other
        other.send(json.dumps({"threshold": 1.0}))
        assert [boxes(other, face) for _ in range(4)] == [[]] * 4
        other.send(json.dumps({"threshold": 0.3}))
        assert [len(boxes(other, face)) for _ in range(3)] == [0, 1, 1]
        for wrong in ("[]", '{"threshold": 2}', '{"threshold": "0"}', '{"threshold": 0.5, "path": "/"}'):
            other.send(wrong)
            assert "threshold as JSON" in json.loads(other.recv(timeout=PATIENCE_SECONDS))["error"]


def test_the_33rd_camera_is_told_so(open_site: OpenSite) -> None:
    with open_site(source="browser") as site, ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(site.websocket("/ws/camera")).recv()
        with site.websocket("/ws/camera") as one_too_many, pytest.raises(ConnectionClosed, match="32 cameras"):
            one_too_many.recv(timeout=PATIENCE_SECONDS)


def test_a_model_that_fails_ends_the_run_and_is_not_taken_for_a_bad_frame(tiny_run: Path) -> None:
    class Broken:
        threshold = 0.5
        model_ms = 0.0
        classes = ("face",)

        def __call__(self, pixels: Any, *, threshold: float | None = None) -> Any:
            raise MemoryError("the model ran out of memory")

    told, failed = Heard(), []

    def run() -> None:
        try:
            options = LiveOptions(source="browser", port=0)
            run_live(tiny_run, options, load_model=lambda model, threshold: Broken(), progress=told)
        except MemoryError as error:
            failed.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: len(told.lines) >= 2)
    link = told.lines[0].partition(": ")[2]
    origin = link.partition("/?")[0]
    with httpx.Client() as client:
        client.get(link)
        cookie = cookie_of(client)
    with websocket_of(origin, "/ws/camera", cookie) as camera:
        camera.recv()
        camera.send(encode_jpeg(draw_photo(3)[0]))
        assert "the model failed" in json.loads(camera.recv(timeout=PATIENCE_SECONDS))["error"]
    thread.join(PATIENCE_SECONDS)
    assert failed == ["the model ran out of memory"]


def test_without_a_browsers_camera_there_is_no_way_in_for_frames(open_site: OpenSite) -> None:
    with open_site() as site:
        with pytest.raises(InvalidStatus), site.websocket("/ws/camera"):
            pass
        order = {"do": "save shown", "camera": "x", "threshold": 0.5, "hidden": []}
        assert site.order(order).status_code == 400
    with open_site(source="browser") as site:
        assert site.client.get("/stream.mjpg").status_code == 404


def test_a_taken_port_is_another_one_unless_it_was_asked_for(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("thirtyfold.live.web.server.DEFAULT_PORT", port)
        told = Heard()
        options = LiveOptions(view="web", max_seconds=0.2)
        run_live(tiny_run, options, open_source=lambda source: ScriptedCamera(10**6), progress=told)
        assert f":{port}/" not in told.lines[0]
        with pytest.raises(UsageError, match=f"--port {port}: cannot listen there"):
            run_live(tiny_run, LiveOptions(view="web", port=port), open_source=lambda source: ScriptedCamera(5))


def test_an_address_that_is_not_ours_is_an_error(tiny_run: Path) -> None:
    with pytest.raises(UsageError, match=r"--host 192\.0\.2\.1"):
        run_live(tiny_run, LiveOptions(host="192.0.2.1", view="web"), open_source=lambda source: ScriptedCamera(5))


def test_without_a_screen_the_picture_is_in_the_browser(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "window_problem", lambda: "there is no screen")
    told = Heard()
    result = run_live(tiny_run, LiveOptions(port=0), open_source=lambda source: ScriptedCamera(3), progress=told)
    assert result.view == "web"
    assert told.lines[0] == "no window: there is no screen; it is shown in the browser instead"
    assert told.lines[1].startswith("live in the browser: http://127.0.0.1:")


def test_a_clip_begins_when_its_page_is_open(open_site: OpenSite) -> None:
    camera = ScriptedCamera(40, fps=20)
    with open_site(camera) as site:
        wait_for(lambda: "scripted begins when the page is open" in site.told.lines)
        time.sleep(0.5)
        assert camera.given == 0
        jpegs = list(site.pictures())
        result = site.stop()
    assert (result.ended, result.frames_read) == ("source", 40)
    assert len(jpegs) >= 2


def test_with_a_file_to_write_nobody_is_waited_for(tiny_run: Path, tmp_path: Path) -> None:
    options = LiveOptions(view="web", port=0, save=tmp_path / "out.avi")
    result = run_live(tiny_run, options, open_source=lambda source: ScriptedCamera(5))
    assert result.saved == tmp_path / "out.avi"


def test_on_the_whole_network_it_says_what_that_means(tiny_run: Path) -> None:
    told = Heard()
    options = LiveOptions(view="web", host="0.0.0.0", port=0, max_seconds=0.5)  # noqa: S104
    run_live(tiny_run, options, open_source=lambda source: ScriptedCamera(3), progress=told)
    assert told.lines[0].startswith("--host 0.0.0.0: everybody on the network who has this link sees the picture")
    assert "?token=" in told.lines[1]
    assert "0.0.0.0" not in told.lines[1]  # noqa: S104


def test_a_camera_that_cannot_be_opened_leaves_no_server_behind(tiny_run: Path) -> None:
    def no_camera(source: str) -> ScriptedCamera:
        raise CameraError("no camera here")

    told = Heard()
    with pytest.raises(CameraError):
        run_live(tiny_run, LiveOptions(view="web", port=0), open_source=no_camera, progress=told)
    port = int(told.lines[0].partition("127.0.0.1:")[2].partition("/")[0])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert not [thread.name for thread in threading.enumerate() if thread.name in ("web", "encode page")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70000}, "--port 70000"),
        ({"certificate": Path("a.pem")}, "needs both"),
        ({"source": "browser", "view": "window"}, "--view window"),
        ({"source": "browser", "save": Path("a.mp4")}, "--save"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LiveOptions(**options)


def test_with_a_certificate_it_is_https(open_site: OpenSite, tiny_run: Path, tmp_path: Path) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    files = {"certificate": tmp_path / "cert.pem", "certificate_key": tmp_path / "key.pem"}
    told = Heard()
    done: list[Any] = []

    def run() -> None:
        options = LiveOptions(view="web", host="localhost", port=0, max_seconds=600, **files)
        done.append(run_live(tiny_run, options, open_source=lambda s: ScriptedCamera(10**6), progress=told))

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: told.lines)
    link = told.lines[0].partition(": ")[2]
    assert link.startswith("https://localhost:")
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with httpx.Client(verify=trust, timeout=PATIENCE_SECONDS) as client:
        welcome = client.get(link)
        assert "; Secure" in welcome.headers["set-cookie"]
        origin = link.partition("/?")[0]
        assert client.get(origin).status_code == 200
        assert client.post(f"{origin}/api/order", json={"do": "stop"}, headers={"Origin": origin}).status_code == 200
    thread.join(PATIENCE_SECONDS)
    assert done[0].ended == "person"
    with pytest.raises(UsageError, match="a certificate and its key"):
        swapped = LiveOptions(view="web", certificate=files["certificate_key"], certificate_key=files["certificate"])
        run_live(tiny_run, swapped, open_source=lambda source: ScriptedCamera(3))
