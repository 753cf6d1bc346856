import pytest

from capsule_inspect.imaging.pixel_limit import MAX_PIXELS, describe_limit


@pytest.mark.parametrize(
    ("pixels", "megapixels"), [(MAX_PIXELS, "100"), (12_500_000, "12.5"), (3000, "0.003")]
)
def test_a_limit_is_told_in_megapixels_with_the_setting_that_moves_it(pixels, megapixels):
    text = describe_limit(pixels)
    assert text == f"the limit of {megapixels} megapixels (in predict: predict.max_megapixels)"
