"""Training one network."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import InterruptedRunError
from capsule_inspect.evaluation.cross_fit import choose_on_split
from capsule_inspect.evaluation.evidence import gather_evidence
from capsule_inspect.evaluation.judge import judge
from capsule_inspect.evaluation.metrics import measure
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.replacing import replace_json
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.begin_training import begin_training
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.network_file import save_network
from capsule_inspect.training.trainer import Trainer
from capsule_inspect.training.watcher import Watcher


def fit(settings: Settings, data: DataSet, run: RunFolder, watcher: Watcher) -> tuple[Metric, ...]:
    """Trains a network, or goes on with one, and saves it.

    Args:
        settings: All settings; without train.patience the schedule is fixed, and the last averaged
            weights are kept.
        data: Whose split `train` is learned from, and whose split `val` tunes the decision.
        run: Where checkpoint, history and model go; a checkpoint there is gone on with.
        watcher: Hears of the progress.

    Returns:
        Metrics of the validation split, on which the operating point was chosen: a little
        optimistic; none where there is no such split.

    Raises:
        DataError: The data set does not suit training.
        ConfigError: The settings make no network.
        ModelFileError: The checkpoint is damaged or of another version.
        InterruptedRunError: The user stopped the run; the message says how to go on.
    """
    try:
        trainer = begin_training(settings, data, run, watcher)
        trainer.train()
        return _finish(trainer)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            "Stopped; the finished epochs are saved. Go on with: "
            f"capsule-inspect train train.resume={run.path}"
        ) from None


def _finish(trainer: Trainer) -> tuple[Metric, ...]:
    """Saves the network, chooses the operating point, and measures the network at it."""
    settings, data, run = trainer.settings, trainer.data, trainer.run
    with trainer.final_weights():
        save_network(trainer.network, run.model, compiled=False)
        trainer.watcher.note("Choosing the operating point.")
        evidence = gather_evidence(data, trainer.held_out, trainer.inspector)
        point = choose_on_split(evidence, settings.threshold, "the validation split")
        metrics = measure(judge(data, trainer.held_out, replace(trainer.inspector, point=point)))
    if metrics:
        _write_validation(run.validation, metrics)
    rule = DecisionRule(data.classes, settings.model.roi, point, data.training_sha256, data.licence)
    write_decision(run.decision, rule)  # last: a folder with one is finished
    return metrics


def _write_validation(path: Path, metrics: Sequence[Metric]) -> None:
    replace_json(path, {"metrics": [asdict(metric) for metric in metrics]})
