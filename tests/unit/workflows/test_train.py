from dataclasses import replace
from pathlib import Path

import pytest
from recorder import Recorder

from capsule_inspect.dataset.data_set import DataSet, read_dataset, write_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import ConfigError, DataError, UsageError
from capsule_inspect.model.encoders.registry import ENCODERS
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.training.study import make_study
from capsule_inspect.workflows.arguments import all_overrides, compose_settings
from capsule_inspect.workflows.evaluate import evaluate
from capsule_inspect.workflows.export import export
from capsule_inspect.workflows.train import start_run, train
from capsule_inspect.workflows.tune import tune


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """Two data set folders of one picture each, whose pictures may also lie in `elsewhere`."""
    monkeypatch.chdir(tmp_path)
    Path("elsewhere").mkdir()
    sample = Sample("0.png", "good", "", "train", None, "ab" * 32, 1, 1)
    for name in ("old", "new"):
        folder = tmp_path / name
        write_dataset(folder, DataSet(folder, ("good",), (sample,), 0, name, "none", "1"))


@pytest.fixture
def begun(tmp_path):
    """A run folder that was begun with settings of its own."""
    folder = tmp_path / "run"
    overrides = ["train.epochs=3", "data.dir=old", "tune.trials=5"]
    settings, _, run = start_run("train", compose(overrides), folder, overrides)
    assert run.path == folder
    assert read_settings(run.config) == settings
    return folder


def resume(command, folder, *overrides, out=None, changeable=(), **options):
    given = {f"{command}.resume": folder, **{k.replace("_", "."): v for k, v in options.items()}}
    asked = compose_settings(overrides, options=given)
    return start_run(command, asked, out, all_overrides(overrides, given), changeable)


def test_a_run_resumes_with_its_own_settings(begun):
    settings, data, run = resume("train", begun)
    assert data.source == "old"
    assert run.path == begun
    own = replace(settings, train=replace(settings.train, resume=""))
    assert own == read_settings(begun / "config.yaml")


def test_a_run_does_not_go_on_with_other_data(begun, tmp_path):
    other = replace(read_dataset(tmp_path / "old").samples[0], label="good", split="test")
    write_dataset(tmp_path / "other", DataSet(tmp_path, ("good",), (other,), 0, "s", "none", "1"))
    with pytest.raises(DataError, match="'other' is not the one that"):
        resume("train", begun, data_dir="other")
    assert resume("train", begun, data_dir="new")[1].source == "new"  # moved, but the same


def test_a_new_run_is_named_by_its_data_and_says_what_made_it():
    overrides = ["data.dir=old", "tune.storage='postgresql://me:geheim@host/db'"]
    _, _, run = start_run("tune", compose(overrides), None, overrides)
    assert run.path.parent == Path("runs/tune")
    assert run.path.name.endswith("-old")
    text = (run.path / "environment.json").read_text()
    assert "data.dir=old" in text
    assert "geheim" not in text


@pytest.fixture
def strips(tmp_path):
    """A data set folder of two pictures, 114 x 286 pixels to train on and a square to test."""
    sizes = {"train": (114, 286), "test": (50, 50)}
    samples = tuple(
        Sample(f"{split}.png", "good", "", split, None, split, *size)
        for split, size in sizes.items()
    )
    write_dataset(tmp_path / "strips", DataSet(tmp_path, ("good",), samples, 0, "s", "none", "1"))


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_window_in_the_shape_of_the_pictures_is_settled_when_a_run_begins(command):
    recorder, overrides = Recorder(), ["data.dir=strips", "experiment=whole_picture"]
    asked = compose(overrides)
    settings, _, run = start_run(command, asked, Path("run"), overrides, reporter=recorder)
    assert settings.model.roi == replace(asked.model.roi, width=160, height=416)
    assert read_settings(run.config) == settings
    assert recorder.said == ["The window has the shape of the pictures: 160 x 416 px."]
    resumed, _, _ = resume(command, "run")
    assert resumed.model == settings.model


@pytest.mark.usefixtures("strips")
def test_a_study_has_one_window_from_all_its_pictures():
    overrides = ["data.dir=strips", "experiment=whole_picture", "train.folds=2"]
    settings, _, run = start_run("train", compose(overrides), Path("study"), overrides)
    # Between 114 x 286 and a square: the root of 114 / 286 is .631, so 203.4 x 322.2.
    assert (settings.model.roi.width, settings.model.roi.height) == (192, 320)
    members = make_study(run.path, settings).members
    assert [member.settings.model for member in members] == [settings.model] * 2


