"""`capsule-inspect serve`: a real server, asked by a real client."""

import base64
import csv
import http.client
import io
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from odd_files import make_odd_files
from running_server import Server, running_server

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")

from capsule_inspect import __version__  # noqa: E402  (after what may be missing)
from capsule_inspect.drawing.capsules import draw_capsule  # noqa: E402

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with the model that ships."""
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def client(server) -> Iterator["httpx.Client"]:
    with httpx.Client(base_url=server.address, timeout=60) as each:
        yield each


@pytest.fixture(scope="module")
def corpus(drawn_folder, tmp_path_factory) -> Path:
    """Drawn capsules, and files that are odd or no pictures."""
    folder = tmp_path_factory.mktemp("corpus")
    pictures = sorted(drawn_folder.glob("test/*/*.png"))
    for number, picture in enumerate(pictures[:: max(1, len(pictures) // 12)][:12]):
        (folder / f"drawn{number:02}.png").write_bytes(picture.read_bytes())
    odd = tmp_path_factory.mktemp("odd") / "files"
    make_odd_files(odd, draw_capsule("good", 7).picture)
    for path in odd.iterdir():
        if path.is_file() and not path.is_symlink():  # what a client can send
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def said(command: str, *arguments: object) -> bytes:
    """Runs a command; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "capsule_inspect", command, *map(str, arguments)],
        capture_output=True,
        check=False,
    )
    assert done.returncode in {0, 3}, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory) -> dict[str, str]:
    """The row that `predict --json` prints for each file, with its name for the path."""
    out = tmp_path_factory.mktemp("expected") / "out"
    files = sorted(path for path in corpus.iterdir() if path.is_file())
    lines = said("predict", *files, "--json", "--overlays", "none", "-o", out).decode()
    rows: dict[str, str] = {}
    for line in lines.splitlines():
        path = Path(json.loads(line)["path"])
        # Errors name the file by its path as well.
        rows[path.name] = rows.get(path.name, "") + line.replace(f"{corpus}/", "") + "\n"
    assert len(rows) == len(files)
    assert {json.loads(row.splitlines()[0])["status"] for row in rows.values()} >= {"ok", "error"}
    return rows


def as_lines(answer: "httpx.Response") -> str:
    """Returns the rows of a JSON answer as `predict --json` prints them."""
    assert answer.status_code == 200, answer.text
    return "".join(f"{json.dumps(row)}\n" for row in answer.json()["rows"])


def test_rows_of_a_form_are_those_of_predict(client, corpus, expected):
    files = [("any name", (name, (corpus / name).read_bytes())) for name in expected]
    answer = client.post("/v1/inspect", files=files)
    assert answer.headers["content-type"] == "application/json"
    assert as_lines(answer) == "".join(expected.values())
    rows = answer.text.partition('"rows": [')[2].rpartition("]}")[0]
    assert rows == ", ".join("".join(expected.values()).splitlines())  # to the digit


def test_rows_come_as_lines_as_well(client, corpus, expected):
    files = [("file", (name, (corpus / name).read_bytes())) for name in expected]
    with client.stream(
        "POST", "/v1/inspect", files=files, headers={"Accept": "application/x-ndjson"}
    ) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert "".join(answer.iter_text()) == "".join(expected.values())


def test_a_picture_alone_has_the_same_row_and_an_unreadable_one_is_a_problem(
    client, corpus, expected
):
    for name, row in expected.items():
        content = (corpus / name).read_bytes()
        answer = client.post(
            "/v1/inspect", params={"name": name}, content=content, headers=RAW | {"X-Nothing": ""}
        )
        if not content:
            assert (answer.status_code, answer.json()["detail"]) == (
                400,
                "The body is empty. Send a picture.",
            )
        elif json.loads(row.splitlines()[0])["status"] == "error":
            problem = answer.json()
            assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
            assert problem["detail"] == json.loads(row)["error"]
            assert (problem["status"], problem["title"]) == (422, "Unprocessable Entity")
        else:
            assert as_lines(answer) == row


