import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.inference.corrections import COLUMNS
from capsule_inspect.inference.digests import DigestWriter, PictureDigests, read_chain
from capsule_inspect.inference.drift import Shift
from capsule_inspect.inference.records import Record
from capsule_inspect.pages.batch_page import make_batch_page


def row(path: str, label: str, score: float, **more) -> Record:
    confidence = 1 - score if label == "good" else score
    return Record(
        path,
        "ok",
        0,
        label,
        confidence,
        score,
        0.5,
        (1 - score, score),
        overlay=f"overlays/{Path(path).name}.png",
        **more,
    )


@pytest.fixture
def folder(tmp_path, save_picture):
    for number, name in enumerate(("a.png", "b.png", "c.png", "d.png")):
        picture = np.full((40, 60, 3), 40 * number, np.uint8)
        save_picture(tmp_path / "overlays" / f"{name}.png", picture)
    return tmp_path


ROWS = (
    row("pics/a.png", "good", 0.1),
    row("pics/b.png", "crack", 0.7, defect_area_pct=1.25),
    row("pics/c.png", "crack", 0.9, warning="The picture is blurred."),
    row("pics/d.png", "good", 0.4),
    Record("pics/e.png", "no_capsule"),
    Record("pics/f.png", "error", error="It is <b>damaged</b>."),
)


def section(page: str, anchor: str) -> str:
    """What stands between a heading and the next."""
    return page.split(f'id="{anchor}"')[1].split("<h2", maxsplit=1)[0]


def titles_in(text: str) -> list[tuple[str, str]]:
    """The colour and the title of each card."""
    return re.findall(r'<span class="(good|defect)">([^<]*)</span>', text)


def names_in(text: str) -> list[str]:
    return re.findall(r'<p class="path">([^<]*)</p>', text)


def test_galleries_begin_with_what_matters_most(folder):
    page = make_batch_page(folder, ROWS, "Model x.")
    assert names_in(section(page, "defects")) == ["c.png", "b.png"]
    assert names_in(section(page, "doubtful")) == ["c.png", "e.png", "f.png"]
    assert names_in(section(page, "close")) == ["d.png", "a.png"]
    assert titles_in(section(page, "defects")) == [("defect", "crack")] * 2
    assert titles_in(section(page, "close")) == [("good", "good")] * 2
    assert "The picture is blurred." in section(page, "doubtful")
    assert "Inspection of 6 pictures" in page
    assert "Model x. The pictures are in pics/" in page


def test_facts_count_pictures_and_capsules(folder):
    page = make_batch_page(folder, ROWS, "")
    facts = re.findall(r"<b>([^<]*)</b><span>([^<]*)</span>(?:<span>([^<]*)</span>)?", page)
    assert facts == [
        ("4", "capsules", ""),
        ("2", "defective", "50.0 % of capsules"),
        ("2", "good", ""),
        ("2", "crack", ""),
        ("1", "without a capsule", ""),
        ("1", "not readable", ""),
        ("1", "with a warning", ""),
    ]


def test_a_model_of_whole_pictures_speaks_of_pictures(folder):
    whole = make_batch_page(folder, ROWS[:4], "", subject="picture")
    assert "capsule" not in re.sub("capsule-inspect|Written by.*", "", whole.split("<body")[1])
    assert "50.0 % of pictures" in whole
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", section(whole, "rows").split("<tr ")[2])
    assert cells[:3] == ["b.png", "crack", "0.700"]


def test_scores_are_drawn_with_the_threshold(folder):
    page = make_batch_page(folder, ROWS, "")
    titles = re.findall(r"<figcaption>([^<]*)</figcaption>\s*<svg", page)
    assert titles == ["Defect scores"]
    assert "threshold 0.5" in page


def test_the_table_has_every_row(folder):
    table = section(make_batch_page(folder, ROWS, ""), "rows")
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in table.split("<tr ")[1:]]
    assert cells[1] == ["b.png", "0", "crack", "0.700", "0.700", "1.25", ""]
    assert cells[4][:4] == ["e.png", "", "no capsule", ""]
    assert len(cells) == 6
    assert re.findall(r"<option value=\"([^\"]+)\">", table) == [
        "error",
        "label: crack",
        "label: good",
        "no capsule",
        "with a warning",
    ]


def test_what_a_file_says_is_text_and_nothing_is_loaded(folder):
    rows = (*ROWS, row("pics/<i>.png", "good", 0.2))
    page = make_batch_page(folder, rows, "<script>alert(1)</script>")
    assert "It is &lt;b&gt;damaged&lt;/b&gt;." in page
    assert "<script>alert" not in page
    assert "&lt;i&gt;.png" in page
    assert "<i>" not in page
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len([a for a in addresses if a.startswith("data:image/jpeg;base64,")]) == 5
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "http" not in page.replace("http-equiv", "")


def test_drift_is_said_in_words_and_shown_in_numbers(folder):
    drift = (Shift("red", 144.72, 106.71, 133.46), Shift("ood_score", 6.6, 0.3, 6.04))
    page = make_batch_page(folder, ROWS, "", drift)
    assert (
        "These pictures differ from the training pictures: redder. Labels are less reliable."
        in page
    )
    (table,) = re.findall(r"<table>\n<thead><tr><th>median of</th>.*?</table>", page, re.S)
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in table.split("<tr>")[2:]]
    assert cells == [["red", "144.7", "106.7 to 133.5"], ["ood score", "6.6", "0.3 to 6.0"]]
    assert "training pictures" not in make_batch_page(folder, ROWS, "")


