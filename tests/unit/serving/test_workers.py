import asyncio
import threading
import time
from contextlib import aclosing

import pytest

pytest.importorskip("starlette")

from capsule_inspect.serving.problems import ProblemError
from capsule_inspect.serving.workers import Workers


async def collect(workers, work, items):
    async with aclosing(workers.map(work, items)) as results:
        return [result async for result in results]


@pytest.fixture
def workers():
    made = Workers(jobs=2, queue=1)
    yield made
    made.close()


def test_results_come_in_order_and_no_more_than_the_jobs_run_at_once(workers):
    running, most = 0, 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01 * (number % 3))
        with lock:
            running -= 1
        return number * number

    assert asyncio.run(collect(workers, work, list(range(20)))) == [n * n for n in range(20)]
    assert most == 2


def test_an_error_is_raised_and_the_rest_is_not_begun(workers):
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        return 1 // number

    with pytest.raises(ZeroDivisionError):
        asyncio.run(collect(workers, work, [1, 0, *range(1, 100)]))
    assert len(begun) < 10


def test_a_caller_that_stops_gives_up_what_waits(workers):
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        return number

    async def take_two() -> list[int]:
        taken = []
        async with aclosing(workers.map(work, list(range(100)))) as results:
            async for result in results:
                taken.append(result)
                if len(taken) == 2:
                    break
        return taken

    assert asyncio.run(take_two()) == [0, 1]
    time.sleep(0.1)
    assert len(begun) < 10


def test_places_are_for_the_jobs_and_the_queue_and_come_free(workers):
    with workers.place(), workers.place(), workers.place():
        assert (workers.taken, workers.waiting) == (3, 1)
        with pytest.raises(ProblemError, match="The queue is full") as refused, workers.place():
            pass
        assert refused.value.status == 503
        assert int(refused.value.headers["Retry-After"]) >= 1
        assert workers.taken == 3
    assert (workers.taken, workers.waiting) == (0, 0)
    with workers.place():
        assert workers.taken == 1


def test_a_failure_frees_the_place(workers):
    with pytest.raises(KeyError), workers.place():
        raise KeyError
    assert workers.taken == 0


def test_a_draining_server_takes_nobody(workers):
    workers.is_draining = True
    with pytest.raises(ProblemError, match="shutting down") as refused, workers.place():
        pass
    assert refused.value.status == 503
