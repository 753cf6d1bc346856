from capsule_inspect.imaging.refusal import CONVERT, Refusal


def test_a_refusal_ends_in_advice():
    assert str(Refusal("is cut")) == "is cut; copy it again, or save it as PNG."
    assert str(Refusal("is odd", CONVERT)) == "is odd; convert it to PNG."
