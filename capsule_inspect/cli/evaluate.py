"""`capsule-inspect evaluate`: measure a model on a data set."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from capsule_inspect.cli.extras import load_training_stack, require_train_extra
from capsule_inspect.cli.options import (
    ConfigDir,
    DataRoot,
    Overrides,
    PrintConfig,
    RuntimeChoice,
    settings_from,
)

if TYPE_CHECKING:
    from capsule_inspect.inference.inspector import Inspector


def evaluate(  # noqa: PLR0913, PLR0917  (each option of the command is a parameter)
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A .tflite or .keras file, or a run folder."),
    ],
    overrides: Overrides = None,
    split: Annotated[
        str, typer.Option("--split", help="train, val, test, or all of them.")
    ] = "test",
    out: Annotated[
        Optional[Path],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option(
            "-o", "--out", help="Folder for the results; runs/evaluate/DATE-TIME if not given."
        ),
    ] = None,
    conditions: Annotated[
        Optional[list[str]],  # noqa: UP045  (Typer on 3.10 reads Optional only)
        typer.Option(
            "--require",
            metavar="CONDITION",
            help="End with exit code 1 unless this holds, such as 'accuracy>=.95'. Repeatable.",
            show_default=False,
        ),
    ] = None,
    runtime: Annotated[
        RuntimeChoice, typer.Option(help="What executes a .tflite file.")
    ] = RuntimeChoice.AUTO,
    data_root: DataRoot = None,
    config_dir: ConfigDir = None,
    print_config: PrintConfig = False,
) -> None:
    """Measure a model on the data set folder data.dir, the way `predict` would see it.

    Prints the metrics with their 95 % intervals, those of each class and the confusion matrix, and
    writes metrics.json, pictures.csv and figures.

    Example: capsule-inspect evaluate model.tflite data.dir=data/capsule --require 'accuracy>=.95'
    """
    from capsule_inspect.evaluation.require import parse_condition, require

    required = [parse_condition(condition) for condition in conditions or []]
    settings = settings_from(overrides, config_dir, print_config, data_root, heavy=True)
    require_train_extra("evaluate", ("sklearn", "matplotlib"))
    from capsule_inspect.dataset.manifest import read_dataset
    from capsule_inspect.training.run_folder import RunFolder, create_run_folder

    data = read_dataset(Path(settings.data.dir), settings.data.root)
    file = RunFolder(model).model if model.is_dir() else model
    inspector = _load(file, runtime, settings.predict.threads)
    from capsule_inspect.cli.console import say
    from capsule_inspect.cli.progress import watch_pictures
    from capsule_inspect.cli.tables import print_classes, print_confusion, print_metrics
    from capsule_inspect.evaluation import evaluate as evaluation
    from capsule_inspect.evaluation.figures import draw_figures
    from capsule_inspect.evaluation.report import write_report

    samples = evaluation.choose_samples(data, split)
    folder = create_run_folder("evaluate", out).path
    with watch_pictures(len(samples), "Evaluating") as advance:
        measured = evaluation.evaluate(data, split, inspector, advance)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    write_report(folder, measured, file, sha256)
    draw_figures(folder, measured)
    print_metrics(measured.metrics, f"the {len(samples)} pictures of the split '{split}'")
    print_classes(measured.per_class)
    print_confusion(measured.confusion)
    results = (folder / "metrics.json").resolve()
    say(f"Results: {results}; pictures.csv and figures are beside it.")
    require(required, measured.metrics)


def _load(file: Path, runtime: RuntimeChoice, threads: int) -> "Inspector":
    from capsule_inspect.inference.inspector import Inspector

    if file.suffix == ".tflite":
        from capsule_inspect.modelfile.bundle import read_bundle
        from capsule_inspect.modelfile.runtime import Interpreter

        bundle = read_bundle(file)
        meta = bundle.metadata
        interpreter = Interpreter(bundle, runtime.value, threads)
        return Inspector(interpreter.run, meta.classes, meta.roi, meta.operating_point)
    load_training_stack("evaluate")
    from capsule_inspect.model.runner import KerasRunner
    from capsule_inspect.training.load import load_trained

    trained = load_trained(file)
    rule = trained.rule
    return Inspector(KerasRunner(trained.network), rule.classes, rule.roi, rule.operating_point)
