"""Measuring one model on a split."""

from capsule_inspect.cli.begin_evaluation import begin_evaluation
from capsule_inspect.cli.command_line import command_line
from capsule_inspect.cli.console import say, warn
from capsule_inspect.cli.evaluation_report import report_evaluation, results_sentence
from capsule_inspect.cli.evaluation_request import EvaluationRequest
from capsule_inspect.cli.load_model import load_model
from capsule_inspect.cli.progress import watch_pictures
from capsule_inspect.cli.tables import print_evaluation
from capsule_inspect.evaluation.evaluate import choose_samples, evaluate
from capsule_inspect.evaluation.figures import draw_figures
from capsule_inspect.evaluation.write_evaluation import write_evaluation
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.runs.run_folder import RunFolder


def evaluate_model(request: EvaluationRequest, split: str) -> tuple[Metric, ...]:
    """Measures a model, prints what came of it, writes the results folder; returns the metrics.

    Args:
        request: Its model is a file or the folder of a run.
        split: `train`, `val`, `test` or `all`.

    Raises:
        CapsuleInspectError: The model or a picture cannot be read, the split is empty or unknown,
            or the folder cannot be made.
    """
    model, data = request.model, request.data
    file = RunFolder(model).model if model.is_dir() else model
    loaded = load_model(file, request.runtime, request.settings.predict.threads)
    samples = choose_samples(data, split)
    as_trained = data.training_sha256 == loaded.training_data_sha256
    if not as_trained:
        warn(
            "The model was trained on another split of pictures than this data set's: it may have "
            "seen some that it is measured on."
        )
    folder = begin_evaluation(request, request.settings)
    with watch_pictures(len(samples), "Evaluating") as advance:
        measured = evaluate(data, split, loaded.inspector, advance)
    write_evaluation(folder, measured, file, loaded.sha256, as_trained)
    print_evaluation(measured, f"the {len(samples)} pictures of the split '{split}'")
    draw_figures(folder, measured)
    report_evaluation(folder, measured, data, loaded.inspector, file)
    if file.suffix == ".tflite":
        following = command_line("predict", "PICTURES", "--model", model, "-o", "out")
    else:
        following = command_line("export-tflite", model, f"data.dir={request.settings.data.dir}")
    say(f"{results_sentence(folder)} Next: {following}")
    return measured.metrics
