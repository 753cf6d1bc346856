"""Other products: the tool with `experiment=whole_picture`, beside a plain baseline.

Both judge magnetic tiles and pills in a 5-fold cross-validation on the same folds. Exposures of one
tile have near frame numbers and share a fold: on folds that mix them, every method looks better
than it is. The baseline is linear discriminant analysis on average-pooled features of
EfficientNet-Lite0, of the same windows: `lda` takes the likeliest class, `lda-threshold` chooses a
threshold on the other folds as the tool does.

Usage:
    python experiments/other_products.py prepare OUT
    python experiments/other_products.py baseline OUT [--name NAME] [--set KEY=VALUE...]
    python experiments/other_products.py tool OUT PRODUCT SEED [--name NAME] [--set KEY=VALUE...]
    python experiments/other_products.py good OUT PRODUCT SEED
    python experiments/other_products.py table OUT [--against NAME]

OUT/PRODUCT-SEED/data is the data set with the folds of a seed, OUT/PRODUCT-SEED/NAME holds what a
method made of it. `tool` takes up what it finds there, so it can be stopped and called again.
`good` learns from the good pictures of four folds alone, scores the fifth, and prints the means
over the folds.
"""

import argparse
import itertools
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedGroupKFold

from capsule_inspect import evaluate, export, prepare, train
from capsule_inspect.choices import GOOD
from capsule_inspect.cli.console import Terminal
from capsule_inspect.dataset.data_set import DataSet, read_dataset, write_dataset
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.registry import register
from capsule_inspect.dataset.manifest import MANIFEST, Sample
from capsule_inspect.dataset.window import settle_window
from capsule_inspect.errors import CapsuleInspectError, DataError
from capsule_inspect.evaluation.cross_validation import (
    OUT_OF_FOLD_FILE,
    OutOfFold,
    read_out_of_fold,
    write_out_of_fold,
)
from capsule_inspect.evaluation.intervals import RESAMPLES, percentiles
from capsule_inspect.evaluation.judge import Evidence, Judgement
from capsule_inspect.evaluation.operating_point import cross_fit, is_alarm
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.decide import softmax
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import without_info_lines
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.compose import compose
from capsule_inspect.settings.groups import ThresholdSettings
from capsule_inspect.workflows.extras import import_training_stack

PICTURES = "CAPSULE_INSPECT_PRODUCTS"
"""The variable that names the folder of both products."""
PRODUCTS = {"tiles": "magnetic_tile", "pills": "mvtec_pill"}
"""The folder of each product."""
FOLDS, SEEDS = 5, (1, 2, 3)
EXPERIMENT = "experiment=whole_picture"
BASELINE, TOOL = "lda", "tool"
GOOD_ONLY = (EXPERIMENT, "model.head=normality", "train.transplant=0", "train.drawn=0")
"""The settings of `experiment=good_only`, for whole pictures."""
SAME_TILE = 60
"""Exposures of one tile are at most this many frames apart."""
STRIDES = (16, 32)
"""The features that the baseline averages."""


class MagneticTiles:
    """The folders of Huang et al. (2018): `MT_Crack/Imgs/NAME.jpg`, the mask beside as NAME.png."""

    name = "magnetic tiles"
    sign = "folder `MT_Free`"

    def matches(self, root: Path) -> bool:
        """Tells whether a folder has a folder `MT_Free`."""
        return (root / "MT_Free").is_dir()

    def discover(self, root: Path) -> Discovery:
        """Finds the tiles and the masks of their defects."""
        return Discovery(root, self.name, tuple(self._pictures(root)))

    def _pictures(self, root: Path) -> Iterator[FoundPicture]:
        for folder in sorted(root.glob("MT_*")):
            kind = folder.name.removeprefix("MT_").lower()
            label = GOOD if kind == "free" else kind
            for path in sorted(folder.glob("Imgs/*.jpg")):
                mask = path.with_suffix(".png").relative_to(root).as_posix()
                masks = () if label == GOOD else (mask,)
                yield FoundPicture(path.relative_to(root).as_posix(), (label,), masks)


