import json
from math import log

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.records import Record
from capsule_inspect.inference.review_queue import order_for_review, read_queue


def row(path: str, score: float, capsule: int = 0, warning: str = "") -> Record:
    label = "crack" if score >= 0.5 else "good"
    shares = (1 - score, score)
    return Record(path, "ok", capsule, label, max(shares), score, 0.5, shares, warning=warning)


def order(*rows: Record) -> list[str]:
    return [item.record.path for item in order_for_review(rows, {r.path: "d" * 64 for r in rows})]


def test_what_is_near_the_threshold_comes_first():
    assert order(row("a", 0.01), row("b", 0.4), row("c", 0.999), row("d", 0.55)) == [
        "d",
        "b",
        "a",
        "c",
    ]


def test_the_doubt_is_the_distance_of_logits_less_2_with_a_warning():
    rows = (row("a", 0.8), row("b/c", 0.8, warning="Blurred."), Record("d/e", "no_capsule"))
    items = {
        i.record.path: i for i in order_for_review(rows, dict.fromkeys(["a", "b/c", "d/e"], "x"))
    }
    assert items["a"].doubt == pytest.approx(log(4))
    assert items["b/c"].doubt == pytest.approx(log(4) - 2)
    assert items["d/e"].doubt == -2
    assert items["d/e"].reasons == ("No capsule is found.",)


def test_scores_of_0_and_1_have_a_place_too():
    assert order(row("a", 0.0), row("c", 0.9), row("d", 0.2), row("e", 1.0))[:2] == ["d", "c"]


def test_a_picture_that_its_neighbours_contradict_is_looked_at_earlier():
    rows = [row(f"s/{n}.png", score) for n, score in enumerate((0.1, 0.1, 0.9, 0.1, 0.1))]
    items = order_for_review(rows, {r.path: "x" for r in rows})
    assert items[0].record.path == "s/2.png"
    assert items[0].reasons == ("The pictures before and after it are judged otherwise.",)
    assert [item.reasons for item in items[1:]] == [()] * 4


def test_neighbours_are_of_the_same_folder_and_in_the_order_of_numbers():
    def odd(*rows: Record) -> set[str]:
        items = order_for_review(rows, {r.path: "x" for r in rows})
        return {item.record.path for item in items if item.reasons}

    assert odd(row("a/1", 0.05), row("a/2", 0.95), row("b/1", 0.05)) == set()
    # As text, 10 stands between 1 and 9.
    assert odd(row("s/1", 0.05), row("s/10", 0.95), row("s/9", 0.05), row("s/11", 0.95)) == set()
    assert odd(row("s/8", 0.05), row("s/9", 0.95), row("s/10", 0.05)) == {"s/9"}
    broken = Record("s/2", "error", error="No.")
    assert odd(row("s/1", 0.05), broken, row("s/3", 0.95), row("s/4", 0.05)) == set()


def test_each_capsule_is_judged_and_unreadable_pictures_are_not():
    rows = (
        row("a", 0.4),
        row("a", 0.9, capsule=1),
        Record("b", "error", error="No."),
        row("c", 0.1),
    )
    items = order_for_review(rows, {"a": "1" * 64, "b": "", "c": ""})
    assert [(i.record.path, i.record.capsule, i.capsules) for i in items] == [
        ("a", 0, 2),
        ("a", 1, 2),
    ]
    judged = items[0].judge("Anna", "good")
    assert (judged.key, judged.capsules, judged.label_model) == (("a", 0, "1" * 64), 2, "good")
    assert (judged.defect_score, judged.reviewer, judged.label) == (0.4, "Anna", "good")


@pytest.fixture
def results(invoke, paint, tiny_model, tmp_path):
    for name, label in (("a", "good"), ("b", "crack"), ("c", "scratch")):
        paint(tmp_path / f"in/{name}.png", label)
    (tmp_path / "in/d.png").write_text("no picture")
    invoke("predict", "--model", tiny_model, tmp_path / "in", "-o", tmp_path / "out", "-q")
    return tmp_path / "out"


def test_a_finished_run_is_read(results):
    queue = read_queue(results)
    assert queue.classes == ("good", "crack", "scratch")
    assert {item.record.path[-5:] for item in queue.items} == {"a.png", "b.png", "c.png"}
    assert queue.left_out == 1
    assert all(len(item.picture_sha256) == 64 for item in queue.items)


def test_other_folders_are_refused_in_a_sentence(results, tmp_path):
    with pytest.raises(UsageError, match="is no results folder of predict"):
        read_queue(tmp_path / "in")
    run = json.loads((results / "run.json").read_text())
    (results / "run.json").write_text(json.dumps({**run, "classes": "good"}))
    with pytest.raises(UsageError, match=r"run\.json' is damaged"):
        read_queue(results)
    del run["digests"]
    (results / "run.json").write_text(json.dumps(run))
    with pytest.raises(UsageError, match="has not finished"):
        read_queue(results)


def test_without_digests_nobody_knows_what_was_judged(results):
    (results / "digests.csv").unlink()
    queue = read_queue(results)
    assert (queue.items, queue.left_out) == ((), 4)
