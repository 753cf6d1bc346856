"""Training one network through the stages of its run."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.batches import Batches
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.evaluation.judge import judge
from capsule_inspect.evaluation.metrics import PICTURE_METRICS, measure
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model.keras_runner import KerasRunner
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.runs.history import read_scores
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.averaged_weights import NORM_BATCHES, averaged_weights
from capsule_inspect.training.callbacks.draw_history import DrawHistory
from capsule_inspect.training.callbacks.save_checkpoint import SaveCheckpoint
from capsule_inspect.training.callbacks.seed_epoch import SeedEpoch
from capsule_inspect.training.callbacks.stop_early import StopEarly, has_stalled
from capsule_inspect.training.callbacks.stop_if_diverged import StopIfDiverged
from capsule_inspect.training.callbacks.validate_average import ValidateAverage
from capsule_inspect.training.callbacks.write_history import WriteHistory
from capsule_inspect.training.callbacks.write_tensorboard import WriteTensorBoard
from capsule_inspect.training.network_file import load_network
from capsule_inspect.training.save_best import save_best
from capsule_inspect.training.stages import Stage, epochs_done, plan_stages, start_stage
from capsule_inspect.training.watcher import Watcher


@dataclass(frozen=True)
class Trainer:
    """One run on its way; `begin_training` makes it.

    Attributes:
        settings: All settings.
        data: Its split `val` is validated on.
        run: Where checkpoint, history and the best network go.
        watcher: Hears of the progress.
        network: New, or as it was at the last checkpoint; compiled.
        batches: What it learns from.
    """

    settings: Settings
    data: DataSet
    run: RunFolder
    watcher: Watcher
    network: keras.Model
    batches: Batches

    def train(self) -> None:
        """Trains the stages that are not finished yet."""
        network, train = self.network, self.settings.train
        for stage in self._stages:
            done = epochs_done(network, train)
            if done >= stage.end or self._has_stalled(stage):
                continue
            if network.optimizer.first_epoch != stage.start:
                # Keras leaves the averaged weights at the end of a stage; a resumed run has to.
                network.optimizer.finalize_variable_values(network.trainable_variables)
                start_stage(network, stage, train)
            self.watcher.note(f"Training from epoch {done + 1} to {stage.end}.")
            network.fit(
                self.batches,
                epochs=stage.end,
                initial_epoch=done,
                shuffle=False,  # the order of the batches goes by the seed
                verbose=0,
                callbacks=self._callbacks(stage),
            )

    @contextmanager
    def final_weights(self) -> Iterator[None]:
        """Puts the weights to keep into the network: the best, or the last averaged ones."""
        if self.settings.train.patience and self.run.best.exists():
            best = load_network(self.run.best, compiled=False)
            self.network.set_weights(best.get_weights())
            yield
        else:
            with self._averaged():
                yield

    @property
    def inspector(self) -> Inspector:
        """The network at work with the weights it has, before an operating point is chosen."""
        return Inspector(
            KerasRunner(self.network),
            self.data.classes,
            self.settings.model.roi,
            OperatingPoint(),
        )

    @cached_property
    def held_out(self) -> tuple[Sample, ...]:
        """The validation split."""
        return self.data.of_split("val")

    def _callbacks(self, stage: Stage) -> list[keras.callbacks.Callback]:
        train, run = self.settings.train, self.run
        last = self._stages[-1]
        callbacks = [
            SeedEpoch(self.batches, train.seed),
            StopIfDiverged(),
            ValidateAverage(self._validate, train.validate_every, last.end),
            WriteHistory(run.history, PICTURE_METRICS),
            DrawHistory(run.history),
            WriteTensorBoard(run.tensorboard),
            # Last of ours: an epoch that is not in the checkpoint is trained again, and its row,
            # if there is one, written anew.
            SaveCheckpoint(run.checkpoint),
            *self.watcher.callbacks,
        ]
        if train.patience and stage is last:
            callbacks.append(StopEarly(run.history, stage.start, train.patience))
        return callbacks

    def _validate(self) -> dict[str, float]:
        """Measures the averaged weights, and keeps the best where training may stop early."""
        if not self.held_out:
            return {}
        with self._averaged():
            measured = measure(judge(self.data, self.held_out, self.inspector))
            metrics = {metric.name: metric.value for metric in measured}
            if self.settings.train.patience:
                save_best(self.network, metrics, self.run)
        return metrics

    def _averaged(self) -> AbstractContextManager[None]:
        return averaged_weights(self.network, self._norm_images)

    def _has_stalled(self, stage: Stage) -> bool:
        """Says whether the last stage ended early before the run was stopped."""
        patience = self.settings.train.patience
        if not patience or stage is not self._stages[-1]:
            return False
        return has_stalled(read_scores(self.run.history, stage.start), patience)

    @cached_property
    def _stages(self) -> tuple[Stage, ...]:
        return plan_stages(self.settings.train)

    @cached_property
    def _norm_images(self) -> list[NDArray[np.uint8]]:
        count = min(NORM_BATCHES, self.settings.train.steps)
        return self.batches.peek_images(self._stages[-1].end, count)