def test_a_fixed_window_is_not_told_of():
    recorder, overrides = Recorder(), ["data.dir=old", "experiment=seed_baseline"]
    settings, _, _ = start_run("train", compose(overrides), None, overrides, reporter=recorder)
    assert (settings.model.roi.width, settings.model.roi.height) == (512, 512)
    assert recorder.said == []


def test_a_run_that_is_resumed_keeps_what_it_began_with(begun):
    before = (begun / "environment.json").read_text()
    resume("train", begun, "data.dir=new")
    assert (begun / "environment.json").read_text() == before


def test_a_data_set_that_is_not_there_leaves_no_folder_behind():
    with pytest.raises(DataError, match="nowhere"):
        start_run("train", compose(["data.dir=nowhere"]), None, ["data.dir=nowhere"])
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", ["train", "tune"])
@pytest.mark.parametrize(
    "override",
    [
        "model.encoder=efficientnet_lite9",
        "space.dimensions=[{key:model.encoder,choices:[convnext_tiny,efficientnet_lite9]}]",
    ],
)
def test_an_encoder_that_is_not_there_leaves_no_folder_behind(command, override):
    overrides = ["data.dir=old", override]
    with pytest.raises(ConfigError, match=r"'efficientnet_lite9'\. Did you mean"):
        start_run(command, compose(overrides), Path("out"), overrides)
    assert not Path("out").exists()


def test_pictures_may_have_moved(begun):
    settings, data, _ = resume("train", begun, "data.dir=new", "data.root=elsewhere")
    assert (settings.data.dir, settings.data.root) == ("new", "elsewhere")
    assert (data.source, data.root.name) == ("new", "elsewhere")
    assert settings.train.epochs == 3


def test_where_pictures_are_may_come_from_an_option(begun):
    settings, _, _ = resume("train", begun, data_root="elsewhere")
    assert (settings.data.dir, settings.data.root) == ("old", "elsewhere")


def test_other_settings_are_refused_by_name_and_so_is_another_folder(begun, tmp_path):
    with pytest.raises(UsageError, match=r"Leave out train\.epochs\. .*--data and --data-root\."):
        resume("train", begun, "train.epochs=60", "data.dir=new")
    with pytest.raises(UsageError, match=r"Leave out --out\."):
        resume("train", begun, out=tmp_path / "other")
    with pytest.raises(UsageError) as caught:
        resume(
            *("tune", begun, "++tune.epochs=3"),
            out=tmp_path / "other",
            changeable=("tune.trials",),
            tune_storage="sqlite:///other.db",
        )
    assert str(caught.value) == (
        f"'{begun}' keeps its folder and the settings it began with. Leave out tune.epochs, "
        "--storage, --out. With --resume you can change --data, --data-root and tune.trials."
    )


def test_a_search_may_ask_for_more_trials(begun):
    settings, _, _ = resume("tune", begun, "tune.trials=9", changeable=("tune.trials",))
    assert settings.tune.trials == 9
    assert settings.tune.resume == str(begun)
    assert resume("tune", begun, changeable=("tune.trials",))[0].tune.trials == 5


def test_a_folder_that_holds_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"config\.yaml"):
        resume("train", tmp_path)
    (tmp_path / "config.yaml").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        resume("train", tmp_path)


def test_a_data_set_given_as_an_argument_may_have_moved_too(begun):
    settings, data, _ = resume("train", begun, data_dir="new")
    assert (settings.data.dir, data.source) == ("new", "new")
    assert settings.train.epochs == 3


def test_a_run_is_resumed_by_an_override_as_well(begun):
    given = [f"train.resume={begun}", "data.root=elsewhere"]
    settings, data, run = start_run("train", compose(given), None, given)
    assert (settings.data.dir, data.root.name) == ("old", "elsewhere")
    assert (run.path, settings.train.epochs) == (begun, 3)


@pytest.mark.parametrize(
    "resumed", [{"resume": "run"}, {"overrides": ["train.resume=run"]}], ids=["option", "override"]
)
@pytest.mark.usefixtures("begun", "with_extra")
def test_the_workflow_resumes_a_run(resumed):
    with pytest.raises(UsageError, match=r"'run' keeps its folder .* Leave out --out\."):
        train(**resumed, out="other")


@pytest.mark.parametrize(
    "resumed", [{"resume": "run"}, {"overrides": ["tune.resume=run"]}], ids=["option", "override"]
)
@pytest.mark.usefixtures("begun", "with_extra")
def test_the_workflow_resumes_a_search(resumed):
    with pytest.raises(UsageError, match=r"'run' keeps its folder .* Leave out --storage\."):
        tune(**resumed, storage="sqlite:///other.db")


