"""What training one network takes, step by step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import keras
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.batches import Batches
from capsule_inspect.dataset.crops import MARGIN, TrainingCrop, draw_crops, load_crops
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.evaluation.cross_fit import choose_on_split
from capsule_inspect.evaluation.evidence import gather_evidence
from capsule_inspect.evaluation.judge import judge
from capsule_inspect.evaluation.metrics import PICTURE_METRICS, measure
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model.network import build_network
from capsule_inspect.model.round_kernels import round_kernels
from capsule_inspect.model.runner import KerasRunner
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.runs.score import score
from capsule_inspect.settings.settings import Settings
from capsule_inspect.training.averaging import NORM_BATCHES, averaged_weights
from capsule_inspect.training.callbacks import (
    SaveCheckpoint,
    SeedEpoch,
    StopIfDiverged,
    ValidateAverage,
    WriteHistory,
    WriteTensorBoard,
    save_network,
)
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.draw_history import DrawHistory
from capsule_inspect.training.early_stopping import StopEarly, has_stalled, read_scores
from capsule_inspect.training.load import load_network
from capsule_inspect.training.stages import Stage, epochs_done, plan_stages, start_stage
from capsule_inspect.training.watcher import Watcher

_PEEKED = 16
"""As many training pictures tell how rounding a frozen encoder changes its features."""


@dataclass(frozen=True)
class Trained:
    """What a training run ends with.

    Attributes:
        run: The run folder, with model.keras and decision.json.
        rule: The operating point that was chosen.
        metrics: On the validation split, on which the point was chosen: a little optimistic.
    """

    run: RunFolder
    rule: DecisionRule
    metrics: tuple[Metric, ...]


class Trainer:
    """One run on its way: the network, its batches and what is held out.

    Making one reads the pictures, and the checkpoint if there is one.
    """

    def __init__(self, settings: Settings, data: DataSet, run: RunFolder, watcher: Watcher) -> None:
        self._settings, self._data, self._run, self._watcher = settings, data, run, watcher
        self._train = settings.train
        self._stages = plan_stages(settings.train)
        if settings.train.patience and not self._held_out:
            raise DataError(
                "train.patience goes by the validation split, and this data set has none. "
                "Prepare it with data.val above 0, or leave train.patience at 0."
            )
        keras.utils.set_random_seed(settings.train.seed)
        is_new = not run.checkpoint.exists()
        self._network = (
            self._new_network() if is_new else load_network(run.checkpoint, compiled=True)
        )
        self._inspector = Inspector(
            KerasRunner(self._network), data.classes, settings.model.roi, OperatingPoint()
        )
        watcher.note(f"Reading the training pictures of {settings.data.dir}.")
        crops = load_crops(data, data.of_split("train"), settings.model.roi)
        self._batches = self._make_batches(crops)
        if is_new:
            self._begin(crops)

    def train(self) -> None:
        """Trains the stages that are not finished yet."""
        last = self._stages[-1]
        for stage in self._stages:
            done = epochs_done(self._network, self._train)
            stalled = stage is last and self._has_stalled()
            if done >= stage.end or stalled:
                continue
            if self._network.optimizer.first_epoch != stage.start:
                # Keras leaves the averaged weights at the end of a stage; a resumed run has to.
                self._network.optimizer.finalize_variable_values(self._network.trainable_variables)
                start_stage(self._network, stage, self._train)
            self._watcher.note(f"Training from epoch {done + 1} to {stage.end}.")
            self._network.fit(
                self._batches,
                epochs=stage.end,
                initial_epoch=done,
                shuffle=False,  # the order of the batches goes by the seed
                verbose=0,
                callbacks=self._callbacks(stage),
            )

    def finish(self) -> Trained:
        """Chooses the operating point and saves the network."""
        data, held_out = self._data, self._held_out
        with self._final_weights():
            save_network(self._without_optimizer(), self._run.model)
            self._watcher.note("Choosing the operating point.")
            evidence = gather_evidence(data, held_out, self._inspector)
            point = choose_on_split(evidence, self._settings.threshold, "the validation split")
            metrics = measure(judge(data, held_out, replace(self._inspector, point=point)))
        rule = DecisionRule(
            data.classes, self._settings.model.roi, point, data.training_sha256, data.licence
        )
        write_decision(self._run.decision, rule)
        return Trained(self._run, rule, metrics)

    def _new_network(self) -> keras.Model:
        with_mask = any(sample.mask for sample in self._data.of_split("train"))
        network = build_network(self._settings.model, len(self._data.classes), with_mask)
        start_stage(network, self._stages[0], self._train)
        return network

    def _begin(self, crops: Sequence[TrainingCrop]) -> None:
        """Readies a new network for its first step, and writes its first checkpoint."""
        if not any(stage.encoder for stage in self._stages):
            some = crops[:: max(1, len(crops) // _PEEKED)][:_PEEKED]
            windows = [crop.image[MARGIN:-MARGIN, MARGIN:-MARGIN] for crop in some]
            round_kernels(self._network, np.stack(windows))
        save_network(self._network, self._run.checkpoint)

    def _make_batches(self, crops: Sequence[TrainingCrop]) -> Batches:
        model, train = self._settings.model, self._train
        with_mask = "mask_logits" in self._network.output
        return Batches(
            real=crops,
            drawn=draw_crops(train.drawn, train.seed, self._data.classes, model.roi),
            classes=self._data.classes,
            roi=model.roi,
            settings=train,
            mask_stride=model.mask_stride if with_mask else None,
            first_epoch=epochs_done(self._network, train),
        )

    def _callbacks(self, stage: Stage) -> list[keras.callbacks.Callback]:
        train, run = self._train, self._run
        last = self._stages[-1]
        callbacks = [
            SeedEpoch(self._batches, train.seed),
            StopIfDiverged(),
            ValidateAverage(self._validate, train.validate_every, last.end),
            WriteHistory(run.history, PICTURE_METRICS),
            DrawHistory(run.history),
            WriteTensorBoard(run.tensorboard),
            # Last of ours: an epoch that is not in the checkpoint is trained again, and its row,
            # if there is one, written anew.
            SaveCheckpoint(run),
            *self._watcher.callbacks,
        ]
        if train.patience and stage is last:
            callbacks.append(StopEarly(run.history, stage.start, train.patience))
        return callbacks

    def _validate(self) -> dict[str, float]:
        if not self._held_out:
            return {}
        with averaged_weights(self._network, self._norm_images):
            metrics = measure(judge(self._data, self._held_out, self._inspector))
            values = {metric.name: metric.value for metric in metrics}
            if self._train.patience:
                best = max(read_scores(self._run.history), default=-1.0)
                if score(values) > best:
                    save_network(self._without_optimizer(), self._run.best)
        return values

    @contextmanager
    def _final_weights(self) -> Iterator[None]:
        """Puts the weights to keep into the network: the best, or the last averaged ones."""
        if self._train.patience and self._run.best.exists():
            best = load_network(self._run.best, compiled=False)
            self._network.set_weights(best.get_weights())
            yield
        else:
            with averaged_weights(self._network, self._norm_images):
                yield

    def _has_stalled(self) -> bool:
        scores = read_scores(self._run.history, self._stages[-1].start)
        return bool(self._train.patience) and has_stalled(scores, self._train.patience)

    def _without_optimizer(self) -> keras.Model:
        """Returns the same layers without the optimizer, which makes three quarters of a file."""
        return keras.Model(self._network.inputs, self._network.output, name=self._network.name)

    @cached_property
    def _norm_images(self) -> list[NDArray[np.uint8]]:
        count = min(NORM_BATCHES, self._train.steps)
        return self._batches.peek_images(self._stages[-1].end, count)

    @cached_property
    def _held_out(self) -> tuple[Sample, ...]:
        return self._data.of_split("val")
