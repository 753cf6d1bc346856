"""The times are made up: what happens at which of them is worked out by hand."""

import pytest

from capsule_inspect.watching.listing import Stamp
from capsule_inspect.watching.settle import TRIES_ONCE, Candidates

A, B = Stamp(1, 10), Stamp(2, 20)


def taken(candidates, now, most=9):
    return [each.path for each in candidates.take(now, most)]


def test_a_file_is_read_once_it_kept_still():
    waiting = Candidates(settle=0.2, give_up=60)
    waiting.see("a.png", A, 0.0)
    assert taken(waiting, 0.1) == []
    waiting.see("a.png", B, 0.15)  # it grew
    assert taken(waiting, 0.3) == []
    waiting.see("a.png", B, 0.3)  # the same as before
    assert taken(waiting, 0.36) == ["a.png"]
    assert taken(waiting, 9.0) == []  # it is in work


def test_a_file_that_was_closed_or_renamed_need_not_wait():
    waiting = Candidates(settle=5, give_up=60)
    waiting.see("a.png", A, 0.0)
    waiting.see("b.png", A, 0.0, is_whole=True)
    assert taken(waiting, 0.0) == ["b.png"]
    waiting.see("a.png", A, 0.1, is_whole=True)
    assert taken(waiting, 0.1) == ["a.png"]


def test_what_was_written_first_comes_first():
    waiting = Candidates(settle=0, give_up=60)
    waiting.see("b.png", Stamp(5, 1), 0.0)
    waiting.see("a.png", Stamp(9, 1), 0.0)
    waiting.see("c.png", Stamp(7, 1), 0.0)
    assert taken(waiting, 0.0, most=2) == ["b.png", "c.png"]
    assert taken(waiting, 0.0) == ["a.png"]


def test_an_unreadable_file_is_tried_less_and_less_until_it_is_given_up():
    waiting = Candidates(settle=0.2, give_up=10)
    waiting.see("a.png", A, 0.0)
    now, times = 0.0, []
    while True:
        now = waiting.next_due()
        (known,) = waiting.take(now, 1)
        times.append(round(now, 3))
        if waiting.is_last_try(known, now):
            break
        waiting.try_again(known, now)
    # 0.2, and after 0.2, 0.4, 0.8, 1.6 and 3.2 s; the next would come after the end.
    assert times == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0]
    waiting.give_up(known, now)
    assert waiting.unfinished == 0
    assert len(waiting) == 1  # it may become readable
    (known,) = waiting.take(waiting.next_due(), 1)
    assert not waiting.is_last_try(known, 1000.0)  # it has its row
    waiting.try_again(known, 1000.0)
    waiting.see("a.png", B, 1001.0)
    assert waiting.unfinished == 1


def test_once_gives_up_after_a_few_tries():
    waiting = Candidates(settle=0.2, give_up=3600, once=True)
    waiting.see("a.png", A, 0.0)
    for tried in range(1, TRIES_ONCE + 1):
        now = waiting.next_due()
        (known,) = waiting.take(now, 1)
        assert waiting.is_last_try(known, now) == (tried == TRIES_ONCE)
        waiting.try_again(known, now)
    assert now < 2


def test_a_missing_file_counts_as_gone_after_a_while_only():
    waiting = Candidates(settle=0.2, give_up=3600)
    waiting.see("a.png", A, 0.0)
    (known,) = waiting.take(1.0, 1)
    waiting.missing(known, 1.0)
    (known,) = waiting.take(waiting.next_due(), 1)
    assert waiting.is_last_try(known, 3.0)
    waiting.missing(known, 3.0)
    waiting.see("a.png", A, 3.1)  # it is back
    (known,) = waiting.take(9.0, 1)
    assert not waiting.is_last_try(known, 9.0)


def test_what_is_seen_while_it_is_read_is_looked_at_again():
    waiting = Candidates(settle=0, give_up=60)
    waiting.see("a.png", A, 0.0)
    (known,) = waiting.take(0.0, 1)
    assert not known.was_seen
    waiting.see("a.png", B, 0.1)
    assert known.was_seen
    waiting.finish(known)
    assert waiting.get("a.png") is None


@pytest.mark.parametrize("count", [50_000])
def test_many_files_at_once_take_little_time(count):
    waiting = Candidates(settle=0, give_up=60)
    for number in range(count):
        waiting.see(f"{number}.png", Stamp(number, 1), 0.0)
    done = 0
    while batch := waiting.take(1.0, 4):
        for known in batch:
            waiting.finish(known)
        done += len(batch)
    assert done == count
    assert len(waiting) == 0
