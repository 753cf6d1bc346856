"""The page of `serve` in a real browser, against a running server."""

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
import real_browser
from real_browser import CHROMIUM, running_browser
from running_server import running_server

pytest.importorskip("fastapi")

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.rle import encode_runs
from capsule_inspect.inference.records import Record, csv_line, read_records, record_columns

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]

HOSTILE = "<img src=x onerror=alert(1)>, \"a\" & 'b'.png"
TOKEN = "0123456789abcdef"  # noqa: S105  (of servers that run for a test)
# The browser itself writes a line for each answer that is an error.
ANSWERED = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

WIDER_THAN_THE_SCREEN = """
() => Array.from(document.querySelectorAll("main *, dialog[open] *"))
  .filter((each) => !each.closest("svg, .unseen, .stage, pre"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 80))
"""


@contextmanager
def below_a_path(server: str) -> Iterator[str]:
    """Runs a reverse proxy that shows a server below `/capsules`; yields the address there."""

    class Proxy(BaseHTTPRequestHandler):
        def _pass_on(self):
            assert self.path.startswith("/capsules/")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            onward = HTTPConnection(urlsplit(server).netloc)
            onward.request(self.command, self.path.removeprefix("/capsules"), body, self.headers)
            answer = onward.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "keep-alive"}:  # of the other connection
                    self.send_header(name, value)
            self.send_header("Connection", "close")  # or the browser may use it once more
            self.end_headers()
            self.wfile.write(content)
            onward.close()

        do_GET = do_POST = _pass_on  # noqa: N815  (the names that the base class calls)

        def log_message(self, *_):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}/capsules"
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_server() as server:
        yield server.address


@pytest.fixture(scope="module")
def browser():
    with running_browser(playwright) as browser:
        yield browser


