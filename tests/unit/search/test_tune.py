"""Workers, kills, pruning and resuming, with a cheap objective in place of a network."""

import csv
import math
import platform
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import yaml
from recorder import Recorder

from capsule_inspect.dataset.data_set import read_dataset
from capsule_inspect.errors import ConfigError, DataError, InterruptedRunError
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.tune import ReportEpochs, TrialReporter, trial_trainer, tune
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.groups import Settings, TuneSettings
from capsule_inspect.settings.search_space import Dimension, SpaceSettings
from capsule_inspect.settings.yaml_text import read_settings

WORKER = """
import os, signal, sys, time
from pathlib import Path
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.search_space import Dimension, SpaceSettings
from capsule_inspect.reporter import SILENT
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.tune import tune
from capsule_inspect.settings.groups import TuneSettings

run, trials, deadly, workers = Path(sys.argv[1]), *map(int, sys.argv[2:])
log = run / "started.txt"

def run_trial(settings, folder, reporter):
    rate = settings.train.learning_rate
    with log.open("a") as stream:
        stream.write(f"{os.getpid()} {folder.path.name} {rate!r}\\n")
    if len(log.read_text().splitlines()) == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    end = time.monotonic() + 60
    while len({line.split()[0] for line in log.read_text().splitlines()}) < workers:
        assert time.monotonic() < end, "the other worker does not take part"
        time.sleep(0.02)
    reporter.report(1, rate)
    return reporter.last

settings = Settings(
    tune=TuneSettings(trials=trials, epochs=1, startup_trials=99),
    space=SpaceSettings([Dimension("train.learning_rate", 0.1, 1.0)]),
)
tune(settings, RunFolder(run), SILENT, run_trial)
"""


def start_worker(run, trials, deadly=0, workers=1):
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *map(str, (run, trials, deadly, workers))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def started(run):
    """Process, trial and learning rate of every trial that was started."""
    return [tuple(line.split()) for line in (run / "started.txt").read_text().splitlines()]


def table(run):
    with (run / "trials.csv").open() as stream:
        return list(csv.DictReader(stream))


def search(run: Path, run_trial, trials=4, reporter=SILENT, space=None, **changes):
    settings = Settings(
        tune=TuneSettings(**{"trials": trials, "epochs": 1, "startup_trials": 99, **changes}),
        space=space or SpaceSettings([Dimension("train.learning_rate", 0.1, 1.0)]),
    )
    return tune(settings, RunFolder(run), reporter, run_trial)


def by_rate(settings, _folder, reporter):
    reporter.report(1, settings.train.learning_rate)
    return reporter.last


@pytest.mark.slow
def test_a_killed_workers_trial_is_run_again_and_only_that(tmp_path):
    worker = start_worker(tmp_path, trials=5, deadly=3)
    worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGKILL
    assert [row["state"] for row in table(tmp_path)] == ["complete"] * 2
    killed = started(tmp_path)[2][2]

    worker = start_worker(tmp_path, trials=5)
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    states = [row["state"] for row in table(tmp_path)]
    assert states.count("complete") == 5
    assert states.count("fail") == 1
    rates = [rate for _, _, rate in started(tmp_path)]
    assert rates.count(killed) == 2
    assert len(rates) == 6
    assert len(set(rates)) == 5


@pytest.mark.slow
def test_two_workers_share_the_trials(tmp_path):
    workers = [start_worker(tmp_path, trials=8, workers=2) for _ in range(2)]
    for worker in workers:
        _, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err
    runs = started(tmp_path)
    assert sorted(name for _, name, _ in runs) == [f"trial-00{i}" for i in range(8)]
    assert len({rate for _, _, rate in runs}) == 8
    assert len({process for process, _, _ in runs}) == 2
    assert [row["state"] for row in table(tmp_path)] == ["complete"] * 8
    best = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert best["train"]["learning_rate"] == max(float(rate) for _, _, rate in runs)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, InterruptedRunError("Resume with train.")])
