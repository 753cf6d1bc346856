from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("starlette")

from capsule_inspect.serving.answers import (
    CSV,
    JSON,
    MEDIA_TYPES,
    NDJSON,
    choose_media_type,
)
from capsule_inspect.serving.problems import ProblemError


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV ; charset=utf-8", CSV),
        ("application/x-ndjson", NDJSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("image/avif, image/webp, image/png, */*;q=.1", "image/png"),
        ("image/webp, image/png;q=.9", "image/webp"),
        ("image/*", "image/png"),
        ("text/csv;q=.5, application/json;q=.4", CSV),
        ("*/*, application/json;q=0", NDJSON),
        ("application/json;q=x, text/csv", CSV),
    ],
)
def test_the_best_of_what_a_client_accepts_is_chosen(accept, chosen):
    assert choose_media_type(accept) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "image/gif", "*/*;q=0", "text", "application/json;q=0"]
)
def test_what_nobody_has_is_406_with_what_there_is(accept):
    with pytest.raises(ProblemError, match="Accept application/json") as refused:
        choose_media_type(accept)
    assert refused.value.status == 406


@given(st.text(max_size=60))
def test_any_header_gives_a_type_or_a_problem(accept):
    with suppress(ProblemError):
        assert choose_media_type(accept) in MEDIA_TYPES
