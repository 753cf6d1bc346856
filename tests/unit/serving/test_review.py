import asyncio
import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("starlette")
httpx = pytest.importorskip("httpx")

from capsule_inspect.inference.corrections import CorrectionLog, read_corrections  # noqa: E402
from capsule_inspect.inference.records import read_records  # noqa: E402
from capsule_inspect.inference.review_queue import ReviewQueue, read_queue  # noqa: E402
from capsule_inspect.serving.options import ServeOptions  # noqa: E402
from capsule_inspect.serving.review import make_review_app  # noqa: E402
from capsule_inspect.serving.workers import Workers  # noqa: E402

HERE = "http://127.0.0.1:8001"
TOKEN = "0123456789abcdef"  # noqa: S105  (of this test alone)


@pytest.fixture
def results(invoke, paint, tiny_model, tmp_path):
    for name, label in (("a", "good"), ("b", "crack"), ("c", "scratch"), ("=<b>é'", "good")):
        paint(tmp_path / f"in/{name}.png", label)
    done = invoke("predict", "--model", tiny_model, tmp_path / "in", "-o", tmp_path / "out", "-q")
    assert done.exit_code == 0, done.err
    return tmp_path / "out"


@pytest.fixture
def queue(results) -> ReviewQueue:
    return read_queue(results)


class Client:
    """Asks an application, without a network between."""

    def __init__(self, app):
        self._app = app

    def request(self, method: str, place: str, **options):
        async def ask():
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, place, **options)

        return asyncio.run(ask())

    def get(self, place: str, **options):
        return self.request("GET", place, **options)

    def post(self, place: str, **options):
        return self.request("POST", place, **options)


@pytest.fixture
def connect(results):
    """Makes a client of a server for a queue."""
    opened = []

    def make(queue: ReviewQueue, **options) -> Client:
        log, workers = CorrectionLog(results / "corrections.csv"), Workers(2, 8)
        opened.append((log, workers))
        return Client(make_review_app(queue, log, "Anna", ServeOptions(**options), workers))

    yield make
    for log, workers in opened:
        workers.close()
        log.close()


@pytest.fixture
def client(connect, queue):
    return connect(queue)


def judge(client, item, label, reviewer="Anna", after=0, **more):
    body = {"item": item, "label": label, "reviewer": reviewer, "after": after}
    return client.post("/v1/corrections", json=body, **more)


def said(answer, status) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def labels(results):
    return [(line.reviewer, line.label) for line in read_corrections(results / "corrections.csv")]


def test_the_page_and_its_files_come_with_the_headers_that_protect_them(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("review_main.js", "review.js", "review.css", "dom.js", "token.js", "style.css"):
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
    assert "style=" not in page.text


def test_all_is_told_in_the_order_of_doubt(client, queue):
    run = client.get("/v1/review").json()
    assert [item["path"] for item in run["items"]] == [i.record.path for i in queue.items]
    assert run["classes"] == ["crack", "scratch"]
    assert (run["reviewer"], run["count"], run["labels"], run["left_out"]) == ("Anna", 0, {}, 0)
    assert run["items"][0]["overlay"] is True


def test_pictures_and_overlays_are_those_of_the_run(client, queue, results):
    for number, item in enumerate(queue.items):
        picture = client.get(f"/v1/pictures/{number}")
        assert picture.headers["content-type"] == "image/png"
        shown = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
        there = np.fromfile(item.record.path, np.uint8)
        assert (shown == cv2.imdecode(there, cv2.IMREAD_COLOR)).all()
        overlay = client.get(f"/v1/overlays/{number}")
        assert overlay.content == (results / item.record.overlay).read_bytes()


def test_a_judgement_is_on_the_disk_when_it_is_answered(client, queue, results):
    assert judge(client, 1, "crack").json() == {"count": 1, "labels": {"1": "crack"}}
    (line,) = read_corrections(results / "corrections.csv")
    assert line.key == queue.items[1].key
    assert (line.label_model, line.defect_score) == (
        queue.items[1].record.label,
        queue.items[1].record.defect_score,
    )
    assert judge(client, 1, "unsure", after=1).json() == {"count": 2, "labels": {"1": "unsure"}}
    assert client.get("/v1/review").json()["labels"] == {"1": "unsure"}


def test_two_reviewers_hear_of_each_other_and_undo_their_own(client, results):
    judge(client, 0, "good", "Anna")
    assert judge(client, 1, "crack", "Ben", after=0).json()["labels"] == {"0": "good", "1": "crack"}
    undo = {"reviewer": "Anna", "after": 1}
    assert client.post("/v1/undo", json=undo).json() == {
        "undone": 0,
        "count": 3,
        "labels": {"0": "", "1": "crack"},
    }
    assert client.post("/v1/undo", json=undo).json()["undone"] is None
    assert labels(results) == [("Anna", "good"), ("Ben", "crack"), ("Anna", "")]


def test_many_at_once_lose_nothing(client, results):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: judge(client, n % 4, "crack", f"R{n}"), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(labels(results)) == sorted((f"R{n}", "crack") for n in range(40))


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"label": "bent"}, 400, "The label must be one of: good, crack, scratch, unsure."),
        ({"label": ""}, 400, "The label must be one of"),
        ({"label": ["good"]}, 400, "The label must be one of"),
        ({"item": 4}, 404, "There is no such picture"),
        ({"item": -1}, 404, "There is no such picture"),
        ({"item": "../0"}, 404, "There is no such picture"),
        ({"item": None}, 404, "There is no such picture"),
        ({"reviewer": " "}, 400, "The reviewer needs a name"),
        ({"reviewer": "x" * 101}, 400, "The reviewer needs a name"),
        ({"reviewer": None}, 400, "The reviewer needs a name"),
    ],
)
def test_what_cannot_be_stored_is_a_sentence(client, results, body, status, sentence):
    sent = {"item": 0, "label": "good", "reviewer": "Anna", "after": "x", **body}
    assert said(client.post("/v1/corrections", json=sent), status).startswith(sentence)
    assert labels(results) == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 50_000, b"\xff"])
