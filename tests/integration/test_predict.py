import json
import re
from pathlib import Path

import pytest

from capsule_inspect.cli.options import split_arguments
from capsule_inspect.inference import inspector
from capsule_inspect.inference.records import read_records
from capsule_inspect.workflows import predict as workflow


def test_a_folder_gives_rows_overlays_and_a_last_line(predict, pictures, tmp_path):
    out = tmp_path / "out"
    result = predict(pictures, "-o", out)
    assert result.exit_code == 0
    assert result.out == ""
    records = read_records(out / "predictions.csv")
    assert [record.label for record in records] == ["good", "crack", "scratch", "good"]
    assert [record.path for record in records] == [f"{pictures}/{n}.png" for n in "abcd"]
    assert all((out / record.overlay).is_file() for record in records)
    assert {record.threshold for record in records} == {0.4}
    assert re.fullmatch(
        r"4 pictures: 2 good, 1 crack, 1 scratch in \d+\.\d s\. "
        rf"Results: {re.escape(str(out))}/predictions\.csv "
        r"\(for a report: the same command with --resume --report\)\n",
        result.err,
    )


def test_masks_on_and_overlays_off(predict, pictures, tmp_path):
    out = tmp_path / "out"
    assert predict(pictures, "-o", out, "--masks", "--no-overlays").exit_code == 0
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"masks"}
    good, crack, *_ = read_records(out / "predictions.csv")
    assert good.defect_area_px == 0
    assert crack.defect_area_pct > 95


def test_a_report_is_a_page_of_all_rows(predict, pictures, tmp_path):
    out = tmp_path / "out"
    (pictures / "bad.png").write_bytes(b"none")
    result = predict(pictures, "-o", out, "--report", "--threshold", "0.6")
    assert result.exit_code == 3
    assert f"Report: {out}/report.html" in result.err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Inspection of 5 pictures" in page
    assert "Model tiny.tflite, threshold 0.6." in page
    assert page.count("<tr ") == 5
    assert "data:image/jpeg" in page


def test_a_report_is_removed_with_its_run(predict, pictures, tmp_path):
    out = tmp_path / "out"
    predict(pictures, "-o", out, "--report")
    assert predict(pictures, "-o", out, "--overwrite").exit_code == 0
    assert not (out / "report.html").exists()