def test_a_stopped_search_says_how_to_resume_it_and_runs_the_stopped_trial_again(tmp_path, stop):
    rates = []

    def interrupted(settings, folder, reporter):
        rates.append(settings.train.learning_rate)
        if len(rates) == 2:
            raise stop
        return by_rate(settings, folder, reporter)

    with pytest.raises(InterruptedRunError) as caught:
        search(tmp_path, interrupted, trials=3)
    assert f"tune --resume {tmp_path} tune.trials=3" in str(caught.value)
    assert [row["state"] for row in table(tmp_path)] == ["complete", "fail", "waiting"]

    tuned = search(tmp_path, interrupted, trials=3)
    assert len(rates) == 4
    assert rates[2] == rates[1]
    assert len(set(rates)) == 3
    assert tuned.score == max(rates)
    assert (tuned.finished, tuned.running) == (3, 0)


def test_a_resumed_search_draws_what_an_uninterrupted_one_draws(tmp_path):
    def rates(name, *parts, seed=0):
        (tmp_path / name).mkdir()
        found = []

        def run_trial(settings, _folder, _reporter):
            found.append(settings.train.learning_rate)
            return found[-1]

        for trials in parts:
            search(tmp_path / name, run_trial, trials=trials, startup_trials=2, seed=seed)
        return found

    whole = rates("whole", 4)
    assert len(set(whole)) == 4
    assert rates("resumed", 1, 4) == whole
    assert not set(rates("other seed", 1, seed=1)) & set(whole)


def test_trials_below_the_median_are_stopped_after_the_warm_up_and_never_at_the_end(tmp_path):
    """Scores by trial; the 4th is worst from the start, the 5th only in its last epoch."""
    finals = iter([0.5, 0.6, 0.7, 0.1, None])
    reported = []

    def run_trial(settings, folder, reporter):
        del folder
        assert (settings.train.epochs, settings.train.validate_every) == (4, 1)
        final = next(finals)
        reported.append(0)
        for epoch in range(1, 5):
            reported[-1] = epoch
            value = -epoch if final is None and epoch == 4 else 0.9 if final is None else final
            reporter.report(epoch, value)
        return reporter.last

    recorder = Recorder()
    options = {"epochs": 4, "startup_trials": 3, "warmup_epochs": 1}
    search(tmp_path, run_trial, trials=5, reporter=recorder, **options)
    assert reported == [4, 4, 4, 2, 4]
    rows = table(tmp_path)
    assert [row["state"] for row in rows] == ["complete"] * 3 + ["pruned", "complete"]
    assert [row["epochs"] for row in rows] == ["4", "4", "4", "2", "4"]
    assert [float(row["score"]) for row in rows] == [0.5, 0.6, 0.7, 0.1, -4]
    assert any("Trial 3 is stopped" in sentence for sentence in recorder.said)


def test_without_a_pruner_every_trial_runs_to_its_end(tmp_path):
    finals = iter([0.5, 0.6, 0.7, 0.1, 0.0])

    def run_trial(_settings, _folder, reporter):
        final = next(finals)
        for epoch in (1, 2):
            reporter.report(epoch, final)
        return reporter.last

    options = {"epochs": 2, "startup_trials": 1, "warmup_epochs": 0, "pruner": "none"}
    tuned = search(tmp_path, run_trial, trials=5, **options)
    assert {row["state"] for row in table(tmp_path)} == {"complete"}
    assert tuned.score == 0.7


def test_a_trial_that_diverges_is_pruned_and_the_search_goes_on(tmp_path):
    finals = iter([math.nan, 0.6, math.inf])
    tuned = search(tmp_path, lambda *_: next(finals), trials=3)
    assert [row["state"] for row in table(tmp_path)] == ["pruned", "complete", "pruned"]
    assert (tuned.score, tuned.finished) == (0.6, 3)


def test_if_no_trial_can_be_completed_the_search_says_so(tmp_path):
    with pytest.raises(DataError, match="None of the 2 trials"):
        search(tmp_path, lambda *_: math.nan, trials=2)
    assert not (tmp_path / "best.yaml").exists()