def test_the_storage_of_a_search_is_a_setting_of_its_run():
    options = {"data.dir": "old", "tune.storage": "sqlite:///a b.db"}
    given = all_overrides((), options)
    _, _, run = start_run("tune", compose_settings(options=options), Path("search"), given)
    assert read_settings(run.config).tune.storage == "sqlite:///a b.db"


SMALL = (
    "model.encoder=small",
    "model.weights=none",
    "model.roi.width=96",
    "model.roi.height=64",
    "model.roi.capsule_length=86",
    "model.head=mask_pooling",
    "model.decoder_filters=[4,4]",
    "model.head_units=[4]",
    "train.encoder_learning_rate=1e-3",
    "train.epochs=2",
    "train.steps=2",
    "train.batch_size=4",
    "train.drawn=4",
    "train.validate_every=1",
)


@pytest.fixture
def small(few_pictures, small_encoder, monkeypatch):
    """A data set folder to train on, and an encoder of five layers by the name of `small`."""
    pytest.importorskip("tensorflow", reason="training needs the train extra")
    monkeypatch.setitem(ENCODERS, "small", small_encoder)
    write_dataset(Path("small"), few_pictures)
    return "small"


@pytest.mark.slow
def test_a_network_is_trained_and_told_of(small, tmp_path, capfd):
    recorder = Recorder()
    done = train(small, out=str(tmp_path / "out"), overrides=SMALL, reporter=recorder)
    assert (done.folder, done.data) == (tmp_path / "out", Path(small))
    assert done.model == tmp_path / "out/model.keras"
    assert done.model.is_file()
    assert {metric.name: metric.n for metric in done.metrics}["accuracy"] == 3
    assert done.elsewhere == ()
    said = [each for each in recorder.said if not each.startswith("Loading")]
    assert said[:2] == [
        "Reading the training pictures of small.",
        "Training from epoch 1 to 2.",
    ]
    assert [each for each in recorder.said if each.startswith("Epoch 2 of 2: loss ")]
    assert recorder.said[-1] == "Choosing the operating point."
    steps = [each for each in recorder.counted if each[1]]
    assert [done for _, done, _ in steps if done] == sorted(done for _, done, _ in steps if done)
    assert steps[-1] == ("Epoch 2/2", 4, 4)
    assert recorder.units == ["steps"]
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_a_study_is_trained_in_silence_and_exported_and_evaluated(small, tmp_path, capfd):
    done = train(
        small, out=tmp_path / "study", overrides=[*SMALL, "train.epochs=1", "train.folds=2"]
    )
    assert (done.folder, done.model, done.metrics) == (tmp_path / "study", None, ())
    assert done.elsewhere == ()
    assert (done.folder / "decision.json").is_file()
    recorder, seen = Recorder(), []
    exported = export(
        done.folder,
        small,
        force=True,
        overrides=["export=float32"],
        on_file=seen.append,
        reporter=recorder,
    )
    assert exported.study == done.folder
    assert tuple(seen) == exported.files
    names = ["seed-0-fold-0", "seed-0-fold-1"]
    assert [each.path.parent.name for each in exported.files] == names
    assert [each for each in recorder.said if each.endswith(":")] == [f"{n}:" for n in names * 2]
    measured = evaluate(done.folder, small, out=tmp_path / "measured")
    assert measured.evaluation.split == "out of fold"
    assert measured.pictures.endswith("not seen it (model.tflite)")
    assert (measured.file, measured.report) == (None, tmp_path / "measured/report.html")
    assert {metric.name: metric.n for metric in measured.metrics}["accuracy"] == 12
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_a_search_returns_the_best_settings(small, tmp_path, capfd):
    recorder = Recorder()
    space = "space.dimensions=[{key:train.learning_rate,low:0.001,high:0.01}]"
    done = tune(
        small,
        out=tmp_path / "search",
        overrides=[*SMALL, space, "tune.trials=2", "tune.epochs=1"],
        reporter=recorder,
    )
    assert (done.folder, done.finished, done.running) == (tmp_path / "search", 2, 0)
    assert list(done.best) == ["train.learning_rate"]
    assert 0 <= done.score <= 1
    assert done.experiment == tmp_path / "search/best.yaml"
    assert done.experiment.is_file()
    assert done.figures.startswith(f"Drew {tmp_path / 'search/history.png'}")
    assert sum("score" in each and "epoch" not in each for each in recorder.said) == 2
    assert recorder.units == []  # trials say how they do, epoch by epoch
    assert capfd.readouterr().out == ""
