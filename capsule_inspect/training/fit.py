"""Training of a network on a data set, from the start or from a checkpoint."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import keras

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError, InterruptedRunError, UsageError
from capsule_inspect.evaluation.judge import gather_evidence, judge
from capsule_inspect.evaluation.metrics import PICTURE_METRICS, measure
from capsule_inspect.evaluation.operating_point import choose_on_split
from capsule_inspect.files import DISK_ERRORS, hash_file, write_json
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.model.encoders.encoder import round_kernels
from capsule_inspect.model.hints import needs_hints
from capsule_inspect.model.keras_runner import KerasRunner
from capsule_inspect.model.network import as_it_learns, build_network
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.runs.history import read_scores
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import Settings
from capsule_inspect.text import command_line
from capsule_inspect.training.allocator import keep_freed_memory
from capsule_inspect.training.batches import Batches, Inputs, KerasFeed
from capsule_inspect.training.callbacks import (
    SaveCheckpoint,
    SeedEpoch,
    ShowEpochs,
    StopEarly,
    StopIfDiverged,
    ValidateAverage,
    WriteHistory,
    WriteTensorBoard,
    has_stalled,
)
from capsule_inspect.training.decision import DecisionRule, write_decision
from capsule_inspect.training.examples import Examples
from capsule_inspect.training.hints import fit_hints
from capsule_inspect.training.learning_curves import DrawHistory
from capsule_inspect.training.network_files import load_network, save_best, save_network
from capsule_inspect.training.norms import NORM_BATCHES, averaged_weights, settle_feature_norms
from capsule_inspect.training.region_classifier import (
    fit_region_classifier,
    has_region_classifier,
)
from capsule_inspect.training.stages import (
    Stage,
    compile_part,
    epochs_done,
    plan_stages,
    start_stage,
)


@dataclass(frozen=True)
class Learner:
    """The part of a network that a stage trains, and its batches.

    Attributes:
        model: The network as it learns; decoders and heads alone if the encoder is frozen.
        batches: Windows, or features.
    """

    model: keras.Model
    batches: Batches


@dataclass(frozen=True)
class Trainer:
    """A run in progress; `begin_training` creates it.

    Attributes:
        settings: All settings.
        data: The data set; its split `val` is for validation.
        run: The run folder.
        reporter: Follows the progress.
        network: The compiled network, new or from the checkpoint.
        examples: What it learns from.
    """

    settings: Settings
    data: DataSet
    run: RunFolder
    reporter: Reporter
    network: keras.Model
    examples: Examples

    def train(self, *callbacks: keras.callbacks.Callback) -> None:
        """Trains all unfinished stages.

        Args:
            *callbacks: More Keras callbacks.
        """
        network, train = self.network, self.settings.train
        for stage in self._stages:
            done = epochs_done(network, train)
            if done >= stage.end or self._has_stalled(stage):
                continue
            if network.optimizer.first_epoch != stage.start:
                # Keras ends a stage with the averaged weights; a checkpoint holds the live ones.
                network.optimizer.finalize_variable_values(network.trainable_variables)
                start_stage(network, stage, train)
            learner = self._learner_of(stage)
            compile_part(learner.model, network, train)
            learner.batches.epoch = done
            self.reporter.say(f"Training from epoch {done + 1} to {stage.end}.")
            keep_freed_memory()
            learner.model.fit(
                KerasFeed(learner.batches),
                epochs=stage.end,
                initial_epoch=done,
                shuffle=False,  # the seed decides the order of the batches
                verbose=0,
                callbacks=[*self._callbacks(stage, learner.batches), *callbacks],
            )

    @contextmanager
    def final_weights(self) -> Iterator[None]:
        """Swaps in the final weights: with early stopping the best, else the last averaged ones."""
        if self.settings.train.patience and self.run.best.exists():
            best = load_network(self.run.best, compiled=False)
            self.network.set_weights(best.get_weights())
            yield
        else:
            with self._averaged():
                yield

    @property
    def inspector(self) -> Inspector:
        """The network with its current weights, at the default operating point."""
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

    def _callbacks(self, stage: Stage, batches: Batches) -> list[keras.callbacks.Callback]:
        train, run = self.settings.train, self.run
        last = self._stages[-1]
        callbacks = [
            SeedEpoch(batches, train.seed),
            StopIfDiverged(),
            ValidateAverage(self._validate, train.validate_every, last.end),
            WriteHistory(run.history, PICTURE_METRICS),
            DrawHistory(run.history),
            WriteTensorBoard(run.tensorboard),
            # After the history: an epoch that is not in the checkpoint is trained again, and its
            # row replaced.
            SaveCheckpoint(self.network, run.checkpoint),
        ]
        if train.patience and stage is last:
            callbacks.append(StopEarly(run.history, stage.start, train.patience))
        return callbacks

    def _validate(self) -> dict[str, float]:
        """Validates the averaged weights; with early stopping, saves the best ones."""
        if not self.held_out:
            return {}
        with self._averaged():
            self.classify_regions()
            measured = measure(judge(self.data, self.held_out, self.inspector))
            metrics = {metric.name: metric.value for metric in measured}
            if self.settings.train.patience:
                save_best(self.network, metrics, self.run)
        return metrics

    def _averaged(self) -> AbstractContextManager[None]:
        return averaged_weights(self.network, self._last_learner.model, self._norm_inputs)

    def classify_regions(self) -> None:
        """Fits the classifier of the head `region` to the network's current weights."""
        if has_region_classifier(self.network):
            views = self._last_learner.batches.views_of_defects()
            on_features = self._is_on_features(self._stages[-1])
            fit_region_classifier(
                self.network, on_features, views, self.settings.model.head_shrinkage
            )

    def finished_network(self) -> keras.Model:
        """Returns the network with its current weights, as it is saved: without masks, with hints.

        Until then it gives none: they take no part in the training.
        """
        if not needs_hints(self.network):
            return self.network
        views = self._last_learner.batches.views_of_all()
        return fit_hints(self.network, self._is_on_features(self._stages[-1]), views)

    def settle_norms(self) -> None:
        """Fits the norms of a frozen encoder's features to the training views."""
        settle_feature_norms(self._last_learner.model, self._norm_inputs)

    def prepare(self) -> None:
        """Makes and stores the features that the unfinished stages with a frozen encoder need."""
        done = epochs_done(self.network, self.settings.train)
        if any(self._is_on_features(stage) and done < stage.end for stage in self._stages):
            _ = self._on_features

    def _learner_of(self, stage: Stage) -> Learner:
        """Returns what to train in a stage."""
        if not self._is_on_features(stage):
            repeated = not stage.trains_encoder
            batches = self.examples.of_images(self.network, repeated)
            return Learner(as_it_learns(self.network, on_features=False), batches)
        return self._on_features

    @staticmethod
    def _is_on_features(stage: Stage) -> bool:
        # TensorFlow alone can convert the encoder for the runtime that stores features fast.
        return not stage.trains_encoder and keras.backend.backend() == "tensorflow"

    @cached_property
    def _on_features(self) -> Learner:
        epochs = [
            epoch
            for stage in self._stages
            if self._is_on_features(stage)
            for epoch in range(stage.start, stage.end)
        ]
        batches = self.examples.of_features(self.network, epochs, self.reporter)
        return Learner(as_it_learns(self.network, on_features=True), batches)

    @cached_property
    def _last_learner(self) -> Learner:
        return self._learner_of(self._stages[-1])

    def _has_stalled(self, stage: Stage) -> bool:
        """Returns whether early stopping already ended the last stage."""
        patience = self.settings.train.patience
        if not patience or stage is not self._stages[-1]:
            return False
        return has_stalled(read_scores(self.run.history, stage.start), patience)

    @cached_property
    def _stages(self) -> tuple[Stage, ...]:
        return plan_stages(self.settings.train)

    @cached_property
    def _norm_inputs(self) -> list[Inputs]:
        count = min(NORM_BATCHES, self.settings.train.steps)
        return self._last_learner.batches.peek_inputs(self._stages[-1].end - 1, count)