def test_without_overlays_the_pictures_themselves_are_shown(tmp_path, save_picture):
    file = save_picture(tmp_path / "pics/a.png", np.zeros((20, 30, 3), np.uint8))
    rows = [Record(str(file), "ok", 0, "good", 0.9, 0.1, 0.5, (0.9, 0.1))]
    page = make_batch_page(tmp_path, rows, "")
    assert page.count("<img ") == 1
    file.unlink()
    page = make_batch_page(tmp_path, rows, "")
    assert page.count("<img ") == 0
    assert names_in(section(page, "close")) == ["a.png"]


def test_a_large_batch_leaves_out_good_rows_and_says_so(folder):
    rows = [row(f"pics/{number:04}.png", "good", 0.1) for number in range(5000)]
    rows += [row(f"pics/{number:04}.png", "crack", 0.9) for number in range(5000, 5070)]
    rows += [Record(f"pics/{number}.png", "no_capsule") for number in range(6000, 6030)]
    page = make_batch_page(folder, rows, "")
    assert "And 10 more." in section(page, "defects")
    assert "And 6 more." in section(page, "doubtful")
    assert "100 more rows are only in predictions.csv" in page
    assert page.count("<tr ") == 5000
    assert page.count('data-group="label: crack"') == 70
    assert page.count('data-group="no capsule"') == 30


def test_capsules_of_one_picture_are_told_apart(folder):
    rows = [row("pics/a.png", "crack", 0.9), replace(row("pics/a.png", "crack", 0.8), capsule=1)]
    page = make_batch_page(folder, rows, "")
    assert "Inspection of 1 picture<" in page
    assert page.count("Capsule 1.") == 1


def test_a_lost_overlay_gives_way_to_the_picture(tmp_path, save_picture):
    file = save_picture(tmp_path / "pics/a.png", np.zeros((20, 30, 3), np.uint8))
    rows = [row(str(file), "good", 0.1)]
    assert make_batch_page(tmp_path, rows, "").count("<img ") == 1
    assert make_batch_page(tmp_path, rows, "", max_pixels=599).count("<img ") == 0


def test_names_that_are_not_text_are_spelled(folder):
    page = make_batch_page(folder, ROWS, "Model m\udcff.tflite.")
    assert "Model m\\udcff.tflite." in page
    assert page.encode()


def test_nothing_but_unreadable_files_is_a_page_too(folder):
    page = make_batch_page(folder, [ROWS[-1]], "")
    assert "No capsule is defective." in page
    assert "<svg" not in page


@pytest.fixture
def digested(folder):
    """The folder with digests of all pictures but one, and with the settings of its run."""
    with DigestWriter(folder / "digests.csv", read_chain(folder / "digests.csv"), 0) as writer:
        for number, name in enumerate("abc"):
            digests = PictureDigests(f"pics/{name}.png", f"{number}" * 64, "", "", "", "", "")
            writer.write(digests)
    run = {"made_by": "capsule-inspect predict", "classes": ["good", "crack", "unsure"]}
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def review_in(page: str) -> dict[str, object]:
    return json.loads(re.search(r'id="review-data">(.*?)</script>', page)[1])


def test_what_the_page_shows_can_be_judged_doubtful_first(digested):
    review = review_in(make_batch_page(digested, ROWS, ""))
    assert review["columns"] == list(COLUMNS)
    assert review["classes"] == ["crack"]
    # Of logits 2.2 with a warning, 0.8, and -2.2.
    assert [item["path"] for item in review["items"]] == ["pics/c.png", "pics/b.png", "pics/a.png"]
    first = next(item for item in review["items"] if item["path"] == "pics/b.png")
    assert (first["row"], first["score"], first["defect_score"]) == (1, "0.7", 0.7)
    assert (first["capsule"], first["capsules"], first["label_model"]) == (0, 1, "crack")
    assert first["picture_sha256"] == "1" * 64


def test_the_script_finds_the_picture_of_each_row(digested):
    page = make_batch_page(digested, ROWS, "")
    for item in review_in(page)["items"]:
        assert f'<article class="card" data-row="{item["row"]}">' in page


def test_a_hostile_name_stays_within_its_data(digested):
    hostile = "pics/</script><script>alert(1)</script>.png"
    with DigestWriter(digested / "digests.csv", read_chain(digested / "digests.csv"), 3) as writer:
        writer.write(PictureDigests(hostile, "9" * 64, "", "", "", "", ""))
    rows = (*ROWS, replace(row(hostile, "good", 0.45), overlay="overlays/a.png.png"))
    page = make_batch_page(digested, rows, "")
    assert "<script>alert" not in page
    assert hostile in {item["path"] for item in review_in(page)["items"]}


def test_without_digests_there_is_nothing_to_judge(folder):
    page = make_batch_page(folder, ROWS, "")
    assert "review-data" not in page
    assert "startReview" not in page