def test_the_output_has_a_default(predict, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = predict(pictures / "a.png")
    assert result.exit_code == 0
    latest = tmp_path / "runs/predict/latest"
    (out,) = set(latest.parent.iterdir()) - {latest}
    assert re.fullmatch(r"\d{8}-\d{6}-a", out.name)
    assert latest.resolve() == out
    assert f"{out}/predictions.csv" in result.err


def test_a_mistyped_input_leaves_no_folder_behind(predict, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = predict("nowhere.png")
    assert refused.exit_code == 2
    assert "nowhere.png" in refused.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("threshold", "label"), [("0", "scratch"), ("1", "good"), (".1", "scratch")]
)
def test_a_threshold_given_replaces_the_models(predict, pictures, tmp_path, threshold, label):
    out = tmp_path / "out"
    assert predict(pictures / "a.png", "-o", out, "--threshold", threshold).exit_code == 0
    (record,) = read_records(out / "predictions.csv")
    assert record.threshold == float(threshold)
    assert record.label == label  # of red, the defect score is 0.13 and scratch the likeliest


@pytest.mark.parametrize("threshold", ["-0.1", "1.1", "nan", "inf"])
def test_an_impossible_threshold_is_refused(predict, pictures, tmp_path, threshold):
    result = predict(pictures, "-o", tmp_path / "out", "--threshold", threshold)
    assert result.exit_code == 2
    assert "between 0 and 1" in result.err
    assert not (tmp_path / "out").exists()


def test_json_prints_the_rows(predict, pictures, tmp_path):
    out = tmp_path / "out"
    result = predict(pictures, "-o", out, "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    records = read_records(out / "predictions.csv")
    assert [row["path"] for row in rows] == [record.path for record in records]
    assert [row["p_crack"] for row in rows] == [r.probabilities[1] for r in records]


def test_the_table_names_each_picture(predict, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures)
    result = predict(".", "-o", tmp_path / "out", "--table")
    lines = [line.split() for line in result.out.splitlines()]
    assert [line[:2] for line in lines if line and line[0].endswith(".png")] == [
        ["a.png", "good"],
        ["b.png", "crack"],
        ["c.png", "scratch"],
        ["d.png", "good"],
    ]


def test_json_and_table_do_not_mix(predict, pictures, tmp_path):
    refused = predict(pictures, "-o", tmp_path / "out", "--json", "--table")
    assert refused.exit_code == 2
    assert "--json and --table both print" in refused.err


def test_verbose_says_what_it_uses(predict, pictures, tmp_path, tiny_model):
    err = predict(pictures, "-o", tmp_path / "out", "-v").err
    assert f"Model: {tiny_model} (float32)" in err
    assert "Runtime: ai-edge-litert" in err
    assert "Threshold: 0.4 (hand-made for the tests)" in err
    err = predict(pictures, "-o", tmp_path / "two", "-v", "--threshold", "0.25").err
    assert "Threshold: 0.25 (set by the user)" in err


class TestFailOnDefect:
    def test_passes_good_capsules(self, predict, pictures, tmp_path):
        out = tmp_path / "out"
        assert predict(pictures / "a.png", "-o", out, "--fail-on-defect").exit_code == 0

    def test_fails_on_a_defect_and_still_ends_with_the_counts(self, predict, pictures, tmp_path):
        result = predict(pictures, "-o", tmp_path / "out", "--fail-on-defect")
        assert result.exit_code == 1
        assert "2 defective pictures" in result.err
        assert result.err.splitlines()[-1].startswith("4 pictures: 2 good")

    def test_fails_on_a_picture_without_capsule(
        self, invoke, pictures, tmp_path, tiny_capsule_model
    ):
        arguments = (pictures / "a.png", "-o", tmp_path / "out", "--model", tiny_capsule_model)
        result = invoke("predict", *arguments, "--fail-on-defect")
        assert result.exit_code == 1
        assert "1 picture, 0 capsules; 1 without a capsule in" in result.err
        assert invoke("predict", *arguments[:-3], tmp_path / "2", *arguments[-2:]).exit_code == 0

    def test_yields_to_unreadable_files(self, predict, pictures, tmp_path):
        (pictures / "e.png").touch()
        result = predict(pictures, "-o", tmp_path / "out", "--fail-on-defect")
        assert result.exit_code == 3


class TestUsage:
    def test_a_used_output_folder_is_refused(self, predict, pictures, tmp_path):
        assert predict(pictures, "-o", tmp_path / "out").exit_code == 0
        before = (tmp_path / "out/predictions.csv").read_bytes()
        result = predict(pictures / "a.png", "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert "not empty" in result.err
        assert (tmp_path / "out/predictions.csv").read_bytes() == before

    @pytest.mark.parametrize("arguments", [[], ["gone.png"], ["empty"], ["gone/*.png"]])
    def test_nothing_to_do_is_refused(self, predict, tmp_path, monkeypatch, arguments):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        result = predict(*arguments, "-o", "out")
        assert result.exit_code == 2
        assert all(argument in result.err for argument in arguments)
        assert not (tmp_path / "out").exists()

    def test_a_missing_file_among_others_gets_a_row(self, predict, pictures, tmp_path):
        out = tmp_path / "out"
        assert predict(pictures, pictures / "gone.png", "-o", out).exit_code == 3
        last = read_records(out / "predictions.csv")[-1]
        assert (Path(last.path).name, last.status) == ("gone.png", "error")
        assert "does not exist" in last.error

    def test_a_missing_shipped_model_is_named(self, invoke, pictures, tmp_path, monkeypatch):
        for module in (workflow, inspector):
            monkeypatch.setattr(module, "SHIPPED_MODEL", tmp_path / "none.tflite")
        result = invoke("predict", pictures, "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert "none.tflite" in result.err
        assert "Install the package again" in result.err

    def test_an_unknown_runtime_is_refused(self, predict, pictures, tmp_path):
        refused = predict(pictures, "-o", tmp_path / "out", "--runtime", "onnx")
        assert refused.exit_code == 2
        assert "'onnx' is not one of 'auto'" in refused.err


class TestOverrides:
    def test_are_told_from_files(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "b=1.png").touch()
        given = ["a.png", "b=1.png", "predict.threads=2", "+x.y=1", "~z=", "x y=1", "./c=d", "=1"]
        assert split_arguments(given) == (
            ["a.png", "b=1.png", "x y=1", "./c=d", "=1"],
            ["predict.threads=2", "+x.y=1", "~z="],
        )

    def test_reach_the_command(self, predict, pictures, tmp_path):
        out = tmp_path / "out"
        result = predict(pictures, "-o", out, "-v", "predict.threads=2")
        assert result.exit_code == 0
        assert "2 threads" in result.err
        result = predict(pictures, "-o", tmp_path / "2", "predict.max_megapixels=0.003")
        assert result.exit_code == 3  # the pictures have 0.003072 megapixels

    def test_unknown_ones_are_refused(self, predict, pictures, tmp_path):
        result = predict(pictures, "-o", tmp_path / "out", "predict.thread=2")
        assert result.exit_code == 2
        assert "predict.threads" in result.err

    def test_print_config_needs_no_inputs(self, invoke):
        result = invoke("predict", "--print-config", "predict.threads=3")
        assert result.exit_code == 0
        assert "threads: 3" in result.out


def test_it_loads_no_training_packages(modules_after, pictures, tmp_path, tiny_model):
    out = ("-o", tmp_path / "out", "--masks")
    modules = modules_after("predict", pictures, "--model", tiny_model, *out)
    assert "cv2" in modules
    assert not modules & {"tensorflow", "keras", "hydra", "omegaconf", "sklearn", "matplotlib"}
    assert "jinja2" not in modules  # without --report


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"]])
def test_help_loads_nothing_heavy(modules_after, arguments):
    assert not modules_after(*arguments) & {"numpy", "cv2", "ai_edge_litert", "hydra"}


def test_overwriting_starts_again_with_other_settings(predict, pictures, tmp_path):
    out = tmp_path / "out"
    predict(pictures, "-o", out)
    assert predict(pictures, "-o", out, "--overwrite", "--overlays", "none").exit_code == 0
    assert not (out / "overlays").exists()
    assert len(read_records(out / "predictions.csv")) == 4


def test_overlays_of_earlier_runs_are_no_inputs(predict, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert "4 pictures" in predict(".", "-r").err
    assert predict(".", "-r", "-o", pictures / "overlays").exit_code == 0
    assert "4 pictures" in predict(".", "-r").err


def test_a_run_does_not_inspect_its_own_overlays(predict, pictures):
    out = pictures / "out"
    predict(pictures, "-r", "-o", out)
    assert predict(pictures, "-r", "-o", out, "--overwrite").exit_code == 0
    assert len(read_records(out / "predictions.csv")) == 4


def test_quiet_says_nothing_but_errors(predict, pictures, tmp_path):
    done = predict(pictures, "-o", tmp_path / "out", "-q")
    assert (done.exit_code, done.out, done.err) == (0, "", "")
    assert "not empty" in predict(pictures, "-o", tmp_path / "out", "-q").err
    refused = predict(pictures, "-o", tmp_path / "other", "-q", "-v")
    assert refused.exit_code == 2
    assert "--quiet and --verbose contradict each other" in refused.err


def test_the_log_keeps_what_was_said_and_what_was_wrong(predict, pictures, tmp_path):
    (pictures / "e.png").write_text("none")
    log = tmp_path / "run.log"
    done = predict(pictures, "-o", tmp_path / "out", "--log-file", log, "-v", "-q")
    assert done.exit_code == 2
    done = predict(pictures, "-o", tmp_path / "out", "--log-file", log, "-v")
    assert done.exit_code == 3
    lines = log.read_text(encoding="utf-8")
    assert "INFO Model: " in lines
    assert re.search(r"INFO .*e\.png: .*no PNG", lines)
    assert "ERROR 1 of 5 files could not be read" in lines


def test_a_log_that_cannot_be_written_is_refused(predict, pictures, tmp_path):
    refused = predict(pictures, "-o", tmp_path / "out", "--log-file", tmp_path / "no/run.log")
    assert refused.exit_code == 2
    assert "no/run.log' cannot be written" in refused.err
    assert not (tmp_path / "out").exists()
