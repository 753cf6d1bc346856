"""The pages in a real browser: nothing wider than the screen, no error, no request; they sort."""

import html
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_browser import CHROMIUM

from capsule_inspect.choices import SHIPPED_MODEL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]

# Runs in the page: sorts the first table by its third column, filters it, and measures the layout.
PROBE = """
<script>
"use strict";
const wide = Array.from(document.querySelectorAll("main *"))
  .filter((each) => !each.closest(".scroll") && !each.closest("svg"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 80));
const broken = Array.from(document.images).filter((each) => each.complete && !each.naturalWidth);
const table = document.querySelector("[data-sortable]");
let sorted = [], shown = null;
if (table) {
  table.querySelectorAll("thead button")[2].click();
  sorted = Array.from(table.querySelectorAll("tbody tr")).map((row) => row.cells[2].textContent);
  const search = table.querySelector("input");
  search.value = table.querySelector("tbody td").textContent;
  search.dispatchEvent(new Event("input"));
  shown = Array.from(table.querySelectorAll("tbody tr")).filter((row) => !row.hidden).length;
}
const found = {
  wide, sorted, shown, broken: broken.length, width: innerWidth,
  ground: getComputedStyle(document.body).backgroundColor,
  loaded: performance.getEntriesByType("resource").map((each) => each.name.slice(0, 40)),
};
parent.postMessage(JSON.stringify(found), "*");
</script>
"""

# A headless window is never as narrow as a phone, a frame is.
FRAME = """
<iframe src="page.html" width="{width}" height="900" style="border: 0"></iframe>
<script>
onmessage = (event) => { document.title = "PROBE" + event.data + "EBORP"; };
</script>
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory, drawn_folder, command) -> dict[str, Path]:
    """Each page, made by its command."""
    folder = tmp_path_factory.mktemp("pages")
    verdicts = folder / "inspectors.csv"
    verdicts.write_text("image,inspector,label\n" + "".join(_verdicts(drawn_folder)))
    evaluate = ("evaluate", SHIPPED_MODEL, "--data", folder / "data", "--split", "all")
    for arguments in (
        ("prepare", drawn_folder, folder / "data"),
        (*evaluate, "-o", folder / "evaluation", "--against", verdicts),
        ("predict", drawn_folder / "test", "-r", "-o", folder / "batch", "--report"),
    ):
        done = command(*arguments)
        assert done.returncode == 0, done.stderr
    return {
        "dataset": folder / "data/dataset.html",
        "evaluation": folder / "evaluation/report.html",
        "agreement": folder / "evaluation/agreement.html",
        "batch": folder / "batch/report.html",
    }


def _verdicts(folder: Path) -> Iterator[str]:
    """Yields lines of two inspectors; Ben takes each scratch for a good capsule."""
    for path in sorted(folder.glob("t*/*/*.png")):
        label = path.parent.name
        name = path.relative_to(folder).as_posix()
        yield f"{name},Anna,{label}\n"
        yield f"{name},Ben,{'good' if label in {'good', 'scratch'} else 'defective'}\n"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["dataset", "evaluation", "agreement", "batch"])
def test_a_page_fits_works_and_asks_for_nothing(name, width, dark, pages, tmp_path):
    page = pages[name].read_text(encoding="utf-8")
    probed = page.replace("</body>", f"{PROBE}</body>")
    (tmp_path / "page.html").write_text(probed, encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.replace("{width}", str(width)), encoding="utf-8")
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
        "--window-size=1400,900",
    ]
    if dark:
        options.append("--blink-settings=preferredColorScheme=0")
    done = subprocess.run(
        [str(CHROMIUM), *options, "--virtual-time-budget=4000", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr
    found = json.loads(html.unescape(re.search("PROBE(.*)EBORP", done.stdout)[1]))
    assert found["width"] == width
    assert found["wide"] == []
    assert found["broken"] == 0
    assert found["loaded"] == []
    assert (sum(map(int, re.findall(r"\d+", found["ground"]))) < 100) == dark
    if name in {"evaluation", "batch"}:
        assert len(set(found["sorted"])) > 1
        assert found["sorted"] == sorted(found["sorted"])
        assert found["shown"] == 1
