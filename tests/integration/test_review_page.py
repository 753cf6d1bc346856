"""The page of `review`, and that of `predict --report`, in a real browser."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import real_browser
from real_browser import CHROMIUM, running_browser
from running_server import Server, running

pytest.importorskip("fastapi")

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.inference.corrections import HEADER, Judgements, read_corrections
from capsule_inspect.inference.review_queue import read_queue

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]

HOSTILE = "<img src=x onerror=alert(1)>, 'b'.png"
KEYS = {"good": "g", "crack": "1", "faulty_imprint": "2", "poke": "3", "scratch": "4"}
KEYS |= {"squeeze": "5", "unsure": "u"}

WIDER_THAN_THE_SCREEN = """
() => Array.from(document.querySelectorAll("main *"))
  .filter((each) => !each.closest(".scroll, svg, .shown"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 80))
"""


@pytest.fixture(scope="module")
def browser():
    with running_browser(playwright) as browser:
        yield browser


@pytest.fixture
def open_page(browser):
    """Opens a page; at the end, nothing may have failed or been asked of another host."""
    pages = []

    def open_at(address: str, width: int = 1280, scheme: str = "light", may_fail: bool = False):
        opened = real_browser.open_page(browser, address, width, scheme)
        pages.append((opened, may_fail))
        return opened.page

    yield open_at
    for opened, may_fail in pages:
        opened.close()
        # The server may end while the page still asks for the next picture.
        failed = [text for text in opened.said if "net::ERR_CONNECTION" not in text]
        assert may_fail or failed == []
        assert opened.asked_elsewhere("blob:", "data:") == []


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, command) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    settings = ("data.count=24", "data.seed=4", "data.size=300")
    assert command("prepare", "drawn", folder / "set", *settings, "--no-page").returncode == 0
    shutil.copy(folder / "set/pictures/0000.png", folder / f"set/pictures/{HOSTILE}")
    done = command("predict", "set/pictures", "-o", "out", "-q", "--report", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def work(drawn, tmp_path) -> Path:
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    return tmp_path


def review(folder: Path, port: int = 0) -> Iterator[Server]:
    options = ("--port", port, "--no-browser", "--reviewer", "Anna")
    return running("review", "out", *options, cwd=folder)


def press(page, key: str, told: str) -> None:
    """Presses a key once the picture is shown, and waits for what is told."""
    playwright.expect(page.get_by_role("button", name="good", exact=True)).to_be_enabled()
    page.keyboard.press(key)
    playwright.expect(page.locator(".told")).to_contain_text(told)


def serious_faults(page) -> list[object]:
    found = axe.Axe().run(page).response["violations"]
    return [fault for fault in found if fault["impact"] in {"serious", "critical"}]


def judged(folder: Path) -> dict[str, str]:
    counting = Judgements(read_corrections(folder / "out/corrections.csv")).standing()
    return {each.path: each.label for each in counting}


def test_twenty_pictures_are_judged_by_keys_through_a_crash(work, open_page, command):
    labels = {f"set/{s.path}": s.label for s in read_dataset(work / "set").samples}
    items = [item.record.path for item in read_queue(work / "out").items]
    wanted = {path: labels.get(path, "unsure") for path in items}
    with review(work) as server:
        page = open_page(f"{server.address}/", may_fail=True)
        for number, path in enumerate(items[:10], start=1):
            playwright.expect(page.locator(".path")).to_have_text(path)
            press(page, KEYS[wanted[path]], f"{path} is {wanted[path]}. {number} of 25 judged.")
        server.end(signal.SIGKILL)
        press(page, "g", "The server does not answer, so nothing was stored.")
        port = server.port
    assert judged(work) == {path: wanted[path] for path in items[:10]}
    with review(work, port):
        for number, path in enumerate(items[10:20], start=11):
            playwright.expect(page.locator(".path")).to_have_text(path)
            press(page, KEYS[wanted[path]], f"{path} is {wanted[path]}. {number} of 25 judged.")
        press(page, "g", "21 of 25")
        press(page, "z", f"Taken back: {items[20]}. 20 of 25 judged.")
    assert judged(work) == {path: wanted[path] for path in items[:20]}
    done = command("prepare", "--add", "out", "set", "--no-page", cwd=work)
    assert "Nothing to add" in done.stderr, done.stderr


def test_the_page_works_by_mouse_and_tells_of_what_it_does(work, open_page):
    with review(work) as server:
        page = open_page(f"{server.address}/")
        good = page.get_by_role("button", name="good", exact=True)
        playwright.expect(good).to_be_enabled()
        assert serious_faults(page) == []
        first = page.locator(".path").inner_text()
        good.click()
        playwright.expect(page.get_by_role("status")).to_contain_text(f"Stored: {first} is good.")
        page.get_by_role("button", name="Previous").click()
        playwright.expect(page.locator(".path")).to_have_text(first)
        playwright.expect(good).to_have_attribute("aria-pressed", "true")
        source = page.locator(".frame img").get_attribute("src")
        page.get_by_role("button", name="Overlay").click()
        playwright.expect(page.locator(".frame img")).not_to_have_attribute("src", source)
        page.get_by_role("button", name="Undo").click()
        playwright.expect(page.get_by_role("status")).to_contain_text("Taken back")
        page.get_by_role("button", name="Next").click()
    assert judged(work) == {}


def test_keys_do_nothing_where_they_are_text_or_held(work, open_page):
    with review(work) as server:
        page = open_page(f"{server.address}/")
        playwright.expect(page.get_by_role("button", name="good", exact=True)).to_be_enabled()
        page.get_by_label("Reviewer").fill("")
        page.get_by_label("Reviewer").type("gugu 1")
        page.locator(".shown").focus()
        page.keyboard.press("Control+g")
        page.get_by_label("Use keys").uncheck()
        page.keyboard.press("g")
        page.get_by_label("Use keys").check()
        page.keyboard.down("n")
        for _ in range(3):  # a key that is held down repeats
            page.keyboard.down("n")
        playwright.expect(page.locator(".beside p").first).to_contain_text("Picture 2 of 25")
        press(page, "u", "1 of 25 judged")
    (line,) = read_corrections(work / "out/corrections.csv")
    assert (line.reviewer, line.label) == ("gugu 1", "unsure")


def test_a_picture_that_changed_or_vanished_is_a_sentence_and_a_name_is_text(work, open_page):
    items = [item.record.path for item in read_queue(work / "out").items]
    (work / items[0]).write_bytes((work / items[2]).read_bytes())
    (work / items[1]).unlink()
    with review(work) as server:
        page = open_page(f"{server.address}/", may_fail=True)
        problem = page.locator(".shown [role=alert]")
        playwright.expect(problem).to_contain_text("is another picture than the one")
        playwright.expect(page.get_by_role("button", name="good", exact=True)).to_be_disabled()
        page.keyboard.press("n")
        playwright.expect(problem).to_contain_text("does not exist")
        for _ in range(items.index(f"set/pictures/{HOSTILE}") - 1):
            page.keyboard.press("n")
        playwright.expect(page.locator(".path")).to_have_text(f"set/pictures/{HOSTILE}")
        assert page.locator("img[src=x]").count() == 0
    assert judged(work) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_screen(work, open_page, width, scheme):
    with review(work) as server:
        page = open_page(f"{server.address}/", width, scheme)
        playwright.expect(page.get_by_role("button", name="good", exact=True)).to_be_enabled()
        assert page.evaluate(WIDER_THAN_THE_SCREEN) == []
        assert serious_faults(page) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_gives_the_same_file(work, open_page, command, width):
    page = open_page((work / "out/report.html").as_uri(), width)
    assert page.locator("#review-save").is_disabled()
    page.click("#review-begin")
    press(page, "g", "Enter your name first.")
    page.get_by_label("Reviewer").fill("=Ben")
    page.locator(".shown").focus()
    items = read_queue(work / "out").items
    press(page, "g", "1 of 25 judged")
    press(page, "1", "2 of 25 judged")
    press(page, "u", "3 of 25 judged")
    press(page, "z", "Taken back")
    assert page.evaluate(WIDER_THAN_THE_SCREEN) == []
    assert serious_faults(page) == []
    page.reload()
    page.click("#review-begin")
    playwright.expect(page.locator(".beside p").first).to_contain_text("2 of 25 judged")
    with page.expect_download() as started:
        page.click("#review-save")
    file = work / started.value.suggested_filename
    started.value.save_as(file)
    lines = read_corrections(file)
    assert file.read_bytes() == HEADER + b"".join(line.to_csv() for line in lines)
    assert [line.label for line in lines] == ["good", "crack", "unsure", ""]
    expected = [item.judge("=Ben", "") for item in (*items[:3], items[2])]
    assert [(e.key, e.label_model, e.defect_score, e.reviewer, e.capsules) for e in lines] == [
        (e.key, e.label_model, e.defect_score, e.reviewer, e.capsules) for e in expected
    ]
    done = command("prepare", "--add", file.name, "set", "--no-page", cwd=work)
    assert done.returncode == 0, done.stderr


def test_the_capsule_in_question_is_marked_and_in_view(tmp_path, open_page, command):
    halves = [draw_capsule("good", (7, n), size=900).picture for n in (0, 1)]
    shift = (halves[0][:20].mean((0, 1)) - halves[1][:20].mean((0, 1))).astype(int)
    halves[1] = np.clip(halves[1] + shift, 0, 255).astype(np.uint8)
    (tmp_path / "two.png").write_bytes(encode_picture(np.hstack(halves)))
    assert command("predict", "two.png", "-o", "out", "-q", cwd=tmp_path).returncode == 0
    items = [item.record for item in read_queue(tmp_path / "out").items]
    assert len(items) == 2
    with review(tmp_path) as server:
        page = open_page(f"{server.address}/")
        for item in items:
            name = f"two.png, capsule {item.capsule + 1} of 2"
            playwright.expect(page.locator(".path")).to_have_text(name)
            playwright.expect(page.get_by_role("button", name="good", exact=True)).to_be_enabled()
            page.keyboard.press("x")
            box, picture, place = (
                page.locator(each).bounding_box() for each in (".outline", ".frame img", ".shown")
            )
            centre = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            assert centre[0] - picture["x"] == pytest.approx(item.x, abs=3)
            assert centre[1] - picture["y"] == pytest.approx(item.y, abs=3)
            assert place["x"] < centre[0] < place["x"] + place["width"]
            assert place["y"] < centre[1] < place["y"] + place["height"]
            page.keyboard.press("x")
            page.keyboard.press("n")
