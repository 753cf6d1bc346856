import pytest

from capsule_inspect.modelfile.strict_json import StrictObject, parse_object


def fields(value: object, where: str = "roi") -> StrictObject:
    return StrictObject({"key": value}, where, frozenset({"key"}))


@pytest.mark.parametrize(
    ("read", "value", "result"),
    [
        ("text", "für Menschen", "für Menschen"),
        ("texts", ["good", "crack"], ("good", "crack")),
        ("sha256", "ab" * 32, "ab" * 32),
        ("count", 3, 3),
        ("number", 3, 3.0),
        ("numbers", [1, 2.5], (1.0, 2.5)),
        ("optional_number", None, None),
        ("optional_number", 0.5, 0.5),
        ("items", [None, "x"], [None, "x"]),
    ],
)
def test_values_are_read(read, value, result):
    assert getattr(fields(value), read)("key") == result


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        ("text", " ", "`roi.key` is ' ', not a text"),
        ("text", "a\nb", r"`roi.key` is 'a\nb', with control characters"),
        ("texts", ["a", 1], "an entry of `roi.key` is 1, not a text"),
        ("sha256", "AB" * 32, "`roi.key` is 'ABABABABABAB...BABABABABABAB', not a SHA-256"),
        ("count", True, "`roi.key` is True, not a whole number"),
        ("count", 0, "`roi.key` is 0, out of range"),
        ("number", True, "`roi.key` is True, not a number"),
        ("number", float("inf"), "`roi.key` is inf, out of range"),
        ("numbers", [1, "x"], "an entry of `roi.key` is 'x', not a number"),
        ("numbers", [1, float("nan")], "an entry of `roi.key` is nan, out of range"),
        ("numbers", 1, "`roi.key` is 1, not a list"),
        ("optional_number", "x", "`roi.key` is 'x', not a number"),
        ("items", {}, "`roi.key` is {}, not a list"),
    ],
)
def test_other_values_are_refused_by_their_place(read, value, message):
    with pytest.raises(ValueError, match="roi") as caught:
        getattr(fields(value), read)("key")
    assert str(caught.value) == message


@pytest.mark.parametrize("read", ["number", "numbers"])
def test_ranges_have_their_ends(read):
    for value, fits in ((0, True), (1, True), (-0.001, False), (1.001, False)):
        one = fields(value if read == "number" else [value], "")
        if fits:
            getattr(one, read)("key", 0, 1)
        else:
            with pytest.raises(ValueError, match=r"`key` is .*, out of range"):
                getattr(one, read)("key", 0, 1)


def test_a_choice_is_one_of_those_allowed():
    assert fields("whole").choice("key", ("capsule", "whole")) == "whole"
    with pytest.raises(ValueError, match=r"`roi\.key` is 'half', not one of capsule, whole"):
        fields("half").choice("key", ("capsule", "whole"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "`roi` is not an object"),
        ({}, "`roi.key` is missing"),
        ({"key": 1, "other": 2}, "`roi.other` is unknown"),
    ],
)
def test_an_object_has_exactly_its_keys(value, message):
    with pytest.raises(ValueError, match=message):
        StrictObject(value, "roi", frozenset({"key"}))


def test_an_object_is_parsed():
    assert parse_object('{"ä": [1]}'.encode()) == {"ä": [1]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1, "a": 1}', "a key appears twice"),
        (b'{"a": NaN}', "NaN is not a number"),
    ],
)
def test_what_is_no_object_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        parse_object(data)