def number_tiles(paths: Sequence[str]) -> NDArray[np.intp]:
    """Numbers the objects on pictures: exposures of one tile get the same number.

    The number in `exp1_num_108719` counts frames. Frames at most `SAME_TILE` apart are of one tile,
    and so is what a chain of such steps joins. A picture without a frame shows an object of its
    own.

    Args:
        paths: Paths of the pictures.

    Returns:
        int [n], from 0.
    """
    found = [re.search(r"_num_(\d+)", path) for path in paths]
    frames = {place: int(match[1]) for place, match in enumerate(found) if match}
    numbers = np.arange(len(paths))
    ordered = sorted(frames, key=lambda place: frames[place])
    for one, following in itertools.pairwise(ordered):
        if frames[following] - frames[one] <= SAME_TILE:
            numbers[following] = numbers[one]
    return np.unique(numbers, return_inverse=True)[1]


def deal(data: DataSet, seed: int) -> DataSet:
    """Deals the pictures into folds: no tile in two, and the classes as even as that allows."""
    labels = [sample.label for sample in data.samples]
    tiles = number_tiles([sample.path for sample in data.samples])
    samples = list(data.samples)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a class with fewer pictures than folds
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, tiles)):
            for place in held_out:
                samples[place] = replace(samples[place], fold=fold)
    return replace(data, samples=tuple(samples), seed=seed)


def prepare_folds(pictures: Path, out: Path, products: Sequence[str], say: Terminal) -> None:
    """Writes a data set folder for each product and seed, unless it is there.

    Pictures whose mask is empty are left out, since the tool refuses them.
    """
    register(MagneticTiles())
    for product in products:
        missing = [s for s in SEEDS if not (data_folder(out, product, s) / MANIFEST).is_file()]
        if not missing:
            continue
        with tempfile.TemporaryDirectory() as folder:
            nothing_held_out = ["data.val=0", "data.test=0"]
            made = prepare(
                pictures / PRODUCTS[product],
                Path(folder) / "data",
                skip_bad=True,
                page=False,
                overrides=nothing_held_out,
                reporter=say,
            )
        left_out = [problem.path for problem in made.problems if problem.fatal]
        say.say(f"{product}: {len(made.data.samples)} pictures, {len(left_out)} left out.")
        for seed in missing:
            write_dataset(data_folder(out, product, seed), deal(made.data, seed))


def data_folder(out: Path, product: str, seed: int) -> Path:
    """Returns the data set folder of a product, with the folds of a seed."""
    return out / f"{product}-{seed}" / "data"


def evaluation_folder(out: Path, product: str, seed: int, name: str) -> Path:
    """Returns the folder with the predictions of a method."""
    return out / f"{product}-{seed}" / name / "evaluation"


def run_baseline(
    out: Path, products: Sequence[str], name: str, overrides: Sequence[str], say: Terminal
) -> None:
    """Judges the pictures of each product by the baseline, on the folds of each seed."""
    asked = compose([EXPERIMENT, f"train.folds={FOLDS}", *overrides])
    for product in products:
        data = read_dataset(data_folder(out, product, SEEDS[0]))
        settings = settle_window(asked, data)
        roi = settings.model.roi
        say.say(f"{product}: a window of {roi.width} x {roi.height} px.")
        features = pool_features(data, roi, say)
        for seed in SEEDS:
            dealt = read_dataset(data_folder(out, product, seed))
            logs = discriminate(dealt, features)
            for ending, judge in (("", judge_likeliest), ("-threshold", judge_at_threshold)):
                folder = evaluation_folder(out, product, seed, f"{name}{ending}")
                folder.mkdir(parents=True, exist_ok=True)
                rows = judge(dealt, logs, seed)
                write_out_of_fold(folder / OUT_OF_FOLD_FILE, rows, dealt.classes)


def pool_features(data: DataSet, roi: Roi, say: Terminal) -> NDArray[np.float32]:
    """Averages the encoder's features over the window of each picture.

    Returns:
        float32 [n, channels], in the order of the samples.
    """
    encode = make_encoder(roi)
    features = []
    with say.progress(len(data.samples), "Encoding") as advance:
        for sample in data.samples:
            picture = data.read_picture(sample)
            (crop,) = find_crops(picture, roi)
            features.append(encode(crop.take(picture)))
            advance()
    return np.stack(features)