@pytest.fixture
def open_page(browser):
    """Opens the page; at the end, nothing may have failed or been asked of another host."""
    pages = []

    def open_at(address: str, width: int = 1280, scheme: str = "light", allowed: str = ""):
        opened = real_browser.open_page(browser, f"{address}/", width, scheme)
        opened.page.asked = opened.asked
        pages.append((opened, allowed))
        return opened.page

    yield open_at
    for opened, allowed in pages:
        opened.close()
        answered = [(ANSWERED.match(text), text) for text in opened.said]
        assert [text for match, text in answered if match is None or match[1] != allowed] == []
        assert opened.asked_elsewhere("blob:") == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Five capsules, one of them in a TIFF; a bare table; and files that are no pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    names = ("a.png", "b.jpg", HOSTILE, "é.webp", "t.tif")
    for i, (name, label) in enumerate(
        zip(names, ("good", "crack", "poke", "good", "squeeze"), strict=True)
    ):
        picture = draw_capsule(label, (3, i), size=600).picture[:, :, ::-1]
        (folder / name).write_bytes(cv2.imencode(Path(name).suffix, picture)[1].tobytes())
    table = np.full((300, 400, 3), 225, np.uint8)
    (folder / "table.png").write_bytes(cv2.imencode(".png", table)[1].tobytes())
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:5000])
    (folder / "empty.png").touch()
    (folder / "=notes.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def three(folder) -> list[Path]:
    return [folder / "a.png", folder / "b.jpg", folder / HOSTILE]


@pytest.fixture
def predicted(command, tmp_path):
    """Runs `predict` in a folder; returns the folder of its results."""

    def run(folder: Path, names: list[str], *options: object) -> Path:
        out = tmp_path / f"predicted-{len(list(tmp_path.iterdir()))}"
        done = command("predict", *names, "-o", out, *options, cwd=folder)
        assert done.returncode in {0, 3}, done.stderr  # 3: some are unreadable
        return out

    return run


def choose(page, files: list[Path]):
    page.set_input_files("#pick-files", files)
    await_results(page, len(files))


def await_results(page, count: int):
    expect = playwright.expect
    expect(page.locator(".card:has(.badge)")).to_have_count(count, timeout=60_000)
    expect(page.locator("#work")).to_be_hidden()


def badges(page) -> list[str]:
    return page.locator(".badge").all_inner_texts()


def download(page, button: str) -> Path:
    with page.expect_download(timeout=60_000) as started:
        page.click(button)
    return Path(started.value.path())


def serious_faults(page) -> list[object]:
    found = axe.Axe().run(page).response["violations"]
    return [fault for fault in found if fault["impact"] in {"serious", "critical"}]


def test_three_pictures_give_three_results_as_predict_labels_them(
    address, open_page, three, folder, predicted
):
    page = open_page(address)
    choose(page, three)
    out = predicted(folder, [file.name for file in three], "--overlays", "none")
    records = {record.path: record for record in read_records(out / "predictions.csv")}
    ordered = [records[name] for name in sorted(records)]
    assert badges(page) == [record.label for record in ordered]
    assert len({record.label for record in ordered}) > 1
    assert page.locator("#summary").inner_text().startswith("3 pictures: 3 capsules, ")
    overlays = page.locator(".card .overlay")
    assert (
        overlays.evaluate_all("all => all.map((each) => each.getAttribute('viewBox'))")
        == ["0 0 600 600"] * 3
    )
    drawn = overlays.locator(".box").evaluate_all(
        "all => all.map((each) => each.getAttribute('transform').match(/[-.0-9]+/g).map(Number))"
    )
    assert drawn == [[record.angle, record.x, record.y] for record in ordered]


def test_the_threshold_decides_again_without_a_request(address, open_page, three):
    page = open_page(address)
    choose(page, three)
    asked = len(page.asked)
    before = badges(page)
    assert "good" in before
    assert page.locator("#expected").inner_text().startswith("The model's")
    page.locator("#threshold-number").press("ControlOrMeta+a")
    page.keyboard.type("1.000")
    playwright.expect(page.locator(".badge.good")).to_have_count(3)
    assert page.locator("#threshold-number").input_value() == "1.000"
    assert page.locator(".card .overlay .tint").count() == 0
    page.fill("#threshold-number", "0")
    playwright.expect(page.locator(".badge.defect")).to_have_count(3)
    assert "was not measured" in page.locator("#expected").inner_text()
    page.locator("#threshold").press("End")
    playwright.expect(page.locator(".badge.good")).to_have_count(3)
    page.click("#threshold-reset")
    playwright.expect(page.locator(".badge.good")).to_have_count(before.count("good"))
    assert badges(page) == before
    assert [url for url in page.asked[asked:] if not url.startswith("blob:")] == []


def test_the_filter_shows_the_pictures_of_a_label(address, open_page, folder, three):
    page = open_page(address, allowed="422")
    choose(page, [*three, folder / "cut.png", folder / "table.png"])
    good = badges(page).count("good")
    page.check("input[name=kind][value=good]")
    playwright.expect(page.locator(".card")).to_have_count(good)
    page.check("input[name=kind][value=error]")
    playwright.expect(page.locator(".card .name")).to_have_text("cut.png")
    page.check("input[name=kind][value=no_capsule]")
    playwright.expect(page.locator(".card .name")).to_have_text("table.png")
    page.check("input[name=kind][value=all]")
    playwright.expect(page.locator(".card")).to_have_count(5)


@pytest.mark.parametrize("threshold", [None, "0.5", "1e-05", "1"])
def test_the_csv_is_the_one_of_predict(threshold, address, open_page, folder, predicted):
    files = sorted(folder.iterdir())
    page = open_page(address, allowed="422")
    choose(page, files)
    options = ["--overlays", "none"]
    if threshold:
        page.fill("#threshold-number", threshold)
        options += ["--threshold", threshold]
    written = download(page, "#csv").read_bytes()
    out = predicted(folder, [file.name for file in files], *options)
    assert written == (out / "predictions.csv").read_bytes()


def test_a_model_without_masks_gives_the_csv_of_predict(
    open_page, pictures, predicted, tiny_label_only_model
):
    model = ("--model", tiny_label_only_model)
    with running_server(*model) as server:
        page = open_page(server.address)
        choose(page, sorted(pictures.iterdir()))
        written = download(page, "#csv").read_bytes()
    names = [file.name for file in pictures.iterdir()]
    out = predicted(pictures, names, *model, "--overlays", "none")
    assert written == (out / "predictions.csv").read_bytes()
    assert {record.defect_area_px for record in read_records(out / "predictions.csv")} == {None}


def test_numbers_are_spelled_as_python_spells_them(address, open_page):
    draw = np.random.default_rng(1)
    numbers = np.frombuffer(draw.bytes(8 * 5000), np.float64)
    numbers = numbers[np.isfinite(numbers)].tolist()
    powers = [sign * 10.0**power for power in range(-25, 25) for sign in (1, -1)]
    numbers += [*powers, *draw.random(1000).tolist(), 0.0, 1 / 3, 123456.5, 5e-324]
    spelled = open_page(address).evaluate(
        "numbers => import('./static/csv.js').then((csv) => numbers.map(csv.spellFloat))", numbers
    )
    assert spelled == [repr(number) for number in numbers]


def test_texts_are_quoted_as_python_quotes_them(address, open_page):
    draw = np.random.default_rng(2)
    letters = list("a,;\"'\r\n\t =+-@é\N{PILL}")
    texts = ["".join(draw.choice(letters, draw.integers(6))) for _ in range(500)]
    records = [Record(text, "error", error=text[::-1]) for text in texts]
    lines = open_page(address).evaluate(
        "([rows, classes]) => import('./static/csv.js').then((csv) => csv.toCsv(rows, classes))",
        [[json.loads(record.to_json(("good", "a,b"))) for record in records], ["good", "a,b"]],
    )
    columns = csv_line(record_columns(("good", "a,b")))
    expected = b"".join([columns, *(record.to_csv(("good", "a,b")) for record in records)])
    assert lines.encode() == expected


def test_a_mask_is_drawn_where_it_is(address, open_page):
    page = open_page(address)
    draw = np.random.default_rng(3)
    for share in (0.0, 0.03, 0.5, 1.0):
        mask = draw.random((7, 11)) < share
        path = page.evaluate(
            "runs => import('./static/overlay.js').then((overlay) => overlay.maskPath(runs))",
            asdict(encode_runs(mask)),
        )
        drawn = np.zeros_like(mask)
        for x, y, width, height, _ in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z", path):
            part = (slice(int(y), int(y) + int(height)), slice(int(x), int(x) + int(width)))
            assert not drawn[part].any()
            drawn[part] = True
        assert (drawn == mask).all()


def test_the_zip_holds_the_overlays_of_predict(address, open_page, folder, predicted):
    files = sorted(folder.iterdir())
    page = open_page(address, allowed="422")
    choose(page, files)
    page.fill("#threshold-number", "0.5")
    options = ("--overlays", "all", "--overlay-format", "png", "--threshold", "0.5")
    out = predicted(folder, [file.name for file in files], *options)
    with zipfile.ZipFile(download(page, "#zip")) as made:
        assert made.testzip() is None
        overlays = {f"overlays/{file.name}": file.read_bytes() for file in out.glob("overlays/*")}
        assert len(overlays) == 6
        assert {name: made.read(name) for name in made.namelist()} == overlays


def test_the_zip_has_only_what_the_filter_shows(address, open_page, three, folder):
    page = open_page(address)
    choose(page, [*three, folder / "table.png"])
    page.check("input[name=kind][value=no_capsule]")
    playwright.expect(page.locator(".card")).to_have_count(1)
    with zipfile.ZipFile(download(page, "#zip")) as made:
        assert made.namelist() == ["overlays/table.png.png"]


def test_a_hostile_name_is_text(address, open_page, folder):
    page = open_page(address)
    choose(page, [folder / HOSTILE])
    assert page.locator(".card .name").inner_text() == HOSTILE
    page.click(".card .open")
    assert page.locator("#viewer-name").inner_text() == HOSTILE
    assert page.locator("img[src=x]").count() == 0


def test_the_page_asks_for_the_token_and_keeps_it(open_page, three, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    with running_server("--token-file", tmp_path / "token") as server:
        page = open_page(server.address, allowed="401")
        dialog = page.locator("#token")
        playwright.expect(dialog).to_be_visible()
        assert serious_faults(page) == []
        page.fill("#token-input", "a-wrong-token-of-a-kind")
        page.keyboard.press("Enter")
        playwright.expect(page.locator("#token-note")).to_contain_text("does not take that token")
        playwright.expect(dialog).to_be_visible()
        page.fill("#token-input", TOKEN)
        page.keyboard.press("Enter")
        playwright.expect(dialog).to_be_hidden()
        choose(page, three)
        page.reload()
        playwright.expect(page.locator("#model dt")).not_to_have_count(0)
        assert not dialog.is_visible()


def test_who_has_no_token_sees_why_nothing_is_inspected_and_can_try_again(
    open_page, three, tmp_path
):
    (tmp_path / "token").write_text(TOKEN)
    with running_server("--token-file", tmp_path / "token") as server:
        page = open_page(server.address, allowed="401")
        dialog = page.locator("#token")
        playwright.expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        playwright.expect(page.locator("#notice")).to_have_text("The server asks for a token.")
        page.set_input_files("#pick-files", three[:1])
        page.click("#token-cancel")
        playwright.expect(dialog).to_be_hidden()
        playwright.expect(page.locator(".card .error")).to_contain_text("asks for a token")
        page.click("#retry")
        page.fill("#token-input", TOKEN)
        page.keyboard.press("Enter")
        await_results(page, 1)
        assert page.locator(".card .error").count() == 0


def test_a_tiff_is_shown_as_the_server_draws_it(address, open_page, folder):
    page = open_page(address)
    choose(page, [folder / "t.tif"])
    thumbnail = page.locator(".card img")
    playwright.expect(thumbnail).to_be_visible()
    assert thumbnail.evaluate("image => image.decode().then(() => image.naturalWidth)") == 480
    page.click(".card .open")
    playwright.expect(page.locator(".sheet img")).to_be_visible()
    assert page.locator(".sheet img").evaluate("image => image.naturalWidth") == 600
    playwright.expect(page.locator("#viewer-facts")).to_contain_text("server draws it")


def test_a_folder_comes_with_its_paths_and_without_other_files(address, open_page, three, tmp_path):
    for name in ("line/x/1.png", "line/2.png", "line/.hidden/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(three[0], tmp_path / name)
    (tmp_path / "line/notes.txt").touch()
    page = open_page(address)
    page.set_input_files("#pick-folder", tmp_path / "line")
    await_results(page, 2)
    assert page.locator(".card .name").all_inner_texts() == ["line/2.png", "line/x/1.png"]


def test_pictures_can_be_dropped(address, open_page, three):
    page = open_page(address)
    dropped = page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png"));
          return transfer;
        }""",
        list(three[0].read_bytes()),
    )
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event("#drop", kind, {"dataTransfer": dropped})
    await_results(page, 1)
    assert page.locator(".card .name").inner_text() == "dropped.png"


def test_a_busy_server_is_asked_again(open_page, three):
    with running_server("--jobs", "1", "--queue", "0") as server:
        page = open_page(server.address, allowed="503")
        choose(page, three * 3)
        assert page.locator(".card .error").count() == 0
        assert " 503 " in server.log


def test_the_page_works_below_a_path(open_page, three):
    with (
        running_server("--root-path", "/capsules") as server,
        below_a_path(server.address.removesuffix("/capsules")) as address,
    ):
        page = open_page(address)
        choose(page, three)
        page.click("footer a")
        playwright.expect(page.locator(".route")).to_have_count(5)
        example = page.locator("#inspect_v1_inspect_post pre")
        playwright.expect(example).to_contain_text(f"{address}/v1/inspect")


def test_a_keyboard_opens_zooms_turns_and_comes_back(address, open_page, three):
    page = open_page(address)
    choose(page, three)
    first = page.locator(".card .open").first
    first.focus()
    page.keyboard.press("Enter")
    place, zoom = page.locator("#viewer-place"), page.locator("#zoom-now")
    playwright.expect(place).to_have_text("1 of 3")
    fitting = zoom.inner_text()
    page.keyboard.press("+")
    assert zoom.inner_text() != fitting
    page.keyboard.press("0")
    assert zoom.inner_text() == fitting
    overlay = page.locator("#stage .overlay")
    playwright.expect(overlay).to_be_visible()
    page.keyboard.press("o")
    playwright.expect(overlay).to_be_hidden()
    page.keyboard.press("o")
    page.keyboard.press("ArrowRight")
    playwright.expect(place).to_have_text("2 of 3")
    page.keyboard.press("Escape")
    playwright.expect(page.locator("#viewer")).to_be_hidden()
    playwright.expect(first).to_be_focused()


def test_the_overlay_fades(address, open_page, three):
    page = open_page(address)
    choose(page, three)
    opacity = page.locator(".side .overlay-opacity")
    opacity.fill("0.4")
    shown = page.locator(".card .overlay").first
    assert shown.evaluate("svg => getComputedStyle(svg).opacity") == "0.4"
    page.uncheck(".side .overlay-on")
    playwright.expect(shown).to_be_hidden()


def test_what_is_removed_is_gone(address, open_page, three):
    page = open_page(address)
    choose(page, three)
    page.click("#clear")
    playwright.expect(page.locator(".card")).to_have_count(0)
    playwright.expect(page.locator("#results")).to_be_hidden()
    choose(page, three[:1])


def test_the_page_says_which_model_it_is(address, open_page):
    page = open_page(address)
    about = page.locator("#model")
    for word in ("int8", "faulty_imprint", "NonCommercial", "capsule-inspect"):
        playwright.expect(about).to_contain_text(word)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_it_fits_and_everyone_can_use_it(width, scheme, address, open_page, folder):
    page = open_page(address, width, scheme, allowed="422")
    playwright.expect(page.locator("#model dt")).not_to_have_count(0)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 100) == (scheme == "dark")
    states = (
        lambda: None,
        lambda: choose(page, sorted(folder.iterdir())),
        page.locator(".card.has-defect .open").first.click,
        lambda: page.goto(f"{address}/docs"),
    )
    for reach in states:
        reach()
        page.locator("details").evaluate_all("all => all.forEach((each) => (each.open = true))")
        assert serious_faults(page) == []
        assert page.evaluate(WIDER_THAN_THE_SCREEN) == []