_ROUNDING_WINDOWS = 4
"""Number of windows on which the rounding of a frozen encoder is corrected. They show drawn
capsules: the encoder, and so its stored features, are then the same for every data set and fold."""


def begin_training(
    settings: Settings, data: DataSet, run: RunFolder, reporter: Reporter = SILENT
) -> Trainer:
    """Builds a network or loads the checkpoint, and reads the training pictures.

    A new network is saved as the first checkpoint.

    Args:
        settings: All settings.
        data: The data set; its split `train` is for training, `val` for validation.
        run: The run folder.
        reporter: Follows the progress.

    Raises:
        DataError: The data set lacks good, defective or validation pictures.
        ConfigError: The settings do not fit together.
        ModelFileError: The checkpoint is damaged or of another version.
    """
    train = settings.train
    if train.patience and not data.of_split("val"):
        raise DataError(
            "train.patience needs a validation split, but this data set has none. "
            "Prepare it with data.val above 0, or set train.patience=0."
        )
    keras.utils.set_random_seed(train.seed)
    is_new = not run.checkpoint.exists()
    if is_new:
        network = _new_network(settings, data, reporter)
    else:
        network = load_network(run.checkpoint, compiled=True)
    reporter.say(f"Reading the training pictures of {settings.data.dir}.")
    examples = Examples(settings, data, reporter)
    trainer = Trainer(settings, data, run, reporter, network, examples)
    stays_frozen = not any(stage.trains_encoder for stage in plan_stages(train))
    if is_new and stays_frozen:
        round_kernels(network, examples.plain_windows(_ROUNDING_WINDOWS))
    trainer.prepare()
    if is_new:
        if stays_frozen:
            trainer.settle_norms()
        save_network(network, run.checkpoint, compiled=True)
    return trainer