RAW = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def capsule(corpus) -> bytes:
    return (corpus / "drawn00.png").read_bytes()


def test_csv_is_that_of_predict(client, corpus, tmp_path):
    names = [f"drawn{number:02}.png" for number in range(12)]
    files = [("f", (name, (corpus / name).read_bytes())) for name in names]
    answer = client.post("/v1/inspect", files=files, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    said("predict", *(corpus / n for n in names), "--overlays", "none", "-o", tmp_path / "out")
    told = (tmp_path / "out/predictions.csv").read_text().replace(f"{corpus}/", "")
    assert answer.text == told


@pytest.mark.parametrize(
    ("accept", "extension"), [("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp")]
)
def test_the_overlay_can_be_the_answer(client, corpus, capsule, tmp_path, accept, extension):
    answer = client.post("/v1/inspect", content=capsule, headers=RAW | {"Accept": accept})
    assert answer.headers["content-type"] == accept
    said("predict", corpus / "drawn00.png", "-o", tmp_path / "o", "--overlay-format", extension)
    assert answer.content == (tmp_path / f"o/overlays/drawn00.png.{extension}").read_bytes()


def test_overlays_and_masks_come_with_json(client, corpus, capsule, tmp_path):
    answer = client.post(
        "/v1/inspect?overlay=true&mask=png&name=drawn00.png", content=capsule, headers=RAW
    ).json()
    said("predict", corpus / "drawn00.png", "-o", tmp_path / "o", "--masks")
    assert {name: base64.b64decode(data) for name, data in answer["files"].items()} == {
        name: (tmp_path / "o" / name).read_bytes()
        for name in ("overlays/drawn00.png.png", "masks/drawn00.png.png")
    }
    (row,) = answer["rows"]
    assert (row["overlay"], row["mask"]) == tuple(answer["files"])


def test_run_lengths_are_the_mask(client, corpus, expected, tmp_path):
    rows = (json.loads(expected[f"drawn{number:02}.png"]) for number in range(12))
    name = next(row["path"] for row in rows if row["defect_area_px"])
    content = (corpus / name).read_bytes()
    answer = client.post("/v1/inspect?mask=rle", content=content, headers=RAW).json()
    (runs,) = answer["masks"]
    pixels = np.concatenate([np.full(n, i % 2) for i, n in enumerate(runs["counts"])])
    mask = pixels.reshape(runs["size"], order="F")
    said("predict", corpus / name, "-o", tmp_path / "o", "--masks")
    told = cv2.imread(str(tmp_path / f"o/masks/{name}.png"), cv2.IMREAD_UNCHANGED)
    assert mask.sum() == answer["rows"][0]["defect_area_px"] > 0
    np.testing.assert_array_equal(mask, told > 0)


def test_the_threshold_of_a_request_decides_it_alone(client, corpus, capsule, tmp_path):
    for threshold in (0, 0.5, 1):
        answer = client.post(f"/v1/inspect?threshold={threshold}", content=capsule, headers=RAW)
        out = tmp_path / str(threshold)
        path = corpus / "drawn00.png"
        told = said(
            "predict", path, "--json", "--overlays", "none", "-o", out, "--threshold", threshold
        )
        assert as_lines(answer).replace("picture.png", str(path)) == told.decode()
    model = client.get("/v1/model").json()
    assert (
        client.post("/v1/inspect", content=capsule, headers=RAW).json()["threshold"]
        == model["metadata"]["operating_point"]["threshold"]
    )


def test_the_model_is_what_info_says(client):
    assert client.get("/v1/model").json() == json.loads(said("info", "--json"))


def test_every_answer_says_what_a_browser_may_do_with_it(client, capsule):
    for path in ("/", "/docs", "/static/style.css", "/v1/model", "/nowhere"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers
    for path in ("/", "/static/style.css"):
        assert client.get(path).headers["cache-control"] == "no-cache"
    answer = client.post("/v1/inspect", content=capsule, headers=RAW)
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "Accept")


def test_http_as_others_speak_it(client, server, capsule):
    head = client.head("/health/live")
    assert (head.status_code, head.content) == (200, b"")
    assert client.get("/health/live/").status_code == 404
    several = [("Content-Type", "image/png"), ("Accept", "text/html"), ("Accept", "text/csv")]
    answer = client.post("/v1/inspect", content=capsule, headers=several)
    assert answer.headers["content-type"].startswith("text/csv")
    with server.connect() as connection:
        connection.sendall(b"GET http://localhost/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_client_that_left_is_counted_as_such(capsule):
    files = [("f", (f"{number}.png", capsule)) for number in range(60)]
    with running_server("--jobs", 1) as running:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{running.address}/v1/inspect", files=files, timeout=0.3)
        series = (
            'capsule_inspect_requests_total{method="POST",route="/v1/inspect",status="499"} 1.0'
        )
        for _ in range(50):
            if series in (text := httpx.get(f"{running.address}/metrics").text):
                break
            time.sleep(0.1)
        assert series in text


def test_health_and_documents(client):
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}
    document = client.get("/openapi.json").json()
    assert document["info"]["version"] == __version__
    assert {"/v1/inspect", "/v1/model", "/health/live", "/health/ready", "/metrics"} == set(
        document["paths"]
    )
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert all(path in page.text for path in document["paths"])


def measured(client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_metrics_count_what_was_asked_and_found(corpus, expected):
    names = [f"drawn{number:02}.png" for number in range(12)]
    rows = [json.loads(expected[name]) for name in names]
    with running_server() as fresh, httpx.Client(base_url=fresh.address) as client:
        files = [("f", (name, (corpus / name).read_bytes())) for name in names]
        client.post("/v1/inspect", files=[*files, ("f", ("bad.png", b"bad"))])
        client.get("/no/such/page")
        client.get("/another")
        found = measured(client)
    inspected = 'capsule_inspect_requests_total{method="POST",route="/v1/inspect",status="200"}'
    assert found[inspected] == 1
    assert found['capsule_inspect_requests_total{method="GET",route="none",status="404"}'] == 2
    for label in {row["label"] for row in rows}:
        count = sum(row["label"] == label for row in rows)
        assert found[f'capsule_inspect_rows_total{{label="{label}",status="ok"}}'] == count
    assert found['capsule_inspect_rows_total{label="",status="error"}'] == 1
    assert found["capsule_inspect_defect_score_count"] == 12
    below = sum(row["defect_score"] <= 0.5 for row in rows)
    assert found['capsule_inspect_defect_score_bucket{le="0.5"}'] == below
    assert found['capsule_inspect_stage_seconds_count{stage="inspect"}'] == 13
    assert found["capsule_inspect_queue"] == found["capsule_inspect_in_work"] == 0
    assert found['capsule_inspect_median{quantity="length"}'] > 0
    for name in ("red", "green", "blue", "length", "sharpness", "ood_score"):
        median = found[f'capsule_inspect_median{{quantity="{name}"}}']
        low = found[f'capsule_inspect_training_low{{quantity="{name}"}}']
        high = found[f'capsule_inspect_training_high{{quantity="{name}"}}']
        drift = found[f'capsule_inspect_drift{{quantity="{name}"}}']
        assert drift == (not low <= median <= high)


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (("POST", "/v1/inspect", {"content": b"x"}), 415, "The content type is ''"),
        (("POST", "/v1/inspect", {"data": {"a": "b"}}), 415, "x-www-form-urlencoded"),
        (("POST", "/v1/inspect", {"json": {}}), 415, "application/json"),
        (("POST", "/v1/inspect?threshold=2", {"content": b"x", "headers": RAW}), 400, "threshold"),
        (("POST", "/v1/inspect?mask=jpg", {"content": b"x", "headers": RAW}), 400, "mask"),
        (("POST", "/v1/inspect?threshold=nan", {"content": b"x", "headers": RAW}), 400, "finite"),
        (("POST", "/v1/inspect", {"content": b"", "headers": RAW}), 400, "body is empty"),
        (("POST", "/v1/inspect", {"files": {"a": (None, "text")}}), 400, "has no file name"),
        (
            (
                "POST",
                "/v1/inspect",
                {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            ),
            400,
            "boundary",
        ),
        (
            ("POST", "/v1/inspect", {"content": b"x", "headers": RAW | {"Accept": "text/html"}}),
            406,
            "Accept application/json",
        ),
        (("GET", "/v1/inspect", {}), 405, "Method Not Allowed"),
        (("GET", "/nowhere", {}), 404, "/nowhere"),
        (("GET", "/static/%2e%2e/reference.html", {}), 404, "Not Found"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_document(client, request_, status, sentence):
    method, path, more = request_
    answer = client.request(method, path, **more)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    problem = answer.json()
    assert sentence in problem["detail"]
    assert problem["status"] == status
    assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"


def test_several_pictures_have_no_single_overlay(client, capsule):
    files = [("a", ("a.png", capsule)), ("b", ("b.png", capsule))]
    answer = client.post("/v1/inspect", files=files, headers={"Accept": "image/png"})
    assert answer.status_code == 400
    assert "Only one picture" in answer.json()["detail"]


def test_an_answer_larger_than_a_request_may_be_is_refused():
    jpeg = cv2.imencode(".jpg", draw_capsule("crack", 7, 1000).picture)[1].tobytes()
    files = [("f", (f"{number}.jpg", jpeg)) for number in range(6)]
    megabytes = 6.5 * len(jpeg) / 1e6  # the pictures fit, and their overlays as PNG do not
    with running_server("--max-mb", megabytes) as running:
        url = f"{running.address}/v1/inspect"
        assert httpx.post(url, files=files, timeout=30).status_code == 200
        answer = httpx.post(f"{url}?overlay=true", files=files, timeout=30)
        assert (answer.status_code, "Send fewer pictures" in answer.text) == (413, True)
        assert httpx.post(f"{url}?overlay=true", files=files[:1]).status_code == 200


def test_pictures_of_one_name_keep_files_of_their_own(client, capsule):
    other = cv2.imencode(".png", draw_capsule("good", 7).picture)[1].tobytes()
    files = [("a", ("a.png", capsule)), ("a", ("a.png", other))]
    answer = client.post("/v1/inspect?overlay=1", files=files).json()
    assert [row["path"] for row in answer["rows"]] == ["a.png", "a.png"]
    assert len({row["overlay"] for row in answer["rows"]}) == 2 == len(answer["files"])


def test_many_clients_at_once_get_their_own_rows(server, corpus, expected):
    names = [f"drawn{number:02}.png" for number in range(12)]

    def ask(number: int) -> bool:
        name = names[number % len(names)]
        answer = httpx.post(
            f"{server.address}/v1/inspect?name={name}",
            content=(corpus / name).read_bytes(),
            headers=RAW,
            timeout=60,
        )
        return as_lines(answer) == expected[name]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(64)))


def test_a_root_path_is_not_part_of_the_routes(capsule):
    with running_server("--root-path", "/line3") as running:
        assert running.address.endswith("/line3")
        base = running.address.removesuffix("/line3")
        # As a proxy passes it on: without the prefix.
        assert httpx.get(f"{base}/health/ready").status_code == 200
        assert httpx.post(f"{base}/v1/inspect", content=capsule, headers=RAW).status_code == 200


def test_json_logs_are_one_object_a_line(capsule):
    with running_server("--log-format", "json", "--threshold", ".5") as running:
        answer = httpx.post(f"{running.address}/v1/inspect", content=capsule, headers=RAW)
        assert answer.json()["threshold"] == 0.5
        point = httpx.get(f"{running.address}/v1/model").json()["metadata"]["operating_point"]
        assert (point["threshold"], point["expected"]) == (0.5, [])
        httpx.get(f"{running.address}/a%0Ab")
        assert running.end() == 0
    ready, *rest = [json.loads(line) for line in running.lines]
    inspect, _, missing = [line for line in rest if "path" in line]
    assert ready["message"] == f"Ready: {running.address}"
    assert (inspect["method"], inspect["path"], inspect["status"]) == ("POST", "/v1/inspect", 200)
    assert (inspect["pictures"], inspect["client"]) == (1, "127.0.0.1")
    assert inspect["id"] == answer.headers["x-request-id"]
    assert (missing["path"], missing["status"]) == ("/a\nb", 404)


def test_text_logs_are_one_line_a_request():
    with running_server() as running:
        httpx.get(f"{running.address}/a%0Ab%1b[31m")
        assert running.end() == 0
    assert any("GET /a%0Ab%1B%5B31m 404" in line for line in running.lines)


def test_https_with_a_certificate(capsule, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-keyout", key, "-out", cert, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    with running_server("--tls-cert", cert, "--tls-key", key) as running:
        assert running.address.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(cert))
        answer = httpx.post(
            f"{running.address}/v1/inspect", content=capsule, headers=RAW, verify=trusting
        )
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--host", "0.0.0.0"), "Other machines can reach '0.0.0.0'. Give --token-file"),  # noqa: S104
        (("--token-file", "none.txt"), "The token file 'none.txt' cannot be read"),
        (("--token-file", "short.txt"), "must hold one line of at least 16"),
        (("--token-file", "short.txt", "--no-token"), "contradict each other"),
        (("--tls-cert", "short.txt"), "--tls-cert and --tls-key belong together"),
        (("--tls-cert", "short.txt", "--tls-key", "short.txt"), "cannot be used for TLS"),
        (("--model", "none.tflite"), "'none.tflite' does not exist"),
        (("--threshold", "3"), "must lie between 0 and 1"),
        (("--timeout", "0"), "timeout is 0"),
        (("--root-path", "line3"), "must start with /"),
        (("--log-format", "xml"), "--log-format"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(invoke, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.txt").write_text("short")
    done = invoke("serve", *options)
    assert done.exit_code == 2
    assert sentence in " ".join(done.err.split())


def test_a_port_in_use_is_one_sentence(server, invoke):
    done = invoke("serve", "--port", server.port)
    assert done.exit_code == 2
    assert f"cannot listen on 127.0.0.1, port {server.port}" in " ".join(done.err.split())
    assert "Traceback" not in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once_with_0(number):
    with running_server() as running:
        httpx.get(f"{running.address}/health/live")
        assert running.end(number, timeout=3) == 0
        assert "Traceback" not in running.log


def test_csv_reader_reads_it(client, capsule):
    text = client.post("/v1/inspect", content=capsule, headers=RAW | {"Accept": "text/csv"}).text
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["status"] == "ok"


@pytest.mark.slow
def test_every_real_picture_has_the_row_of_predict_by_each_way(real_data, server, tmp_path):
    files = [path for part in ("train", "test") for path in (real_data / part).rglob("*.*")]
    files = sorted(path for path in files if path.suffix in {".png", ".jpg"})
    told = said("predict", *files, "--json", "--overlays", "none", "-o", tmp_path / "out").decode()
    rows = {}
    for line in told.splitlines():
        path = json.loads(line)["path"]
        rows[path] = rows.get(path, "") + f"{line}\n"
    assert len(rows) == len(files) > 250
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for path, expected in rows.items():
            answer = client.post(
                "/v1/inspect", params={"name": path}, content=Path(path).read_bytes(), headers=RAW
            )
            assert as_lines(answer) == expected
        paths = list(rows)
        for start in range(0, len(paths), 40):
            some = paths[start : start + 40]
            parts = [("f", (path, Path(path).read_bytes())) for path in some]
            answer = client.post("/v1/inspect", files=parts)
            assert as_lines(answer) == "".join(rows[path] for path in some)
            lines = {"Accept": "application/x-ndjson"}
            answer = client.post("/v1/inspect", files=parts, headers=lines)
            assert answer.text == "".join(rows[path] for path in some)


def test_a_connection_in_use_stays_open():
    with running_server("--timeout", 1.5) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        connection.connect()
        first = connection.sock
        for _ in range(40):
            connection.request("GET", "/health/live")
            assert connection.getresponse().read() == b'{"status":"live"}'
            time.sleep(0.1)
        assert connection.sock is first
        connection.close()
