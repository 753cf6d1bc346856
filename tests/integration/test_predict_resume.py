"""`capsule-inspect predict --resume`, with a model file that tells labels by colour."""

import pytest

from capsule_inspect.inference.records import read_records


def test_resuming_goes_on_and_says_the_whole(predict, pictures, tmp_path):
    out = tmp_path / "out"
    whole = predict(pictures, "-o", out, "--json")
    rows = (out / "predictions.csv").read_bytes()
    (out / "predictions.csv").write_bytes(b"".join(rows.splitlines(True)[:3]))
    again = predict(pictures, "-o", out, "--json", "--resume")
    assert again.exit_code == 0
    assert again.out == whole.out
    assert "4 pictures: " in again.err
    assert (out / "predictions.csv").read_bytes() == rows


def test_resuming_of_what_is_finished_changes_nothing(predict, pictures, tmp_path):
    out = tmp_path / "out"
    predict(pictures, "-o", out)
    rows = (out / "predictions.csv").read_bytes()
    assert predict(pictures, "-o", out, "--resume").exit_code == 0
    assert (out / "predictions.csv").read_bytes() == rows


@pytest.mark.parametrize("loss", ["missing", "empty"])
def test_resuming_makes_anew_what_was_lost(predict, pictures, tmp_path, loss):
    out = tmp_path / "out"
    predict(pictures, "-o", out, "--masks")
    rows, overlay = (out / "predictions.csv").read_bytes(), out / "overlays/b.png.png"
    drawn = overlay.read_bytes()
    overlay.unlink()
    if loss == "empty":
        overlay.touch()
    assert predict(pictures, "-o", out, "--masks", "--resume").exit_code == 0
    assert (out / "predictions.csv").read_bytes() == rows
    assert overlay.read_bytes() == drawn


def test_resuming_with_other_settings_is_refused(predict, pictures, tmp_path):
    out = tmp_path / "out"
    predict(pictures, "-o", out)
    refused = predict(pictures, "-o", out, "--resume", "--threshold", "0.9")
    assert refused.exit_code == 2
    assert "threshold was 0.4, now 0.9" in refused.err


def test_resuming_with_other_pictures_is_refused(predict, pictures, paint, tmp_path):
    out = tmp_path / "out"
    predict(pictures, "-o", out)
    paint(pictures / "aa.png")
    refused = predict(pictures, "-o", out, "--resume")
    assert refused.exit_code == 2
    assert "not in its place" in refused.err


def test_resuming_needs_to_know_which_run(predict, pictures):
    refused = predict(pictures, "--resume")
    assert refused.exit_code == 2
    assert "--resume needs -o" in refused.err


def test_resuming_removes_a_report_of_fewer_rows(predict, pictures, paint, tmp_path):
    out = tmp_path / "out"
    predict(pictures, "-o", out, "--report")
    paint(pictures / "e.png")
    assert predict(pictures, "-o", out, "--resume").exit_code == 0
    assert not (out / "report.html").exists()
    assert predict(pictures, "-o", out, "--resume", "--report").exit_code == 0
    assert "Inspection of 5 pictures" in (out / "report.html").read_text(encoding="utf-8")


def test_resuming_is_not_overwriting(predict, pictures, tmp_path):
    refused = predict(pictures, "-o", tmp_path / "out", "--resume", "--overwrite")
    assert refused.exit_code == 2
    assert "--resume and --overwrite contradict each other" in refused.err


def test_resuming_inspects_again_what_could_not_be_read(predict, pictures, paint, tmp_path):
    (pictures / "b.png").write_bytes(b"cut short")
    first = predict(pictures, "-o", tmp_path / "out")
    assert first.exit_code == 3
    paint(pictures / "b.png", "crack")
    again = predict(pictures, "-o", tmp_path / "out", "--resume")
    assert again.exit_code == 0, again.err
    rows = read_records(tmp_path / "out/predictions.csv")
    assert [(row.path[-5:], row.status, row.label) for row in rows] == [
        ("a.png", "ok", "good"),
        ("b.png", "ok", "crack"),
        ("c.png", "ok", "scratch"),
        ("d.png", "ok", "good"),
    ]
    assert (tmp_path / "out/overlays/b.png.png").is_file()