def _new_network(settings: Settings, data: DataSet, reporter: Reporter) -> keras.Model:
    with_mask = any(sample.mask for sample in data.of_split("train"))
    network = build_network(settings.model, len(data.classes), with_mask, reporter.say)
    start_stage(network, plan_stages(settings.train)[0], settings.train)
    return network


def fit(
    settings: Settings,
    data: DataSet,
    run: RunFolder,
    reporter: Reporter = SILENT,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> tuple[Metric, ...]:
    """Trains a network, or resumes a run, and saves the network with its operating point.

    Args:
        settings: All settings; without train.patience the schedule is fixed, and the last averaged
            weights are the final ones.
        data: The data set; its split `train` is for training, `val` for the operating point.
        run: The run folder; a checkpoint in it is resumed.
        reporter: Follows the progress.
        callbacks: More Keras callbacks.

    Returns:
        Metrics on the validation split, slightly optimistic, since the operating point was chosen
        on it; empty without that split.

    Raises:
        DataError: The data set lacks good, defective or validation pictures.
        ConfigError: The settings do not fit together.
        ModelFileError: The checkpoint is damaged or of another version.
        InterruptedRunError: The user stopped the run; the message says how to resume it.
    """
    with _resumable(run):
        trainer = begin_training(settings, data, run, reporter)
        trainer.train(*callbacks)
        return _finish(trainer)


def fit_and_show(
    settings: Settings, data: DataSet, run: RunFolder, reporter: Reporter
) -> tuple[Metric, ...]:
    """Does what `fit` does, and reports every step and every epoch."""
    train = settings.train
    total = (train.frozen_epochs + train.epochs) * train.steps
    with _resumable(run):
        trainer = begin_training(settings, data, run, reporter)
        with reporter.progress(total, "Training", "steps") as advance:
            trainer.train(ShowEpochs(reporter, advance, train))
        return _finish(trainer)


@contextmanager
def _resumable(run: RunFolder) -> Iterator[None]:
    """Turns an interruption, or a full disk, into a sentence that says how to resume."""
    resume = command_line("train", "--resume", run.path)
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Stopped; finished epochs, if there are any, are saved. Resume with: {resume}"
        ) from None
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise UsageError(
            f"'{error.filename or run.path}' cannot be written: {error.strerror}. The finished "
            f"epochs in '{run.path}' are safe. Make room, then resume (train.resume) with: {resume}"
        ) from error


def _finish(trainer: Trainer) -> tuple[Metric, ...]:
    """Saves the network, chooses its operating point, and measures the network there."""
    settings, data, run = trainer.settings, trainer.data, trainer.run
    with trainer.final_weights():
        trainer.classify_regions()
        save_network(trainer.finished_network(), run.model, compiled=False)
        trainer.reporter.say("Choosing the operating point.")
        evidence = gather_evidence(data, trainer.held_out, trainer.inspector)
        point = choose_on_split(evidence, settings.threshold, "the validation split")
        metrics = measure(judge(data, trainer.held_out, replace(trainer.inspector, point=point)))
    if metrics:
        write_validation(run.validation, metrics)
    rule = DecisionRule(
        classes=data.classes,
        roi=settings.model.roi,
        operating_point=point,
        training_data_sha256=data.training_sha256,
        licence=data.licence,
        network_sha256=hash_file(run.model),
    )
    write_decision(run.decision, rule)  # last, because it marks the run as finished
    return metrics


def write_validation(path: Path, metrics: Sequence[Metric]) -> None:
    """Writes the metrics of the validation split."""
    write_json(path, {"metrics": [asdict(metric) for metric in metrics]})
