"""Signals, sent to processes of their own."""

import signal
import subprocess
import sys
import time

import pytest

from capsule_inspect.cli.signals import answer_signals

SLOW_TO_STOP = """
import sys, time
from capsule_inspect.cli import app
from capsule_inspect.errors import InterruptedRunError

def run(arguments):
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("stopping", flush=True)
        time.sleep(float(arguments[0]))
        sys.exit(InterruptedRunError.exit_code)

app._run = run
app.main(sys.argv[1:])
"""


@pytest.fixture
def begun():
    """Starts a command that takes some seconds to stop; it has begun."""
    processes = []

    def start(seconds: float) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW_TO_STOP, str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_stops_in_order_and_gives_the_exit_code(begun, sent, code):
    process = begun(0)
    process.send_signal(sent)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (code, "stopping\n", "")


def test_twice_in_a_hurry_is_once(begun):
    process = begun(1)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "stopping\n", "")


def test_a_second_wish_ends_at_once(begun):
    process = begun(60)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (143, "Stopped at once.\n")


def test_what_the_parent_set_aside_stays_so_and_handlers_come_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with answer_signals():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