def make_encoder(roi: Roi) -> Callable[[Picture], NDArray[np.float32]]:
    """Returns a function from a window to its averaged features of `STRIDES`.

    LiteRT runs the float encoder four times as fast as Keras on a CPU.
    """
    import_training_stack("other_products.py", "tensorflow")
    import keras
    from ai_edge_litert.interpreter import Interpreter

    from capsule_inspect.model.encoders.registry import get_encoder
    from capsule_inspect.model.tflite import convert_to_tflite

    encoder = get_encoder("efficientnet_lite0")
    image = keras.Input(batch_shape=(1, roi.height, roi.width, 3), dtype="uint8", name="image")
    of_stride = {roi.height // level.shape[1]: level for level in encoder.build(image)}
    pooled = [keras.layers.GlobalAveragePooling2D()(of_stride[stride]) for stride in STRIDES]
    network = keras.Model(image, {"pooled": keras.layers.Concatenate()(pooled)})
    encoder.load_imagenet(network)
    interpreter = Interpreter(model_content=convert_to_tflite(network), num_threads=2)
    with without_info_lines():
        interpreter.allocate_tensors()
    run = interpreter.get_signature_runner()
    return lambda window: np.asarray(run(image=window[None])["pooled"][0], np.float32)


def discriminate(data: DataSet, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fits linear discriminant analysis to each four folds, and applies it to the fifth.

    The covariance is shrunk as Ledoit and Wolf (2004) do.

    Args:
        data: A data set with folds.
        features: float32 [n, channels], in the order of its samples.

    Returns:
        float64 [n, classes], log probabilities, in the order of its samples.
    """
    truth = np.array([data.classes.index(sample.label) for sample in data.samples])
    folds = np.array([sample.fold for sample in data.samples])
    least = np.log(np.finfo(np.float64).tiny)
    logs = np.full((len(truth), len(data.classes)), least)  # of a class that is in no other fold
    for fold in range(FOLDS):
        held_out = folds == fold
        fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        fitted.fit(features[~held_out], truth[~held_out])
        found = fitted.predict_log_proba(features[held_out])
        logs[np.ix_(held_out, fitted.classes_)] = np.maximum(found, least)
    return logs


def judge_likeliest(data: DataSet, logs: NDArray[np.float64], seed: int) -> list[OutOfFold]:
    """Labels each picture with its likeliest class."""
    return [
        out_of_fold(sample, data.classes, own, int(np.argmax(own)), OperatingPoint(), seed)
        for sample, own in zip(data.samples, logs, strict=True)
    ]


def judge_at_threshold(data: DataSet, logs: NDArray[np.float64], seed: int) -> list[OutOfFold]:
    """Labels each picture as the tool does, at an operating point chosen on the other folds."""
    evidence = [
        Evidence(data.classes.index(sample.label), own, None)
        for sample, own in zip(data.samples, logs, strict=True)
    ]
    parts: list[list[Evidence]] = [[] for _ in range(FOLDS)]
    for sample, each in zip(data.samples, evidence, strict=True):
        parts[sample.fold or 0].append(each)
    points = cross_fit(parts, ThresholdSettings("best_f1"), "the other folds").points
    judged = []
    for sample, each in zip(data.samples, evidence, strict=True):
        point, own = points[sample.fold or 0], each.log_probabilities
        label = 1 + int(np.argmax(own[1:])) if is_alarm(each, point) else 0
        judged.append(out_of_fold(sample, data.classes, own, label, point, seed))
    return judged


def out_of_fold(
    sample: Sample,
    classes: tuple[str, ...],
    logs: NDArray[np.float64],
    label: int,
    point: OperatingPoint,
    seed: int,
) -> OutOfFold:
    """Returns a prediction as the tool stores it."""
    probabilities = softmax(logs / point.temperature)
    judgement = Judgement(
        path=sample.path,
        sha256=sample.sha256,
        truth=sample.label,
        label=classes[label],
        defect_score=float(1 - probabilities[0]),
        probabilities=tuple(float(p) for p in probabilities),
        overlap=None,
    )
    numbers = (point.temperature, point.threshold, point.mask_threshold)
    return OutOfFold(judgement, sample.fold or 0, seed, *numbers, model_sha256="")


def run_tool(
    out: Path, product: str, seed: int, name: str, overrides: Sequence[str], say: Terminal
) -> None:
    """Trains a study on the folds of a seed, exports it as int8, and judges every picture by it."""
    data, results = data_folder(out, product, seed), evaluation_folder(out, product, seed, name)
    if (results / OUT_OF_FOLD_FILE).is_file():
        say.say(f"'{results}' is complete. Delete it to measure again.")
        return
    study = RunFolder(results.parent / "study")
    if not study.config.is_file():
        asked = [EXPERIMENT, f"train.folds={FOLDS}", f"train.seed={seed}", *overrides]
        train(data, out=study.path, overrides=asked, reporter=say)
    elif not study.decision.is_file():
        train(data, resume=study.path, reporter=say)
    if not study.decision.is_file():
        say.say(f"Other processes still train in '{study.path}'. Call again when they are done.")
        return
    export(study.path, data, force=True, overrides=["export=int8"], reporter=say)
    shutil.rmtree(results, ignore_errors=True)  # of an evaluation that was stopped
    evaluate(study.path, data, out=results, reporter=say)


def hold_out(data: DataSet, paths: Collection[str]) -> DataSet:
    """Returns the data set with these pictures as its test split, and the others to learn from."""
    samples = [
        replace(sample, split="test" if sample.path in paths else "train")
        for sample in data.samples
    ]
    return replace(data, samples=tuple(samples))


def learn_from_good(out: Path, product: str, seed: int, say: Terminal) -> Table:
    """Learns from the good pictures of each four folds, and scores the fifth."""
    dealt = read_dataset(data_folder(out, product, seed))
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for fold in range(FOLDS):
            folder = Path(scratch) / str(fold)
            own = {sample.path for sample in dealt.samples if sample.fold == fold}
            write_dataset(folder / "data", hold_out(dealt, own))
            train(folder / "data", out=folder / "run", overrides=GOOD_ONLY, reporter=say)
            results = folder / "evaluation"
            measured = evaluate(folder / "run", folder / "data", out=results, reporter=say)
            for metric in measured.evaluation.metrics:
                found.setdefault(metric.name, []).append(metric.value)
    table = Table("metric", "mean of the folds", "lowest", title=f"{product}: good pictures alone")
    for name in ("auroc", "pixel_auroc", "aupro", "pixel_f1", "miss_rate", "false_alarm_rate"):
        if name in found:
            table.add_row(name, f"{np.mean(found[name]):.3f}", f"{min(found[name]):.3f}")
    return table


@dataclass(frozen=True)
class Scores:
    """The predictions of a method for a product.

    Attributes:
        paths: Paths of the pictures, sorted.
        defective: bool [n], which pictures show a defect.
        right: float64 [n], the share of the seeds with the right label.
        present: float64 [n], the share that tells good from defective correctly.
        beats: float64 [defective, good], the share that ranks the defective picture above the good
            one; ties count half.
        dice: float64 [n], mean Dice over the seeds; NaN without a mask.
    """

    paths: tuple[str, ...]
    defective: NDArray[np.bool_]
    right: NDArray[np.float64]
    present: NDArray[np.float64]
    beats: NDArray[np.float64]
    dice: NDArray[np.float64]

    @classmethod
    def of(cls, seeds: Sequence[Sequence[Judgement]]) -> "Scores":
        """Collects the judgements of each seed, in the same order of paths."""
        defective = np.array([each.truth != GOOD for each in seeds[0]])
        right = [[each.label == each.truth for each in seed] for seed in seeds]
        present = [[(j.label == GOOD) == (j.truth == GOOD) for j in seed] for seed in seeds]
        dice = [[j.defect_overlap.dice if j.defect_overlap else np.nan for j in s] for s in seeds]
        scores = np.array([[each.defect_score for each in seed] for seed in seeds])
        difference = scores[:, defective, None] - scores[:, None, ~defective]
        return cls(
            tuple(each.path for each in seeds[0]),
            defective,
            np.mean(right, axis=0),
            np.mean(present, axis=0),
            np.mean((np.sign(difference) + 1) / 2, axis=0),
            np.mean(dice, axis=0),
        )

    def measure(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Computes the metrics of samples of the pictures.

        Args:
            weights: float64 [samples, n], how often each picture is in each sample.

        Returns:
            float64 [samples] by name; `dice` is NaN without masks.
        """
        bad, good = weights[:, self.defective], weights[:, ~self.defective]
        masked = np.isfinite(self.dice)
        with np.errstate(invalid="ignore"):
            return {
                "accuracy": weights @ self.right / weights.sum(axis=1),
                "defect-only": bad @ self.right[self.defective] / bad.sum(axis=1),
                "presence": weights @ self.present / weights.sum(axis=1),
                "AUROC": ((bad @ self.beats) * good).sum(axis=1)
                / (bad.sum(axis=1) * good.sum(axis=1)),
                "Dice": weights[:, masked] @ self.dice[masked] / weights[:, masked].sum(axis=1),
            }


def read_scores(out: Path, product: str) -> dict[str, Scores]:
    """Reads what every method made of a product.

    Raises:
        DataError: Methods have judged other seeds or other pictures.
    """
    judged: dict[str, dict[int, list[Judgement]]] = {}
    for file in sorted(out.glob(f"{product}-*/*/evaluation/{OUT_OF_FOLD_FILE}")):
        seed, rows = int(file.parents[2].name.rpartition("-")[2]), read_out_of_fold(file)[0]
        ordered = sorted((row.judgement for row in rows), key=lambda each: each.path)
        judged.setdefault(file.parents[1].name, {})[seed] = ordered
    first: dict[int, list[str]] = {}
    for name, of_seed in judged.items():
        paths = {seed: [each.path for each in rows] for seed, rows in of_seed.items()}
        if paths != (first := first or paths):
            raise DataError(
                f"'{name}' has judged seeds {sorted(paths)} of {product}, other methods "
                f"{sorted(first)}, or other pictures. Finish the missing ones, or move them away."
            )
    return {name: Scores.of(list(of_seed.values())) for name, of_seed in judged.items()}


def tabulate(product: str, methods: Mapping[str, Scores], against: str) -> Table:
    """Shows each method, and its difference to one of them, paired by picture.

    The intervals are 95 %, by the bootstrap over tiles: exposures of a tile stay together.
    """
    reference = methods[against]
    tiles = number_tiles(reference.paths)
    count = int(tiles.max()) + 1
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    weights = draws[:, tiles].astype(np.float64)
    once = np.ones((1, len(tiles)))
    table = Table(title=f"{product}: {len(tiles)} pictures of {count} objects")
    table.add_column("method", no_wrap=True)
    for metric in reference.measure(once):
        table.add_column(metric, justify="right", no_wrap=True)
    base, bases = reference.measure(once), reference.measure(weights)
    for name, scores in methods.items():
        own, owns = scores.measure(once), scores.measure(weights)
        table.add_row(name, *(show(own[metric][0], owns[metric]) for metric in own))
        if name != against:
            cells = [show(own[m][0] - base[m][0], owns[m] - bases[m], "+") for m in own]
            table.add_row(f"{name} - {against}", *cells, end_section=True)
    return table


def show(value: float, samples: NDArray[np.float64], sign: str = "") -> str:
    """Writes an estimate with its interval; a dash if there is none."""
    if not np.isfinite(value):
        return "-"
    low, high = percentiles(samples)
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    texts = {
        "prepare": "write the data sets with their folds",
        "baseline": "judge all pictures by linear discriminant analysis",
        "tool": "train, export and evaluate a study on the folds of one seed",
        "good": "learn from good pictures alone, and score the folds of one seed",
        "table": "compare what is there",
    }
    made = {name: commands.add_parser(name, help=text) for name, text in texts.items()}
    for command in made.values():
        command.add_argument("out", type=Path, help="folder of data sets and results")
        command.add_argument(
            "--pictures", default=os.environ.get(PICTURES), help=f"folder; or set {PICTURES}"
        )
    for command in (made["tool"], made["good"]):
        command.add_argument("product", choices=PRODUCTS)
        command.add_argument("seed", type=int, choices=SEEDS)
    for command, name in ((made["baseline"], BASELINE), (made["tool"], TOOL)):
        command.add_argument("--name", default=name, help="folder of the results")
        command.add_argument(
            "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings to change"
        )
    made["table"].add_argument("--against", default=BASELINE, help="the method to compare with")
    parsed = parser.parse_args(arguments)
    if parsed.command != "table" and not parsed.pictures:
        parser.error(f"{PICTURES} does not say where the pictures are. Set it, or give --pictures.")
    return parsed


def run(arguments: argparse.Namespace, say: Terminal) -> None:
    """Runs a command."""
    out: Path = arguments.out
    if arguments.command == "table":
        for product in PRODUCTS:
            methods = read_scores(out, product)
            if arguments.against in methods:
                Console(width=180).print(tabulate(product, methods, arguments.against))
        return
    products = [arguments.product] if "product" in arguments else list(PRODUCTS)
    prepare_folds(Path(arguments.pictures), out, products, say)
    if arguments.command == "baseline":
        run_baseline(out, products, arguments.name, arguments.set, say)
    elif arguments.command == "tool":
        run_tool(out, products[0], arguments.seed, arguments.name, arguments.set, say)
    elif arguments.command == "good":
        Console().print(learn_from_good(out, products[0], arguments.seed, say))


def main() -> None:
    """Runs a command; errors end with 2."""
    try:
        run(parse(), Terminal())
    except CapsuleInspectError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
