"""Measuring the runs of a study, each on the fold it has not seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from capsule_inspect.cli.begin_evaluation import begin_evaluation
from capsule_inspect.cli.console import say
from capsule_inspect.cli.evaluation_report import report_study, results_sentence
from capsule_inspect.cli.evaluation_request import EvaluationRequest
from capsule_inspect.cli.load_model import load_model
from capsule_inspect.cli.progress import watch_pictures
from capsule_inspect.cli.tables import print_evaluation
from capsule_inspect.evaluation.cross_validation import Fitted, cross_validate
from capsule_inspect.evaluation.figures import draw_figures
from capsule_inspect.evaluation.write_evaluation import StudyFacts, write_cross_validation
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.training.decision import read_decision
from capsule_inspect.training.study import Member, Study, model_files, require_finished

if TYPE_CHECKING:
    from capsule_inspect.inference.inspector import Inspector


def evaluate_study(request: EvaluationRequest, study: Study) -> tuple[Metric, ...]:
    """Measures a study, prints what came of it, writes the results folder; returns pooled metrics.

    Args:
        request: What was asked for.
        study: The study that its model names.

    Raises:
        CapsuleInspectError: Runs are not finished, were trained on other pictures, or a model or
            picture cannot be read; or the folder cannot be made.
    """
    require_finished(study)
    files = model_files(study.members)
    folder = begin_evaluation(request, study.settings)
    train, count, file = study.settings.train, len(request.data.samples), files[0].name
    inspectors: dict[int, Inspector] = {}  # by fold, of the seed whose pictures the page shows

    def load_members() -> Iterator[Fitted]:
        for member, path in zip(study.members, files, strict=True):
            fitted = _load_member(request, study, member, path)
            if member.seed == train.seed:
                inspectors[member.fold] = fitted.inspector
            yield fitted

    with watch_pictures(count * train.seeds, "Evaluating") as advance:
        measured = cross_validate(load_members(), advance)
    write_cross_validation(folder, measured, _facts(request, study, file))
    networks = "network that has" if train.seeds == 1 else f"{train.seeds} networks that have"
    pictures = f"the {count} pictures, each by the {networks} not seen it ({file})"
    print_evaluation(measured.pooled, pictures, measured.spread)
    draw_figures(folder, measured.pooled)
    report_study(folder, measured, request.data, inspectors, study.path.name)
    say(results_sentence(folder))
    return measured.pooled.metrics


def _load_member(request: EvaluationRequest, study: Study, member: Member, file: Path) -> Fitted:
    loaded = load_model(file, request.runtime, request.settings.predict.threads)
    return Fitted(
        name=member.run.path.name,
        fold=member.fold,
        seed=member.seed,
        data=study.view(request.data, member),
        inspector=loaded.inspector,
        training_data_sha256=loaded.training_data_sha256,
        model_sha256=loaded.sha256,
    )


def _facts(request: EvaluationRequest, study: Study, file: str) -> StudyFacts:
    return StudyFacts(
        study=study.path,
        file=file,
        point=read_decision(RunFolder(study.path).decision).operating_point,
        pictures_sha256=request.data.pictures_sha256,
        measured_on=(
            f"{len(request.data.samples)} pictures, each by the {file} of "
            f"{study.settings.train.folds}-fold cross-validation that has not seen it"
        ),
    )
