"""The page that corrects labels: the real server, and a real browser whose mouse drags the boxes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Page, expect

from tests.drawn import draw_photo, write_dataset
from tests.live.web.served import CONTRASTS, OpenPage, OpenSite, Served, printed_link
from tests.waiting import PATIENCE_SECONDS
from thirtyfold.annotate.options import AnnotateOptions
from thirtyfold.annotate.pace import Pace
from thirtyfold.annotate.review import Suspect
from thirtyfold.datasets import labelme_json, machine_made
from thirtyfold.datasets.labelme_json import LabelFile
from thirtyfold.datasets.samples import read_samples
from thirtyfold.datasets.seal import CONFIRMED, is_unbroken
from thirtyfold.errors import NothingToDo
from thirtyfold.images import write_jpeg
from thirtyfold.live.web.corrections import MOST_CORRECTION_BYTES
from thirtyfold.live.web.options import PageOptions
from thirtyfold.live.web.review_run import annotate_in_browser
from thirtyfold.sample import Annotation, BoxXyxy
from thirtyfold.workspace import Dataset

SIZE_WH = (320, 240)
WRONG = Annotation.from_box("face", (60, 60, 140, 120), score=0.61)
POLYGON = Annotation(
    label="hand", points=((200.0, 30.0), (230.5, 40.0), (210.0, 90.25)), kind="polygon", extra={"note": "<b>kept</b>"}
)


class Sitting(Served):
    """``annotate --view web``."""

    def __init__(self, root: Path, options: AnnotateOptions, suspects: list[Suspect] | None) -> None:
        self.pace: Pace | None = None
        self._arguments = root, options, suspects
        super().__init__()
        # Only what was listed can be asked for.
        assert self.client.get("/api/review/0/labels").status_code == 404
        assert self.client.get("/api/review").status_code == 200

    def save(self, photo: object, shapes: object, **more: object) -> httpx.Response:
        version = "none" if not isinstance(photo, int) else self.version(photo)
        return self.client.post("/api/review/save", json={"photo": photo, "version": version, "shapes": shapes} | more)

    def version(self, photo: int) -> str:
        answer = self.client.get(f"/api/review/{photo}/labels")
        return str(answer.json()["version"]) if answer.status_code == 200 else "none"

    def finish(self) -> Pace:
        """Press Finish in the page, and wait for the end. May be called twice."""
        if self.pace is None:
            assert self.client.post("/api/review/finish", json={}).status_code == 200
            self.wait_until_it_has_ended()
        assert self.pace is not None
        return self.pace

    def serve(self) -> None:
        root, options, suspects = self._arguments
        self.pace = annotate_in_browser(Dataset(root), options, PageOptions(port=0), self.told, suspects)


@contextmanager
def sitting_at(root: Path, *labels: str, suspects: list[Suspect] | None = None, **options: Any) -> Iterator[Sitting]:
    sitting = Sitting(root, AnnotateOptions(labels=labels or ("face", "hand"), **options), suspects)
    try:
        yield sitting
    finally:
        sitting.finish()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two photos with a model's boxes, the first with a polygon too, and one without labels."""
    root = write_dataset(tmp_path / "faces", sessions=1, per_session=3)
    mark(root, "0001", WRONG, POLYGON)
    mark(root, "0002", WRONG)
    path_of(root, "0003").unlink()
    return root


def path_of(root: Path, name: str) -> Path:
    return root / "images" / f"{name}.json"


def mark(root: Path, name: str, *annotations: Annotation) -> None:
    label_file = LabelFile(image_path=f"{name}.jpg", width=320, height=240, annotations=annotations)
    labelme_json.write(path_of(root, name), machine_made.marked(label_file, predicted_by="detect/1"))


