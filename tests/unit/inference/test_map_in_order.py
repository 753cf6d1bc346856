import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.inference.map_in_order import map_in_order


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_results_come_as_from_map(items, jobs):
    assert list(map_in_order(lambda x: x * 2, items, jobs)) == [x * 2 for x in items]


def test_a_slow_item_does_not_let_later_ones_pass():
    delays = [0.05, 0.0, 0.02, 0.0, 0.01]
    assert list(map_in_order(lambda s: (time.sleep(s), s)[1], delays, 3)) == delays


def test_jobs_run_at_the_same_time():
    meet = threading.Barrier(3, timeout=10)  # broken unless three wait at once
    assert len(list(map_in_order(lambda _: meet.wait(), range(6), 3))) == 6


def test_one_job_works_in_the_callers_thread():
    (thread,) = set(map_in_order(lambda _: threading.get_ident(), range(3), 1))
    assert thread == threading.get_ident()


@pytest.mark.parametrize(("jobs", "ahead"), [(1, 0), (2, 3), (3, 5)])
def test_few_items_are_taken_ahead(jobs, ahead):
    taken = []
    items = (taken.append(item) or item for item in range(1000))
    results = map_in_order(abs, items, jobs)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert taken == list(range(10 + ahead))
    results.close()


def test_what_was_begun_when_the_caller_stops_is_finished_and_nothing_else_begun():
    begun, finished, go_on = [], [], threading.Event()

    def work(item):
        begun.append(item)
        if item:
            go_on.wait(10)
        finished.append(item)

    results = map_in_order(work, range(1000), 2)
    next(results)
    threading.Timer(0.2, go_on.set).start()
    results.close()
    # Of the four taken, one is done, each thread may have one, and the last still waits.
    assert sorted(begun) == sorted(finished)
    assert 3 not in begun


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_failure_comes_in_its_place_and_stops_the_rest(jobs):
    begun = []

    def fail_at_four(item):
        begun.append(item)
        if item == 4:
            raise OSError("four")
        return item

    results = map_in_order(fail_at_four, range(1000), jobs)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(OSError, match="four"):
        next(results)
    assert len(begun) < 20
