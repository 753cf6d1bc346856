import json

from capsule_inspect.inference.run_settings import RunSettings


def test_run_json_is_as_runs_before_have_written_it():
    settings = RunSettings(
        "1.0", "ab" * 32, ("good", "crack"), 1.5, 0.4, 0.6, "all", "png", True, 9
    )
    text = settings.to_json().decode()
    assert text.endswith("\n}\n")
    assert list(json.loads(text).items()) == [
        ("made_by", "capsule-inspect predict"),
        ("version", "1.0"),
        ("model", "ab" * 32),
        ("classes", ["good", "crack"]),
        ("temperature", 1.5),
        ("threshold", 0.4),
        ("mask_threshold", 0.6),
        ("overlays", "all"),
        ("overlay_format", "png"),
        ("masks", True),
        ("max_pixels", 9),
    ]