def labels_of(root: Path, name: str) -> LabelFile:
    return labelme_json.read(path_of(root, name))


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the photo (pixels) is in the window: the photo stands in the middle of its canvas."""
    frame = page.locator("#canvas").bounding_box()
    assert frame is not None
    margin = min(14, frame["width"] / 30)
    scale = min((frame["width"] - 2 * margin) / SIZE_WH[0], (frame["height"] - 2 * margin) / SIZE_WH[1])
    return (
        frame["x"] + (frame["width"] - SIZE_WH[0] * scale) / 2 + x * scale,
        frame["y"] + (frame["height"] - SIZE_WH[1] * scale) / 2 + y * scale,
    )


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    page.mouse.move(*at(page, *end))
    page.mouse.up()


def shows(page: Page, name: str) -> None:
    expect(page.locator("#name")).to_have_text(f"{name}.jpg")
    expect(page.locator("#waiting")).to_be_hidden()


def near(box_xyxy: BoxXyxy) -> Any:
    return pytest.approx(box_xyxy, abs=0.8)


@pytest.mark.slow
def test_a_corner_dragged_right_arrives_as_truth_in_a_labelme_file(root: Path, open_page: OpenPage) -> None:
    with sitting_at(root) as sitting:
        page = open_page(sitting.link)
        shows(page, "0001")
        expect(page.locator("#why")).to_have_text("a model drew it")
        expect(page.locator("#save")).to_contain_text("Right as it is")
        page.mouse.click(*at(page, 100, 90))
        drag(page, (140, 120), (180, 200))
        drag(page, (60, 90), (40, 90))  # the middle of the left edge
        expect(page.locator("#save")).to_contain_text("Save")
        page.locator("#save").click()
        shows(page, "0002")
        expect(page.locator("#source")).to_have_text("2 left · faces")
        pace = sitting.finish()
    sample, *others = read_samples(Dataset(root))
    assert sample.annotations is not None
    assert not sample.machine_made
    assert sample.annotations[0].box_xyxy == near((40, 60, 180, 200))
    assert sample.annotations[0].score is None
    assert sample.annotations[1] == POLYGON  # to the last digit, with the key that is not ours
    assert [other.machine_made for other in others] == [True, False]
    raw = json.loads(path_of(root, "0001").read_text())
    assert raw["shapes"][0]["shape_type"] == "rectangle"
    assert (raw["imagePath"], raw["imageWidth"], raw["imageHeight"], raw["imageData"]) == ("0001.jpg", 320, 240, None)
    assert "thirtyfold" not in raw
    assert (pace.photos, pace.drawn, pace.confirmed) == (1, 1, 1)


@pytest.mark.slow
def test_draw_move_delete_rename_undo_and_redo_by_mouse_and_keys(root: Path, open_page: OpenPage) -> None:
    with sitting_at(root) as sitting:
        page = open_page(sitting.link)
        shows(page, "0001")
        page.keyboard.press("n")
        shows(page, "0002")
        drag(page, (100, 90), (120, 100))  # the whole box
        drag(page, (200, 20), (250, 80))  # beside it: a new one
        shapes = page.locator("#shapes button")
        expect(shapes).to_have_count(2)
        page.keyboard.press("2")
        expect(shapes.nth(1)).to_contain_text("hand")
        page.keyboard.press("r")  # within another box, too
        drag(page, (100, 90), (130, 110))
        expect(shapes).to_have_count(3)
        page.keyboard.press("Delete")
        expect(shapes).to_have_count(2)
        page.keyboard.press("Control+z")
        expect(shapes).to_have_count(3)
        page.keyboard.press("Control+Shift+z")
        expect(shapes).to_have_count(2)
        page.keyboard.press("b")
        for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Alt+ArrowLeft"):
            page.keyboard.press(key)
        page.keyboard.press("n")
        shows(page, "0003")
        page.keyboard.press("p")  # what is not saved yet is still there
        shows(page, "0002")
        expect(shapes).to_have_count(2)
        expect(page.locator("#photos li").nth(1)).to_contain_text("not saved yet")
        page.keyboard.press("Enter")
        shows(page, "0003")
        page.keyboard.press("Enter")
        shows(page, "0001")
        expect(page.locator("#photos li").nth(2)).to_contain_text("done")
        page.keyboard.press("Enter")
        expect(page.locator("#waiting")).to_contain_text("Everything is looked at")
    face, hand = labels_of(root, "0002").annotations
    assert face.box_xyxy == near((82, 80, 161, 140))
    assert (hand.label, hand.box_xyxy) == ("hand", near((200, 20, 250, 80)))
    assert labels_of(root, "0003").annotations == ()
    assert [len(sample.annotations or ()) for sample in read_samples(Dataset(root))] == [2, 2, 0]
    assert not any(sample.machine_made for sample in read_samples(Dataset(root)))


@pytest.mark.slow
def test_what_somebody_else_changed_meanwhile_is_never_written_over(root: Path, open_page: OpenPage) -> None:
    theirs = Annotation.from_box("hand", (5, 5, 25, 25))
    with sitting_at(root) as sitting:
        page = open_page(sitting.link, may_be_refused=True)
        shows(page, "0001")
        drag(page, (100, 90), (120, 100))
        labelme_json.write(
            path_of(root, "0001"), LabelFile(image_path="0001.jpg", width=320, height=240, annotations=(theirs,))
        )
        page.keyboard.press("s")
        expect(page.locator("#conflict")).to_contain_text("0001.jpg: its labels were changed meanwhile")
        assert labels_of(root, "0001").annotations == (theirs,)
        page.get_by_role("button", name="Look at mine").click()
        expect(page.locator("#shapes button")).to_have_count(2)
        page.keyboard.press("s")
        page.get_by_role("button", name="Load what is there now").click()
        expect(page.locator("#shapes")).to_contain_text("20×20")
        page.keyboard.press("s")
        shows(page, "0002")
    assert labels_of(root, "0001").annotations == (theirs,)
    assert is_unbroken(labels_of(root, "0001"), CONFIRMED)


@pytest.mark.slow
def test_while_another_command_holds_the_dataset_nothing_is_lost(root: Path, open_page: OpenPage) -> None:
    with sitting_at(root) as sitting:
        page = open_page(sitting.link, may_be_refused=True)
        shows(page, "0001")
        drag(page, (100, 90), (120, 100))
        with Dataset(root).lock("test"):
            page.keyboard.press("s")
            expect(page.locator("#notice")).to_contain_text("another thirtyfold command is at work here")
        page.keyboard.press("s")
        shows(page, "0002")
    assert labels_of(root, "0001").annotations[0].box_xyxy == near((80, 70, 160, 130))


@pytest.mark.slow
def test_a_saved_photo_is_called_saved_though_the_list_does_not_come_any_more(root: Path, open_page: OpenPage) -> None:
    with sitting_at(root) as sitting:
        page = open_page(sitting.link, may_be_refused=True)
        shows(page, "0001")
        page.route("**/api/review", lambda route: route.fulfill(status=404, json={"error": "the list is gone"}))
        page.keyboard.press("s")
        expect(page.locator("#notice")).to_have_text("saved, but the list is gone")
        shows(page, "0002")
        expect(page.locator("#photos li").nth(0)).to_contain_text("done")
    assert not read_samples(Dataset(root))[0].machine_made


@pytest.mark.slow
def test_fingers_drag_a_corner_and_zoom(root: Path, open_page: OpenPage) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with sitting_at(root) as sitting:
        page = open_page(sitting.link, **phone)
        shows(page, "0001")
        page.keyboard.press("n")
        shows(page, "0002")
        fingers = page.context.new_cdp_session(page)

        def touch(kind: str, *points: tuple[float, float]) -> None:
            touches = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

        corner, target = at(page, 140, 120), at(page, 200, 180)
        # A finger takes what it does not quite meet; the corner goes as far as the finger did.
        touch("touchStart", (corner[0] + 9, corner[1] + 7))
        touch("touchMove", (corner[0] + 30, corner[1] + 30))
        touch("touchMove", (target[0] + 9, target[1] + 7))
        touch("touchEnd")
        expect(page.locator("#shapes")).to_contain_text("140×120")
        middle = at(page, 160, 120)
        touch("touchStart", (middle[0] - 20, middle[1]), (middle[0] + 20, middle[1]))
        touch("touchMove", (middle[0] - 40, middle[1]), (middle[0] + 40, middle[1]))
        touch("touchEnd")
        expect(page.locator("#shapes button")).to_have_count(1)  # two fingers draw nothing
        page.locator("#fit").tap()
        page.locator("#save").tap()
        shows(page, "0003")
    assert labels_of(root, "0002").annotations[0].box_xyxy == near((60, 60, 200, 180))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_review_has_names_contrast_and_fits_a_phone(root: Path, open_page: OpenPage, scheme: str) -> None:
    with sitting_at(root) as sitting:
        page = open_page(sitting.link, viewport={"width": 360, "height": 640}, color_scheme=scheme)
        shows(page, "0001")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        names = page.evaluate(
            "[...document.querySelectorAll('button, input, select, canvas')].filter((e) => e.offsetParent)"
            ".map((e) => e.ariaLabel || e.innerText || (e.labels[0] && e.labels[0].innerText))"
        )
        assert len(names) >= 15
        assert all(names), names
        assert page.evaluate(CONTRASTS) == []


HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1">'


@pytest.mark.slow
def test_names_of_photos_labels_and_reasons_stay_text(tmp_path: Path, open_page: OpenPage) -> None:
    name = HOSTILE.replace("/", "").replace('"', "'") + ".jpg"
    image_path = tmp_path / "faces" / "images" / name
    try:
        write_jpeg(image_path, draw_photo(1)[0])
    except OSError:
        pytest.skip("this file system knows no such names")
    suspect = Suspect(image_path=image_path, disagreement=1.0, why=(HOSTILE,))
    with sitting_at(tmp_path / "faces", HOSTILE, review=True, suspects=[suspect]) as sitting:
        page = open_page(sitting.link)
        expect(page.locator("#name")).to_have_text(name)
        expect(page.locator("#why")).to_have_text(HOSTILE)
        drag(page, (50, 50), (100, 100))
        expect(page.locator("#shapes")).to_contain_text(HOSTILE)
        page.keyboard.press("s")
        expect(page.locator("#waiting")).to_contain_text("Everything is looked at")
        assert page.evaluate("document.body.dataset.hacked") is None
    (sample,) = read_samples(Dataset(tmp_path / "faces"))
    assert [shape.label for shape in sample.annotations or ()] == [HOSTILE]


@pytest.mark.slow
def test_a_frame_saved_in_the_live_page_is_put_right_in_the_same_page(
    open_site: OpenSite, open_page: OpenPage, tmp_path: Path
) -> None:
    with open_site() as site:
        page = open_page(site.link)
        expect(page.locator("#found")).to_have_text("face")
        page.keyboard.press("c")
        expect(page.locator("#notice")).to_contain_text("saved review-")
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Review").click()
        review = opened.value
        expect(review.locator("#shapes button")).to_have_count(1)
        expect(review.locator("#finish")).to_be_hidden()
        review.keyboard.press("b")
        review.keyboard.press("Shift+ArrowDown")
        review.keyboard.press("Enter")
        expect(review.locator("#waiting")).to_contain_text("Everything is looked at")
        (sample,) = read_samples(Dataset(tmp_path / "review"))
        assert sample.annotations is not None
        assert not sample.machine_made
        assert site.client.get("/api/review").json()["photos"][0]["done"]
        assert site.client.post("/api/review/finish", json={}).status_code == 404


def test_with_blur_no_photo_is_shown_as_it_is(open_site: OpenSite, tmp_path: Path) -> None:
    write_dataset(tmp_path / "review", sessions=1, per_session=1)
    with open_site(blur=True) as site:
        assert [site.client.get(path).status_code for path in ("/review", "/api/review", "/api/review/0/picture")] == [
            404
        ] * 3


def test_a_live_page_shows_nothing_of_the_dataset_but_what_a_model_drew(open_site: OpenSite, tmp_path: Path) -> None:
    write_dataset(tmp_path / "review", sessions=1, per_session=2)
    mark(tmp_path / "review", "0002", WRONG)
    with open_site() as site:
        listing = site.client.get("/api/review").json()
        assert [photo["name"] for photo in listing["photos"]] == ["0002.jpg"]
        assert site.client.get("/api/review/1/picture").status_code == 404


def test_the_worst_of_a_review_comes_first_with_its_reason(root: Path) -> None:
    suspects = [
        Suspect(image_path=root / "images" / f"{name}.jpg", disagreement=amount, why=(why,))
        for name, amount, why in (("0002", 2.0, "overlap 0.31"), ("0001", 1.0, "the model sees 1 more"))
    ]
    with sitting_at(root, review=True, suspects=suspects) as sitting:
        photos = sitting.client.get("/api/review").json()["photos"]
    assert [(photo["name"], photo["why"]) for photo in photos] == [
        ("0002.jpg", "overlap 0.31"),
        ("0001.jpg", "the model sees 1 more"),
    ]


def test_nothing_to_label_is_said_and_no_server_is_started(root: Path) -> None:
    with sitting_at(root) as sitting:
        for photo in range(3):
            assert sitting.save(photo, []).json() == {"ok": True}
    with pytest.raises(NothingToDo, match="all 3 photos have labels"):
        Sitting(root, AnnotateOptions(), None)


def test_photos_are_shown_upright_and_smaller_and_broken_ones_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "faces" / "images"
    write_jpeg(folder / "large.jpg", draw_photo(1, width=3200, height=1600)[0])
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    with sitting_at(tmp_path / "faces") as sitting:
        picture = sitting.client.get("/api/review/0/picture")
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
        assert 0 < len(picture.content) < 2_000_000
        assert sitting.client.get("/api/review/0/labels").json()["size_wh"] == [3200, 1600]
        for address in ("/api/review/1/picture", "/api/review/1/labels"):
            answer = sitting.client.get(address)
            assert answer.status_code == 400
            assert "torn.jpg" in answer.json()["error"]


def test_names_that_are_not_utf8_very_thin_photos_and_labels_that_cannot_be_opened_stop_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "faces" / "images"
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        write_jpeg(folder / name, draw_photo(1)[0])
    except OSError:
        pytest.skip("this file system knows no such names")
    write_jpeg(folder / "thin.jpg", np.zeros((1, 6000, 3), np.uint8))
    write_jpeg(folder / "walled.jpg", draw_photo(1)[0])
    with sitting_at(tmp_path / "faces") as sitting:
        numbers = {photo["name"]: photo["photo"] for photo in sitting.client.get("/api/review").json()["photos"]}
        assert set(numbers) == {name, "thin.jpg", "walled.jpg"}
        with Image.open(io.BytesIO(sitting.client.get(f"/api/review/{numbers['thin.jpg']}/picture").content)) as shown:
            assert shown.size == (2560, 1)
        assert sitting.save(numbers[name], [{"label": "face", "box_xyxy": [10, 20, 60, 80]}]).json() == {"ok": True}
        (folder / "walled.json").mkdir()
        answer = sitting.client.get(f"/api/review/{numbers['walled.jpg']}/labels")
        assert answer.status_code == 400
        assert "walled.json: cannot be opened" in answer.json()["error"]


def test_a_photo_held_upright_by_its_exif_is_corrected_as_it_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "faces" / "images" / "turned.jpg"
    path.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a phone held upright: stored on its side
    Image.fromarray(draw_photo(1)[0]).save(path, exif=exif)
    before = path.read_bytes()
    with sitting_at(tmp_path / "faces") as sitting:
        assert sitting.client.get("/api/review/0/labels").json()["size_wh"] == [240, 320]
        with Image.open(io.BytesIO(sitting.client.get("/api/review/0/picture").content)) as shown:
            assert shown.size == (240, 320)
        assert sitting.save(0, [{"label": "face", "box_xyxy": [10, 200, 60, 310]}]).json() == {"ok": True}
    (sample,) = read_samples(Dataset(tmp_path / "faces"))
    assert (sample.width, sample.height) == (240, 320)
    assert [shape.box_xyxy for shape in sample.annotations or ()] == [(10, 200, 60, 310)]
    assert path.read_bytes() == before


def test_no_address_is_a_path(root: Path) -> None:
    with sitting_at(root) as sitting:
        for address in ("..%2f0003", "%2e%2e%2f", "99", "-1", "0x0", "1e9", "٣", "9" * 5000, "0%00", ""):
            for what in ("labels", "picture"):
                assert sitting.client.get(f"/api/review/{address}/{what}").status_code == 404, address


def test_what_no_page_would_send_changes_nothing(root: Path) -> None:
    before = {path: path.read_bytes() for path in (root / "images").iterdir()}
    box = {"label": "face", "box_xyxy": [1, 1, 50, 50]}
    with sitting_at(root) as sitting:
        version = sitting.version(0)
        statuses = [
            sitting.save(99, [box]).status_code,
            sitting.save(-1, [box]).status_code,
            sitting.save("../../0001", [box]).status_code,
            sitting.save(0, [box | {"label": "cat"}]).status_code,
            sitting.save(0, [box | {"box_xyxy": [1, 1, 1e9, 50]}]).status_code,
            sitting.save(0, [box], path="/etc/passwd").status_code,
            sitting.save(0, [box | {"label": "x" * (MOST_CORRECTION_BYTES + 1)}]).status_code,
            sitting.save(0, [{"was": 1, "label": "hand", "box_xyxy": [1, 1, 9, 9]}]).status_code,
            sitting.save(0, [box], version="").status_code,
        ]
        assert statuses == [404, 400, 400, 400, 400, 400, 400, 400, 409]
        good = {"photo": 0, "version": version, "shapes": [box]}
        address = f"{sitting.origin}/api/review/save"
        cookie = {"Cookie": sitting.cookie}
        foreign = {"Origin": "http://evil.example"}
        ours = {"Origin": sitting.origin}
        assert httpx.post(address, json=good, headers=cookie).status_code == 403  # no Origin
        assert httpx.post(address, json=good, headers=cookie | foreign).status_code == 403
        assert httpx.post(address, json=good, headers=ours).status_code == 401
        assert httpx.post(address, json=good, headers=cookie | ours | {"Host": "evil.example"}).status_code == 421
        assert httpx.get(f"{sitting.origin}/api/review/0/picture").status_code == 401
        assert sitting.client.get("/api/review/save").status_code in (404, 405)
        assert {path: path.read_bytes() for path in (root / "images").iterdir()} == before
        assert sitting.client.post("/api/review/save", json=good).json() == {"ok": True}
    (face,) = labels_of(root, "0001").annotations
    assert face.box_xyxy == (1, 1, 50, 50)


def test_two_who_save_the_same_photo_at_once_do_not_mix(root: Path) -> None:
    boxes = [{"label": "face", "box_xyxy": [index, 1, 50 + index, 50]} for index in range(6)]
    answers: list[int] = []
    with sitting_at(root) as sitting:
        version = sitting.version(0)
        cookies = dict(sitting.client.cookies)

        def save(box: dict[str, Any]) -> None:
            body = {"photo": 0, "version": version, "shapes": [box]}
            with httpx.Client(cookies=cookies, headers={"Origin": sitting.origin}, timeout=PATIENCE_SECONDS) as client:
                answers.append(client.post(f"{sitting.origin}/api/review/save", json=body).status_code)

        run_together([lambda box=box: save(box) for box in boxes])  # type: ignore[misc]
    assert sorted(answers) == [200] + [409] * 5
    assert len(labels_of(root, "0001").annotations) == 1


def run_together(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)


def test_the_command_opens_the_page_without_labelme_or_a_model_and_counts_afterwards(root: Path) -> None:
    command = [sys.executable, "-m", "thirtyfold", "annotate", str(root), "--labels", "face,hand"]
    with subprocess.Popen(
        [*command, "--view", "web", "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        link = printed_link(process)
        origin = link.partition("/?")[0]
        with httpx.Client(base_url=origin, timeout=PATIENCE_SECONDS, headers={"Origin": origin}) as client:
            client.get(link)
            assert len(client.get("/api/review").json()["photos"]) == 3
            version = client.get("/api/review/1/labels").json()["version"]
            shapes = [{"was": 0, "label": "face", "box_xyxy": None}]
            saved = client.post("/api/review/save", json={"photo": 1, "version": version, "shapes": shapes})
            assert saved.json() == {"ok": True}
            client.post("/api/review/finish", json={})
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    told = json.loads(out)
    assert (told["labelled"], told["machine_made"], told["unlabelled"]) == (1, ["0001.jpg"], ["0003.jpg"])
    assert (told["sitting"]["photos"], told["sitting"]["confirmed"]) == (1, 1)
