import pytest

pytest.importorskip("starlette")

from capsule_inspect.serving.problems import ProblemError
from capsule_inspect.serving.uploads import Intake


def test_bytes_are_taken_until_none_are_left_and_come_back():
    intake = Intake(100)
    with intake.hold() as first, intake.hold() as second:
        first(60)
        second(40)
        with pytest.raises(ProblemError, match="receiving too many") as refused:
            second(1)
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")
    with intake.hold() as third:
        third(100)


def test_bytes_come_back_after_an_error():
    intake = Intake(100)

    def fail() -> None:
        with intake.hold() as take:
            take(100)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with intake.hold() as take:
        take(100)
