from capsule_inspect.cli.evaluate import results_sentence


def test_what_to_open_first_is_said(tmp_path):
    assert f"Results: {tmp_path / 'report.html'}, to open in a browser" in results_sentence(
        tmp_path / "report.html"
    )
