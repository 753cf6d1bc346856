"""Training one network."""

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import InterruptedRunError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.trainer import Trained, Trainer
from capsule_inspect.training.watcher import Watcher


def fit(settings: Settings, data: DataSet, run: RunFolder, watcher: Watcher) -> Trained:
    """Trains a network, or goes on with one, and saves it.

    Args:
        settings: All settings; without train.patience the schedule is fixed, and the last averaged
            weights are kept.
        data: Whose split `train` is learned from, and whose split `val` tunes the decision.
        run: Where checkpoint, history and model go; a checkpoint there is gone on with.
        watcher: Hears of the progress.

    Returns:
        The finished run.

    Raises:
        DataError: The data set does not suit training.
        ConfigError: The settings make no network.
        ModelFileError: The checkpoint is damaged or of another version.
        InterruptedRunError: The user stopped the run; the message says how to go on.
    """
    try:
        trainer = Trainer(settings, data, run, watcher)
        trainer.train()
        return trainer.finish()
    except KeyboardInterrupt:
        raise InterruptedRunError(
            "Stopped; the finished epochs are saved. Go on with: "
            f"capsule-inspect train train.resume={run.path}"
        ) from None
