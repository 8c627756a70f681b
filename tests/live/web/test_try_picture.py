"""A picture from the viewer's device: looked at by the same models, drawn in the page, and kept nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.drawn import draw_photo
from tests.live.web.served import OpenPage, OpenSite
from tests.live.web.test_page import snapshot
from tests.masked import draw_masked, is_boxed_in
from thirtyfold.images import encode_jpeg, write_jpeg
from thirtyfold.predict.label_colors import BAD, GOOD

pytestmark = pytest.mark.slow


def test_a_still_is_answered_at_once_and_a_camera_after_its_second_look(
    open_site: OpenSite, masks_run: Path, tmp_path: Path
) -> None:
    jpeg = encode_jpeg(draw_masked(3, masked=True)[0])
    with open_site(source="browser", track=True, then=masks_run) as site:
        with site.websocket("/ws/camera") as camera:
            camera.recv()
            camera.send(jpeg)
            assert json.loads(camera.recv())["boxes"] == []
        with site.websocket("/ws/camera") as still:
            still.recv()
            still.send(json.dumps({"threshold": 0.5, "still": True}))
            still.send(jpeg)
            (found,) = json.loads(still.recv())["boxes"]
            assert found["labels"] == ["face", "with_mask"]
            assert found["caption"].startswith("with_mask ")
            still.send(json.dumps({"threshold": 0.5, "still": "yes"}))
            assert "was expected" in json.loads(still.recv())["error"]
    assert not (tmp_path / "review").exists()


def test_a_picture_is_tried_in_the_page_and_the_camera_comes_back(
    open_site: OpenSite, open_page: OpenPage, masks_run: Path, tmp_path: Path
) -> None:
    # Larger than what is sent: the boxes come back at its own size.
    pixels, truth = draw_masked(3, masked=True, width=2400, height=1800)
    write_jpeg(tmp_path / "photo.jpg", pixels)
    (tmp_path / "notes.jpg").write_text("no picture")
    with open_site(source="browser", track=True, then=masks_run) as site:
        page = open_page(site.link, permissions=["camera"])
        expect(page.locator("#found")).to_have_text("face: without_mask")
        _, bare = draw_photo(3, width=640, height=480)
        page.keyboard.press("m")
        shown = snapshot(page, tmp_path)
        assert is_boxed_in(shown, bare[0].box_xyxy, BAD)
        assert not is_boxed_in(shown, bare[0].box_xyxy, GOOD)
        page.locator("#file").set_input_files(tmp_path / "photo.jpg")
        expect(page.locator("#found")).to_have_text("face: with_mask")
        expect(page.locator("#source")).to_have_text("a picture of yours")
        shown = snapshot(page, tmp_path)
        assert shown.shape == (1800, 2400, 3)
        assert is_boxed_in(shown, truth.box_xyxy, GOOD)
        assert not is_boxed_in(shown, truth.box_xyxy, BAD)
        page.get_by_label("with_mask", exact=True).uncheck()
        expect(page.locator("#found")).to_have_text("nothing found")
        page.get_by_label("with_mask", exact=True).check()
        page.keyboard.press("c")
        expect(page.locator("#notice")).to_contain_text("kept nowhere")
        page.keyboard.press("o")
        expect(page.locator("#found")).to_have_text("face: without_mask")
        expect(page.locator("#source")).to_have_text("your camera")
        page.locator("#file").set_input_files(tmp_path / "notes.jpg")
        expect(page.locator("#notice")).to_contain_text("cannot read that file as a picture")
        expect(page.locator("#source")).to_have_text("your camera")
    assert not (tmp_path / "review").exists()


def test_without_a_camera_a_picture_can_be_tried_all_the_same(
    open_site: OpenSite, open_page: OpenPage, masks_run: Path, tmp_path: Path
) -> None:
    write_jpeg(tmp_path / "photo.jpg", draw_masked(3, masked=True)[0])
    with open_site(source="browser", then=masks_run, host="0.0.0.0") as site:  # noqa: S104
        # On plain http to another machine's name browsers give no camera.
        page = open_page(site.link.replace("127.0.0.1", "127.0.0.2"), permissions=[])
        expect(page.locator("#threshold")).to_be_enabled(timeout=20_000)
        page.locator("#file").set_input_files(tmp_path / "photo.jpg")
        expect(page.locator("#found")).to_have_text("face: with_mask")
        expect(page.locator("#waiting")).to_be_hidden()


def test_where_there_are_no_viewers_cameras_no_picture_is_taken(open_site: OpenSite, open_page: OpenPage) -> None:
    with open_site() as site:
        page = open_page(site.link)
        expect(page.locator("#found")).to_have_text("face")
        expect(page.locator("#try")).to_be_hidden()
