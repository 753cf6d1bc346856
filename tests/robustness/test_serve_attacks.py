"""What hostile and broken clients send to `capsule-inspect serve`, over real sockets."""

import json
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from running_server import Server, running_server

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")

from capsule_inspect.drawing.capsules import draw_capsule  # noqa: E402  (after what may be missing)

RAW = {"Content-Type": "image/png"}
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  (of this test alone)


@pytest.fixture(scope="module")
def spool(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def server(spool) -> Iterator[Server]:
    """A server with small limits, which must live through all of this module."""
    with running_server("--timeout", 3, "--max-mb", 8, TMPDIR=str(spool)) as running:
        yield running
        assert running.process.poll() is None, running.log
        assert "Traceback" not in running.log


@pytest.fixture(scope="module")
def capsule() -> bytes:
    return cv2.imencode(".png", draw_capsule("crack", 7).picture)[1].tobytes()


@pytest.fixture(scope="module")
def sixty() -> tuple[bytes, dict[str, str]]:
    """A form of sixty pictures, which takes a while."""
    jpeg = cv2.imencode(".jpg", draw_capsule("crack", 7).picture)[1].tobytes()
    return form(*[(b'name="f"; filename="a.jpg"', jpeg)] * 60)


@pytest.fixture(autouse=True)
def still_works(server, spool, capsule):
    """After each attack a picture is inspected as ever, and nothing is left in the spool."""
    yield
    answer = httpx.post(f"{server.address}/v1/inspect", content=capsule, headers=RAW, timeout=30)
    assert answer.status_code == 200
    assert not list(spool.iterdir())


def exchange(
    server: Server,
    *pieces: bytes,
    pause: float = 0.0,
    timeout: float = 10,
    whole: bool = False,
) -> bytes:
    """Sends pieces; what came back until the server closed or was silent for the timeout."""
    with server.connect(timeout) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(pause)
        return read_to_end(connection, whole)


def read_to_end(connection: socket.socket, whole: bool = False) -> bytes:
    """Reads an answer; with `whole` all that comes until the server closes or is silent."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
            if not whole and b'"instance"' in received:  # a whole problem document
                break
    except (TimeoutError, ConnectionResetError):
        pass
    return received


def header(*lines: str) -> bytes:
    text = "\r\n".join(["POST /v1/inspect HTTP/1.1", "Host: localhost", *lines])
    return f"{text}\r\n\r\n".encode()


def status_of(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(found[1]) if found else 0


def test_ten_gigabytes_announced_and_dripped_are_refused_at_once(server, spool):
    announced = header("Content-Type: image/png", "Content-Length: 10000000000")
    start = time.monotonic()
    answer = exchange(server, announced, *[b"x" * 100] * 5, pause=0.05)
    assert status_of(answer) == 413
    assert time.monotonic() - start < 2
    assert not list(spool.iterdir())


def test_ten_gigabytes_sent_on_after_the_answer_are_not_read_to_the_end(server):
    with server.connect() as connection:
        connection.sendall(header("Content-Type: image/png", "Content-Length: 10000000000"))
        assert send_until_closed(connection, 200) < 100


def send_until_closed(connection: socket.socket, limit: int) -> int:
    """Sends megabytes until the server closes; how many went out."""
    for sent in range(limit):
        try:
            connection.sendall(b"x" * 2**20)
        except (BrokenPipeError, ConnectionResetError):
            return sent
    return limit


def test_a_body_without_a_length_is_counted(server):
    chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
    answer = exchange(
        server, header("Content-Type: image/png", "Transfer-Encoding: chunked"), *[chunk] * 12
    )
    assert status_of(answer) == 413
    assert b"more than 8 MB" in answer


@pytest.mark.slow
def test_slow_headers_are_cut_off_and_keep_nobody_waiting(server, capsule):
    slow = [server.connect() for _ in range(100)]
    for connection in slow:
        connection.sendall(b"POST /v1/inspect HTTP/1.1\r\nHost: loc")
    start = time.monotonic()
    answer = httpx.post(f"{server.address}/v1/inspect", content=capsule, headers=RAW)
    assert answer.status_code == 200
    assert time.monotonic() - start < 2
    deadline = time.monotonic() + 8
    for connection in slow:
        connection.settimeout(max(0.1, deadline - time.monotonic()))
        assert read_to_end(connection) == b""
        connection.close()
    assert time.monotonic() < deadline


@pytest.mark.slow
def test_dripped_headers_are_cut_off_too(server):
    start = time.monotonic()
    answer = exchange(server, *[b"P", b"O", *[b"S"] * 60], pause=0.1)
    assert answer == b""
    assert time.monotonic() - start < 7


@pytest.mark.slow
def test_slow_bodies_end_in_408_and_keep_nobody_waiting(server, capsule):
    announced = header("Content-Type: image/png", "Content-Length: 1000")
    slow = [server.connect() for _ in range(40)]
    for connection in slow:
        connection.sendall(announced + b"x")
    start = time.monotonic()
    answer = httpx.post(f"{server.address}/v1/inspect", content=capsule, headers=RAW)
    assert answer.status_code == 200
    assert time.monotonic() - start < 2
    for connection in slow:
        connection.settimeout(8)
        assert status_of(read_to_end(connection)) == 408
        connection.close()


@pytest.mark.slow
def test_more_than_the_server_can_hold_at_once_is_refused(server):
    announced = header("Content-Type: image/png", "Content-Length: 7000000")
    slow = [server.connect() for _ in range(12)]
    for connection in slow:
        connection.sendall(announced + b"x" * 6_000_000)
    statuses = []
    for connection in slow:
        connection.settimeout(8)
        statuses.append(status_of(read_to_end(connection)))
        connection.close()
    # 32 MB are held: five times 6 MB and a bit.
    assert set(statuses) == {408, 503}
    assert 4 <= statuses.count(408) <= 6


def test_endless_headers_are_refused(server):
    line = b"X-Long: " + b"x" * 1000 + b"\r\n"
    answer = exchange(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n", *[line] * 200)
    assert status_of(answer) in {0, 400, 431}


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(data, 9))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + pixels + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "bomb",
    [
        png(50_000, 50_000, b"\0" * 50_000_000),
        png(2**31 - 1, 2**31 - 1, b""),
        png(100, 100, b"\0" * 200_000_000),
        png(9, 9, b"\0" * 90, png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 200_000_000, 9))),
    ],
    ids=["2500-megapixels", "largest-header", "more-pixels-than-declared", "profile"],
)
def test_bombs_are_answered_and_cost_little_memory(server, bomb):
    before = server.rss_kb()
    answer = httpx.post(f"{server.address}/v1/inspect", content=bomb, headers=RAW, timeout=30)
    assert answer.status_code in {200, 422}
    assert "Traceback" not in answer.text
    assert server.rss_kb() - before < 150_000


def test_compressed_bodies_are_not_unpacked(server):
    headers = RAW | {"Content-Encoding": "gzip"}
    answer = httpx.post(f"{server.address}/v1/inspect", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, "Send it as it is" in answer.text) == (415, True)


def test_a_thousand_parts_are_refused(server):
    files = [("f", (f"{number}.png", b"x")) for number in range(1000)]
    answer = httpx.post(f"{server.address}/v1/inspect", files=files, timeout=30)
    assert (answer.status_code, "Too many files" in answer.text) == (400, True)


def form(*parts: tuple[bytes, bytes]) -> tuple[bytes, dict[str, str]]:
    body = b"".join(
        b"--edge\r\nContent-Disposition: form-data; "
        + disposition
        + b"\r\n\r\n"
        + content
        + b"\r\n"
        for disposition, content in parts
    )
    return body + b"--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


@pytest.mark.parametrize(
    "name",
    [
        b"../../../../tmp/escaped.png",
        b"/etc/passwd",
        b"..\\..\\windows.png",
        b"a%0d%0aSet-Cookie: x=1.png",
        b"<script>alert(1)</script>.png",
        b"\xff\xfe.png",
        b"\x00nul.png",
        b"x" * 3000 + b".png",
        b"..",
        b"=cmd|' /C calc'!A0.png",
    ],
)
def test_names_lead_nowhere_and_are_told_as_they_are(server, capsule, tmp_path, name):
    body, headers = form((b'name="file"; filename="' + name + b'"', capsule))
    url = f"{server.address}/v1/inspect?overlay=true&mask=png"
    answer = httpx.post(url, content=body, headers=headers, timeout=30)
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        return  # the form is malformed
    for stored in answer.json()["files"]:
        inside = (tmp_path / stored).resolve()
        assert tmp_path.resolve() in inside.parents
        assert len(Path(stored).name.encode()) <= 255
    assert "set-cookie" not in answer.headers
    assert not Path("/tmp/escaped.png").exists()  # noqa: S108


def test_a_name_with_line_ends_makes_no_row_and_no_header_of_its_own(server, capsule):
    body, headers = form((b'name="a\r\nX-Evil: 1"; filename="b.png"', capsule))
    answer = httpx.post(f"{server.address}/v1/inspect", content=body, headers=headers)
    assert answer.status_code in {200, 400}
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--edge",
        b"--edge--",
        b"--edge\r\n\r\n",
        b"x" * 5000,
        b"--edge\r\nA: b\r\n\r\nx\r\n--edge--",
    ],
)
def test_broken_forms_are_400(server, body):
    answer = httpx.post(
        f"{server.address}/v1/inspect",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: identity, chunked",),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: +5",),
        ("Content-Length: -5",),
        ("Content-Length : 5",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding:\x0bchunked",),
    ],
)
def test_ambiguous_lengths_smuggle_no_second_request(server, lines):
    smuggled = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = header("Content-Type: image/png", *lines) + smuggled
    answer = exchange(server, request, timeout=2, whole=True)
    assert status_of(answer) in {400, 501}
    assert answer.count(b"HTTP/1.1") == 1
    assert b"/smuggled" not in answer
    assert "/smuggled" not in server.log


def test_a_foreign_page_can_send_nothing(server, capsule):
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = httpx.post(f"{server.address}/v1/inspect", content=capsule, headers=RAW | headers)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    own = {"Origin": server.address, "Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{server.address}/v1/inspect", content=capsule, headers=RAW | own)
    assert answer.status_code == 200


def test_a_name_that_was_pointed_here_is_refused(server):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", ""):
        answer = httpx.get(f"{server.address}/v1/model", headers={"Host": host})
        assert answer.status_code == 400
    for host in (f"localhost:{server.port}", "127.0.0.1", "[::1]:99"):
        assert httpx.get(f"{server.address}/v1/model", headers={"Host": host}).status_code == 200


def test_a_name_that_is_allowed_is_served():
    with running_server("--allow-host", "QC.plant.example") as running:
        for host in ("qc.plant.example", "QC.Plant.Example:8000", "qc.plant.example."):
            answer = httpx.get(f"{running.address}/v1/model", headers={"Host": host})
            assert answer.status_code == 200


def test_a_network_without_a_token_is_not_served_under_a_foreign_name():
    with running_server("--host", "0.0.0.0", "--no-token") as running:  # noqa: S104
        url = f"http://127.0.0.1:{running.port}/v1/model"
        assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 400
        assert httpx.get(url, headers={"Host": "192.168.1.20:8000"}).status_code == 200


def test_only_the_token_opens_what_is_closed(capsule, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with running_server("--host", "0.0.0.0", "--token-file", tmp_path / "token") as running:  # noqa: S104
        address = f"http://127.0.0.1:{running.port}"
        for shown in (
            None,
            "",
            "Bearer",
            f"Basic {TOKEN}",
            f"Bearer {TOKEN[:-1]}",
            f"Bearer {TOKEN}0",
            f"Bearer {TOKEN.upper()}",
            f"Bearer ü{TOKEN}".encode(),
            TOKEN,
        ):
            headers = {} if shown is None else {"Authorization": shown}
            for method, path in (
                ("POST", "/v1/inspect"),
                ("GET", "/v1/model"),
                ("GET", "/metrics"),
                ("GET", "/no/such/page"),
                ("GET", "//v1/model"),
            ):
                answer = httpx.request(method, address + path, headers=headers, content=b"")
                assert answer.status_code == 401, (shown, path)
                assert answer.headers["www-authenticate"] == "Bearer"
        for path in (
            "/static/../v1/model",
            "/static/%2e%2e/v1/model",
            "http://localhost/v1/model",
            "http://localhost/static/../v1/model",
            "/V1/model",
            "/v1/model/",
            "/%76%31/model",
        ):
            assert status_of(exchange(running, get(path))) in {401, 404}
        schemes = httpx.get(f"{address}/openapi.json").json()["components"]["securitySchemes"]
        assert [scheme["scheme"] for scheme in schemes.values()] == ["bearer"]
        for path in ("/", "/docs", "/openapi.json", "/health/live", "/health/ready"):
            assert httpx.get(address + path).status_code == 200
        right = {"Authorization": f"Bearer {TOKEN}"}
        for path in ("/v1/model", "/metrics"):
            assert httpx.get(address + path, headers=right).status_code == 200
        answer = httpx.post(f"{address}/v1/inspect", content=capsule, headers=RAW | right)
        assert answer.status_code == 200
        assert TOKEN not in running.log


def test_a_large_upload_is_in_a_nameless_file_and_gone_afterwards(server, spool):
    content = cv2.imencode(".bmp", np.full((1100, 1200, 3), 230, np.uint8))[1].tobytes()
    half = len(content) // 2
    with server.connect() as connection:
        connection.sendall(header("Content-Type: image/bmp", f"Content-Length: {len(content)}"))
        connection.sendall(content[:half])
        spooled: list[str] = []
        deadline = time.monotonic() + 2
        while not spooled and time.monotonic() < deadline:
            spooled = [path for path in server.open_files() if path.startswith(str(spool))]
        assert [path.endswith("(deleted)") for path in spooled] == [True]
        assert not list(spool.iterdir())
        connection.sendall(content[half:])
        assert status_of(connection.recv(100)) == 200
    time.sleep(0.2)
    assert not [path for path in server.open_files() if path.startswith(str(spool))]


def get(path: str, *lines: str, method: str = "GET", host: str = "localhost") -> bytes:
    text = "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines])
    return f"{text}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../reference.html",
        "/static/../../app.py",
        "/static/%2e%2e/reference.html",
        "/static/..%2freference.html",
        "/static//etc/passwd",
        "/static/%00",
    ],
)
def test_no_path_leads_out_of_the_pages(server, path):
    answer = exchange(server, get(path))
    assert status_of(answer) == 404


@pytest.mark.parametrize(
    ("line", "status"),
    [("Host: [", 400), ("Host: [::1", 400), ("Host: a b", 400)],
)
def test_a_malformed_host_is_400(server, line, status):
    answer = exchange(server, f"GET /v1/model HTTP/1.1\r\n{line}\r\n\r\n".encode())
    assert status_of(answer) == status
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("origin", ["http://[", "://", "", "null", "http://localhost.evil.example"])
def test_a_malformed_origin_is_403(server, origin):
    lines = ("Content-Type: image/png", "Content-Length: 1", f"Origin: {origin}")
    assert status_of(exchange(server, header(*lines) + b"x")) == 403


@pytest.mark.parametrize("charset", ["undefined", "punycode", "utf-16", "x" * 3000, "idna"])
def test_an_odd_charset_of_a_form_changes_nothing(server, capsule, charset):
    body, headers = form((b'name="f"; filename="a.png"', capsule))
    headers = {"Content-Type": f"{headers['Content-Type']}; charset={charset}"}
    answer = httpx.post(f"{server.address}/v1/inspect", content=body, headers=headers)
    assert (answer.status_code, answer.json()["rows"][0]["path"]) == (200, "a.png")


def test_invented_methods_make_no_series_and_no_log(server):
    for number in range(30):
        assert status_of(exchange(server, get("/v1/model", method=f"EVIL{number}"))) == 405
    metrics = httpx.get(f"{server.address}/metrics").text
    assert "EVIL" not in metrics
    assert 'method="other",route="none",status="405"' in metrics or (
        'method="other",route="/v1/model",status="405"' in metrics
    )
    assert "EVIL" not in server.log


def test_what_a_client_sends_forges_no_line_of_the_log(server):
    forged = "/x%20200%20id=0%E2%80%A8INFO%20GET%20/fake%20200%0a%e2%80%ae"
    exchange(server, get(forged))
    deadline = time.monotonic() + 2
    while "/x%20200" not in server.log and time.monotonic() < deadline:
        time.sleep(0.02)
    (line,) = [line for line in server.lines if "/x%20200" in line]
    assert " 404 id=" in line
    assert "\u2028" not in line
    assert " GET /fake" not in line


def test_refused_bodies_on_one_connection_are_each_answered(server):
    body = b"x" * 3_000_000
    request = get(
        "/v1/inspect", "Content-Type: text/plain", f"Content-Length: {len(body)}", method="POST"
    )
    with server.connect() as connection:
        for _ in range(12):
            connection.sendall(request + body)
            assert status_of(read_to_end(connection)) == 415


@pytest.mark.slow
@pytest.mark.parametrize(
    "pieces",
    [
        (header("Content-Type: text/plain", "Content-Length: 1000"), b"x"),
        (get("/health/live", "Content-Length: 5") + b"xxxxx", b"GET / HT"),
        (get("/health/live"), b"GET / HT"),
        (get("/health/live"),),
        (),
    ],
    ids=["body-after-answer", "body-of-get", "second-header", "idle", "silent"],
)
def test_no_connection_stays_open_without_a_request_in_work(server, pieces):
    with server.connect(12) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.3)
        start = time.monotonic()
        read_to_end(connection, whole=True)
        assert time.monotonic() - start < 11


def connections_of(server: Server) -> int:
    return sum(path.startswith("socket:") for path in server.open_files())


@pytest.mark.slow
def test_a_client_that_does_not_read_loses_its_connection(server, capsule):
    before = connections_of(server)
    body, headers = form(*[(b'name="f"; filename="a.png"', capsule)] * 6)
    lines = (f"Content-Type: {headers['Content-Type']}", f"Content-Length: {len(body)}")
    asking = get("/v1/inspect?overlay=true", *lines, method="POST") + body
    deaf = []
    for _ in range(6):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(asking)
        deaf.append(connection)
    pipelining = server.connect()
    pipelining.sendall(get("/docs") * 200)
    deadline = time.monotonic() + 20
    while connections_of(server) > before and time.monotonic() < deadline:
        time.sleep(0.5)
    assert connections_of(server) <= before
    for connection in (*deaf, pipelining):
        connection.close()


@pytest.mark.slow
def test_many_capsules_on_a_large_picture_cost_bounded_memory():
    side, rows, columns = 4000, 16, 8
    picture = np.full((side, side, 3), 235, np.uint8)
    for row in range(rows):
        for column in range(columns):
            x, y = round((column + 0.5) * side / columns), round((row + 0.5) * side / rows)
            cv2.line(picture, (x - 130, y), (x, y), (40, 40, 90), 180)
            cv2.line(picture, (x, y), (x + 130, y), (40, 90, 160), 180)
    content = cv2.imencode(".png", picture)[1].tobytes()
    with running_server("--jobs", 1) as running:
        url = f"{running.address}/v1/inspect?threshold=0"
        answer = httpx.post(url, content=content, headers=RAW, timeout=120)
        status = Path(f"/proc/{running.process.pid}/status").read_text()
    assert len(answer.json()["rows"]) > 100
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1])
    assert peak < 900_000  # masks of the picture's size would take 2 GB more


@pytest.mark.slow
def test_a_large_answer_keeps_nobody_waiting():
    picture = np.random.default_rng(0).integers(0, 256, (4000, 4000, 3), np.uint8)
    content = cv2.imencode(".jpg", picture)[1].tobytes()
    with running_server("--max-mb", 100) as running:
        url = f"{running.address}/v1/inspect?overlay=true"
        answers = []

        def ask() -> None:
            answers.append(httpx.post(url, content=content, headers=RAW, timeout=120))

        client = threading.Thread(target=ask)
        client.start()
        waits = []
        while client.is_alive():
            start = time.monotonic()
            assert httpx.get(f"{running.address}/health/live").status_code == 200
            waits.append(time.monotonic() - start)
        client.join()
    assert answers[0].status_code == 200
    assert len(answers[0].content) > 30e6
    assert max(waits) < 1.2


def place_count(server: Server) -> float:
    text = httpx.get(f"{server.address}/metrics").text
    return sum(
        float(re.search(rf"^capsule_inspect_{name} (\S+)$", text, re.MULTILINE)[1])
        for name in ("queue", "in_work")
    )


def test_a_client_that_goes_away_frees_its_place(server, sixty):
    body, headers = sixty
    request = header(f"Content-Type: {headers['Content-Type']}", f"Content-Length: {len(body)}")
    for accept in (b"application/json", b"application/x-ndjson"):
        asking = request.replace(b"\r\n\r\n", b"\r\nAccept: " + accept + b"\r\n\r\n")
        for _ in range(5):
            with server.connect() as connection:
                connection.sendall(asking + body)
                time.sleep(0.05)
    deadline = time.monotonic() + 3
    while place_count(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert place_count(server) == 0


@pytest.mark.slow
def test_a_client_that_does_not_read_frees_its_place(server):
    parts = [(b'name="f"; filename="' + b"n" * 4000 + b'.png"', b"no picture")] * 400
    body, headers = form(*parts)
    asking = header(
        f"Content-Type: {headers['Content-Type']}",
        f"Content-Length: {len(body)}",
        "Accept: application/x-ndjson",
    )
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(asking + body)
        deadline = time.monotonic() + 12
        time.sleep(0.5)
        while place_count(server) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert place_count(server) == 0


@pytest.mark.slow
def test_a_thousand_mutated_pictures(server, capsule):
    generator = np.random.default_rng(0)
    jpeg = cv2.imencode(".jpg", draw_capsule("crack", 7).picture)[1].tobytes()
    statuses = []
    with httpx.Client(base_url=server.address, timeout=30) as client:
        for number in range(1000):
            source = capsule if number % 2 else jpeg
            data = bytearray(source[: generator.integers(len(source) // 2, len(source) + 1)])
            for place in generator.integers(0, len(data), generator.integers(1, 20)):
                data[place] = generator.integers(256)
            answer = client.post("/v1/inspect?overlay=1", content=bytes(data), headers=RAW)
            statuses.append(answer.status_code)
            assert "Traceback" not in answer.text
    assert set(statuses) <= {200, 422}
    assert statuses.count(422) > 300


@pytest.mark.slow
def test_200_clients_at_once_are_answered_or_told_to_come_again(capsule):
    outcomes: list[tuple[int, str]] = []
    with running_server("--queue", 16) as running:
        expected = httpx.post(f"{running.address}/v1/inspect", content=capsule, headers=RAW).text
        gate = threading.Barrier(200)

        def ask() -> None:
            with httpx.Client(timeout=60) as client:
                gate.wait()
                answer = client.post(f"{running.address}/v1/inspect", content=capsule, headers=RAW)
                if answer.status_code == 503:
                    assert int(answer.headers["retry-after"]) >= 1
                outcomes.append((answer.status_code, answer.text))

        clients = [threading.Thread(target=ask) for _ in range(200)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert len(outcomes) == 200  # none lost
        assert {status for status, _ in outcomes} <= {200, 503}
        right = [text for status, text in outcomes if status == 200]
        assert len(right) >= 16
        assert set(right) == {expected}
        assert running.rss_kb() < 300_000
        start = time.monotonic()
        assert httpx.get(f"{running.address}/health/ready").status_code == 200
        answer = httpx.post(f"{running.address}/v1/inspect", content=capsule, headers=RAW)
        assert answer.text == expected
        assert time.monotonic() - start < 2


class Load:
    """Clients that ask on and on, until the server is gone; what they got."""

    def __init__(self, address: str, content: bytes, clients: int) -> None:
        self.statuses: list[int] = []
        self.texts: set[str] = set()
        self._address = address
        self._content = content
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        with httpx.Client(timeout=30) as client:
            while True:
                try:
                    answer = client.post(
                        f"{self._address}/v1/inspect", content=self._content, headers=RAW
                    )
                except httpx.TransportError:
                    return
                self.statuses.append(answer.status_code)
                if answer.status_code == 200:
                    self.texts.add(answer.text)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(15, 0), (9, -9)], ids=["SIGTERM", "SIGKILL"])
def test_under_load_every_answer_is_whole_and_a_restart_is_ready_at_once(capsule, number, code):
    with running_server("--timeout", 5) as running:
        port = running.port
        load = Load(running.address, capsule, 8)
        time.sleep(1.5)
        start = time.monotonic()
        assert running.end(number) == code
        assert time.monotonic() - start < 5
        load.join()
    assert len(load.statuses) > 8
    assert set(load.statuses) <= {200, 503}
    assert len(load.texts) == 1
    assert json.loads(next(iter(load.texts)))["rows"]
    start = time.monotonic()
    with running_server("--port", port) as again:
        assert again.port == port
        assert httpx.get(f"{again.address}/health/ready").status_code == 200
    assert time.monotonic() - start < 10


def test_what_has_begun_is_finished_on_sigterm(sixty):
    body, headers = sixty
    with running_server("--timeout", 20) as running:
        answers = []

        def ask() -> None:
            answers.append(
                httpx.post(
                    f"{running.address}/v1/inspect", content=body, headers=headers, timeout=60
                )
            )

        client = threading.Thread(target=ask)
        client.start()
        deadline = time.monotonic() + 10
        while not place_count(running) and not answers and time.monotonic() < deadline:
            time.sleep(0.01)
        assert running.end() == 0
        client.join()
    (answer,) = answers
    assert answer.status_code == 200
    assert len(answer.json()["rows"]) == 60


def test_a_stuck_client_does_not_keep_the_server_from_ending():
    with running_server("--timeout", 2) as running, running.connect() as connection:
        connection.sendall(header("Content-Type: image/png", "Content-Length: 1000") + b"x")
        time.sleep(0.2)
        start = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - start < 3


@pytest.mark.slow
def test_who_waits_when_the_time_to_shut_down_is_over_is_told():
    large = cv2.imencode(".png", np.full((6000, 6000, 3), 200, np.uint8))[1].tobytes()
    with running_server("--timeout", 2, "--jobs", 1) as running:
        answers = []

        def ask() -> None:
            body, headers = form(*[(b'name="f"; filename="a.png"', large)] * 40)
            try:
                answers.append(
                    httpx.post(
                        f"{running.address}/v1/inspect", content=body, headers=headers, timeout=60
                    )
                )
            except httpx.TransportError as error:
                answers.append(error)

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        time.sleep(1)
        start = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - start < 3
        for client in clients:
            client.join()
        assert len(answers) == 4
        assert {each.status_code for each in answers if isinstance(each, httpx.Response)} == {503}
        assert "Traceback" not in running.log