def test_a_trial_that_fails_is_not_counted_nor_tried_again(tmp_path):
    rates = []

    def failing(settings, folder, reporter):
        rates.append(settings.train.learning_rate)
        if len(rates) == 1:
            raise ConfigError("No network can be made.")
        return by_rate(settings, folder, reporter)

    with pytest.raises(ConfigError, match="No network"):
        search(tmp_path, failing, trials=2)
    search(tmp_path, failing, trials=2)
    assert [row["state"] for row in table(tmp_path)] == ["fail", "complete", "complete"]
    assert len(set(rates)) == 3


def test_the_best_settings_are_an_experiment_whatever_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dimensions = [
        Dimension("train.augment.rotate", 0.0, 10.0, step=2.5),
        Dimension("train.augment.shift_x", 4, 32, log=True),
        Dimension("train.batch_size", 4, 12, step=4),
        Dimension("model.encoder", choices=["efficientnet_lite1", "efficientnet_lite2"]),
        Dimension("train.weight_decay", 1e-7, 1e-5, log=True),
    ]
    seen = []

    def run_trial(settings, _folder, reporter):
        seen.append((settings.train, settings.model))
        reporter.report(1, settings.train.augment.shift_x)
        return reporter.last

    tuned = search(tmp_path, run_trial, trials=4, space=SpaceSettings(dimensions))
    settings = compose(["experiment=best.yaml"])
    train, model = max(seen, key=lambda pair: pair[0].augment.shift_x)
    assert settings.model == model
    assert replace(settings.train, epochs=1, validate_every=1) == train
    assert train.augment.rotate % 2.5 == 0
    assert train.batch_size in (4, 8, 12)
    assert {type(train.augment.shift_x), type(train.batch_size)} == {int}
    assert tuned.best["train.augment.shift_x"] == train.augment.shift_x


def test_a_worker_that_finds_all_taken_leaves_the_rest_to_the_others(tmp_path):
    def with_another(settings, folder, reporter):
        """While the last trial runs, another worker comes."""
        if folder.path.name == "trial-001":
            other = search(tmp_path, by_rate, trials=2)
            assert (other.finished, other.running) == (1, 1)
        return by_rate(settings, folder, reporter)

    tuned = search(tmp_path, with_another, trials=2)
    assert (tuned.finished, tuned.running) == (2, 0)
    assert len(table(tmp_path)) == 2


@pytest.mark.parametrize(
    ("host", "states"),
    [
        ("elsewhere", ["complete", "running", "complete"]),  # nobody can tell whether it lives
        (platform.node(), ["complete", "fail", "complete", "complete"]),  # the folder was moved
    ],
)
def test_a_running_trial_whose_folder_is_not_there_is_judged_by_its_machine(tmp_path, host, states):
    search(tmp_path, by_rate, trials=1)
    study = optuna.load_study(
        study_name="capsule-inspect", storage=f"sqlite:///{tmp_path}/study.db"
    )
    trial = study.ask({"train.learning_rate": optuna.distributions.FloatDistribution(0.1, 1)})
    trial.set_user_attr("worker", [host, "/nowhere/trial-001"])
    tuned = search(tmp_path, by_rate, trials=3)
    rows = table(tmp_path)
    assert [row["state"] for row in rows] == states
    assert tuned.running == states.count("running")
    rates = [row["train.learning_rate"] for row in rows]
    assert rates.count(str(trial.params["train.learning_rate"])) == 1 + states.count("fail")


def test_a_study_that_is_not_of_tune_is_refused(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(study_name="mine", storage=storage, direction="minimize")
    with pytest.raises(ConfigError, match=r"'mine' .* tune\.study"):
        search(tmp_path, by_rate, study="mine")


@pytest.mark.parametrize(
    ("storage", "named"),
    [
        ("sqlite:////nowhere/at/all/study.db", "unable to open"),
        ("nonsense", "postgresql://USER"),
        ("me:hush@server/db", "postgresql://USER"),
        ("cobol://me:hush@server/db", "cobol://me:***@server/db"),
        ("mysql+cymysql://me:hush@server/db", "driver"),
        ("postgresql://me:hush@127.0.0.1:1/db?sslpassword=hush", "me:***@127.0.0.1"),
    ],
)
def test_a_storage_that_cannot_be_used_is_a_sentence_without_its_password(tmp_path, storage, named):
    with pytest.raises(ConfigError) as caught:
        search(tmp_path, by_rate, storage=storage)
    assert named in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_storage_that_breaks_under_way_is_a_sentence(tmp_path):
    def breaking(settings, folder, reporter):
        (tmp_path / "study.db").write_bytes(b"no database " * 999)
        return by_rate(settings, folder, reporter)

    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "study.db"))):
        search(tmp_path, breaking)


