import socket
import sys

import pytest

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.records import Record
from capsule_inspect.watching.counts import Counts, State
from capsule_inspect.watching.health import HealthServer, Supervisor


def test_counts_are_those_of_the_rows():
    counts = Counts()
    counts.add([Record("a", "ok", label="good"), Record("a", "ok", label="crack")], 0.1, False)
    counts.add([Record("b", "no_capsule")], 0.3, True)
    counts.add([Record("c", "error", error="no")], 7.0, False)
    counts.state = State(waiting=2)
    assert counts.describe() == "3 pictures, 2 defective, 1 unreadable; 2 waiting"
    lines = counts.to_metrics().splitlines()
    assert 'capsule_inspect_watch_rows_total{status="ok",label="crack"} 1' in lines
    assert "capsule_inspect_watch_replaced_total 1" in lines
    assert 'capsule_inspect_watch_seconds_bucket{le="0.25"} 1' in lines
    assert 'capsule_inspect_watch_seconds_bucket{le="0.5"} 2' in lines
    assert 'capsule_inspect_watch_seconds_bucket{le="+Inf"} 3' in lines
    assert "capsule_inspect_watch_waiting 2" in lines


def test_metrics_are_those_that_prometheus_reads():
    parser = pytest.importorskip("prometheus_client.parser")
    counts = Counts()
    counts.add([Record("a", "ok", label='a "new"\\ class')], 0.1, False)
    families = {each.name for each in parser.text_string_to_metric_families(counts.to_metrics())}
    assert {"capsule_inspect_watch_rows", "capsule_inspect_watch_seconds"} <= families


def test_a_port_that_is_taken_is_one_sentence():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match="Choose another --port"),
    ):
        HealthServer(Counts(), taken.getsockname()[1])


@pytest.mark.skipif(sys.platform == "win32", reason="needs sockets with a path")
def test_systemd_is_told(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(10)
        now = [100.0]
        supervisor = Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "6000000"}, lambda: now[0])
        supervisor.ready()
        assert systemd.recv(100) == b"READY=1"
        supervisor.beat("3 pictures\nand more")
        assert systemd.recv(100) == b"WATCHDOG=1\nSTATUS=3 pictures and more"
        now[0] += 2.9
        supervisor.beat("too soon")
        now[0] += 0.2  # half of six seconds are over
        supervisor.beat("4 pictures")
        assert systemd.recv(100) == b"WATCHDOG=1\nSTATUS=4 pictures"
        supervisor.stopping()
        assert systemd.recv(100) == b"STOPPING=1"
    Supervisor({"NOTIFY_SOCKET": path}).ready()  # nobody listens
    Supervisor({}).ready()
