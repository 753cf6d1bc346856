from capsule_inspect.imaging.picture import PICTURE_EXTENSIONS


def test_extensions_are_those_of_the_formats():
    assert sorted(PICTURE_EXTENSIONS) == sorted(
        [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"]
    )