def test_trials_need_a_validation_split(dataset_folder):
    data = read_dataset(dataset_folder)
    training = tuple(sample for sample in data.samples if sample.split != "val")
    with pytest.raises(DataError, match=r"data\.val above 0"):
        trial_trainer(replace(data, samples=training), SILENT)


@pytest.mark.slow
def test_a_trial_trains_a_network_and_is_scored_after_each_epoch(
    small_settings, few_pictures, tmp_path
):
    study, recorder = optuna.create_study(direction="maximize"), Recorder()
    run, reporter = RunFolder(tmp_path), TrialReporter(study.ask(), 2, recorder)
    value = trial_trainer(few_pictures, recorder)(small_settings, run, reporter)
    assert 0 <= value <= 1
    assert value == reporter.last
    scored = [each for each in recorder.said if each.startswith("Trial 0, epoch")]
    assert [each.split(":")[0] for each in scored] == [
        "Trial 0, epoch 1 of 2",
        "Trial 0, epoch 2 of 2",
    ]
    assert scored[-1].endswith(f"score {value:.4f}")
    assert run.model.is_file()
    assert not run.checkpoint.exists()
    assert read_settings(run.config).model.encoder == "small"


def reporter(
    recorder: Reporter, epochs: int = 3, pruner=None
) -> tuple[optuna.Trial, TrialReporter]:
    study = optuna.create_study(direction="maximize", pruner=pruner or optuna.pruners.NopPruner())
    trial = study.ask()
    return trial, TrialReporter(trial, epochs, recorder)


def test_scores_are_stored_and_told():
    recorder = Recorder()
    trial, mine = reporter(recorder)
    assert math.isnan(mine.last)
    mine.report(1, 0.5)
    mine.report(2, 0.75)
    assert mine.last == 0.75
    assert trial.study.trials[0].intermediate_values == {1: 0.5, 2: 0.75}
    assert recorder.said == [
        "Trial 0, epoch 1 of 3: score 0.5000",
        "Trial 0, epoch 2 of 3: score 0.7500",
    ]


def test_a_trial_that_is_not_worth_it_is_stopped_but_never_after_its_last_epoch():
    recorder = Recorder()
    hopeless = optuna.pruners.ThresholdPruner(lower=0.9)
    _, mine = reporter(recorder, epochs=2, pruner=hopeless)
    with pytest.raises(optuna.TrialPruned):
        mine.report(1, 0.5)
    assert recorder.said[-1] == "Trial 0 is stopped: other trials were better at this epoch."
    mine.report(2, 0.5)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_ends_the_trial(score):
    trial, mine = reporter(SILENT)
    with pytest.raises(optuna.TrialPruned):
        mine.report(1, score)
    assert trial.study.trials[0].intermediate_values == {}


@pytest.fixture
def trial():
    return optuna.create_study(direction="maximize").ask()


@pytest.fixture
def callback(trial):
    return ReportEpochs(TrialReporter(trial, 3, SILENT))


def reported(trial):
    return trial.study.trials[0].intermediate_values


def test_validated_epochs_are_reported_from_one_and_others_are_not(trial, callback):
    callback.on_epoch_end(0, {"loss": 1.0})
    callback.on_epoch_end(1, {"loss": 1.0, "val_accuracy": 0.8, "val_dice": 0.4})
    callback.on_epoch_end(2, {"loss": 1.0, "val_accuracy": 0.9})
    assert reported(trial) == pytest.approx({2: 0.6, 3: 0.9})


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_training(trial, callback, loss):
    callback.on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(optuna.TrialPruned):
        callback.on_train_batch_end(1, {"loss": loss})
    assert reported(trial) == {}
