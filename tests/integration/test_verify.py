"""`capsule-inspect verify` on what `predict` wrote."""

import json

import pytest

from capsule_inspect.choices import SHIPPED_MODEL


@pytest.fixture
def results(predict, pictures, tmp_path):
    predict(pictures, "-o", tmp_path / "out", "--masks", "--report")
    return tmp_path / "out"


def test_what_predict_wrote_passes(invoke, results, tiny_model):
    done = invoke("verify", results, "--model", tiny_model, "--inputs")
    assert done.exit_code == 0, done.err
    seal = json.loads((results / "run.json").read_text())["digests"]["run"]
    assert done.out == f"'{results}' is as the run left it: 4 pictures.\nSeal: {seal}\n"


def test_a_resumed_run_passes_with_the_seal_of_one_that_was_never_stopped(
    predict, pictures, invoke, results
):
    seal = json.loads(invoke("verify", results, "--json").out)["seal"]
    rows = (results / "predictions.csv").read_bytes()
    (results / "predictions.csv").write_bytes(b"".join(rows.splitlines(True)[:3]))
    resumed = predict(pictures, "-o", results, "--masks", "--report", "--resume")
    assert resumed.exit_code == 0
    done = invoke("verify", results, "--json")
    assert done.exit_code == 0
    assert json.loads(done.out) == {
        "folder": str(results),
        "pictures": 4,
        "seal": seal,
        "problems": [],
        "unread_inputs": 0,
    }


def test_what_was_changed_is_named_on_stdout(invoke, results):
    (results / "masks/b.png.png").unlink()
    (results / "report.html").write_text("better")
    done = invoke("verify", results, "--model", SHIPPED_MODEL)
    assert done.exit_code == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("The run says that another model made it")
    assert lines[1:] == ["'masks/b.png.png' was removed.", "report.html was edited."]
    assert done.err == f"Error: 3 things in '{results}' are not as the run left it.\n"


def test_pictures_that_are_gone_are_counted(invoke, results, pictures):
    (pictures / "a.png").unlink()
    done = invoke("verify", results, "--inputs")
    assert done.exit_code == 0
    assert "1 picture cannot be read at the path in its row" in done.out


@pytest.mark.parametrize("name", ["pictures", "none"])
def test_another_folder_is_refused(invoke, tmp_path, pictures, name):
    folder = pictures if name == "pictures" else tmp_path / name
    done = invoke("verify", folder)
    assert done.exit_code == 2
    assert "no run.json" in done.err


def test_an_unfinished_run_is_told_how_to_finish(invoke, results):
    run = json.loads((results / "run.json").read_text())
    del run["digests"]
    (results / "run.json").write_text(json.dumps(run, indent=2) + "\n")
    done = invoke("verify", results)
    assert done.exit_code == 2
    assert "--resume" in done.err


def test_it_works_from_python(results, tiny_model):
    import capsule_inspect  # noqa: PLC0415  (as a script does)

    found = capsule_inspect.verify(results, model=tiny_model, inputs=True)
    assert (found.problems, found.pictures) == ((), 4)