def test_a_broken_body_is_a_sentence(client, content):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/corrections", content=content, headers=headers)
    assert said(answer, 400) == "The body is no JSON object."


def test_a_huge_body_is_refused(client):
    headers = {"Content-Type": "application/json"}
    assert "bytes" in said(client.post("/v1/undo", content=b"x" * 70_000, headers=headers), 413)


def test_pages_of_other_sites_can_do_nothing(client, results):
    body = {"item": 0, "label": "good", "reviewer": "Eve", "after": 0}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert "another site" in said(
            client.post("/v1/corrections", json=body, headers=headers), 403
        )
        assert "another site" in said(client.post("/v1/undo", json=body, headers=headers), 403)
    plain = {"Content-Type": "text/plain"}
    said(client.post("/v1/corrections", content=json.dumps(body), headers=plain), 415)
    for place in ("/", "/v1/review", "/v1/pictures/0"):
        assert "not known as" in said(client.get(place, headers={"Host": "evil.example"}), 400)
    assert labels(results) == []


def test_a_token_opens_all_but_the_page(connect, queue):
    client = connect(queue, token=TOKEN)
    assert client.get("/").status_code == 200
    for place in ("/v1/review", "/v1/pictures/0", "/v1/overlays/0"):
        said(client.get(place), 401)
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get(place, headers=right).status_code == 200
    said(judge(client, 0, "good"), 401)


@pytest.mark.parametrize(
    "place",
    [
        "/static/..%2f..%2freview.py",
        "/static/../../review.py",
        "/static/",
        "/static/index.html",
        "/v1/pictures/../../etc/passwd",
        "/v1/pictures/%2e%2e%2f0",
        "/v1/pictures/99",
        "/v1/pictures/-1",
        "/v1/overlays/1e1",
        "/docs",
    ],
)
def test_other_paths_lead_nowhere(client, place):
    said(client.get(place), 404)


@pytest.mark.parametrize(
    "name", ["../secret.png", "overlays/../../secret.png", "/etc/passwd", "run.json", "link"]
)
def test_an_overlay_comes_from_its_folder_alone(connect, queue, results, tmp_path, name):
    (tmp_path / "secret.png").write_bytes(b"secret")
    if name == "link":
        (results / "overlays/x.png").symlink_to(tmp_path / "secret.png")
        name = "overlays/x.png"
    item = queue.items[0]
    hostile = replace(item, record=replace(item.record, overlay=name))
    client = connect(replace(queue, items=(hostile,)))
    assert "has no overlay" in said(client.get("/v1/overlays/0"), 404)


def test_only_the_picture_that_was_inspected_is_shown(client, queue, paint, tmp_path):
    paths = [item.record.path for item in queue.items]
    changed, gone = paths.index(str(tmp_path / "in/a.png")), paths.index(str(tmp_path / "in/b.png"))
    paint(tmp_path / "in/a.png", "scratch")
    (tmp_path / "in/b.png").unlink()
    assert "is another picture than the one" in said(client.get(f"/v1/pictures/{changed}"), 409)
    assert "does not exist" in said(client.get(f"/v1/pictures/{gone}"), 404)


def test_a_row_that_names_another_file_does_not_show_it(connect, queue):
    item = queue.items[0]
    hostile = replace(item, record=replace(item.record, path="/etc/passwd"))
    assert "another picture" in said(
        connect(replace(queue, items=(hostile,))).get("/v1/pictures/0"), 409
    )


def test_a_full_disk_is_a_sentence_and_work_goes_on(client, results, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("capsule_inspect.inference.corrections.os.fsync", full)
        assert "No space left on device. Make room" in said(judge(client, 0, "good"), 507)
    assert judge(client, 0, "good").status_code == 200
    assert labels(results) == [("Anna", "good")]


def test_records_are_untouched(client, results):
    before = (results / "predictions.csv").read_bytes()
    judge(client, 0, "crack")
    assert (results / "predictions.csv").read_bytes() == before
    assert len(read_records(results / "predictions.csv")) == 4
