"""Operating points of a study's networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.evaluation.cross_validation import mean_metrics
from capsule_inspect.evaluation.judge import Evidence, gather_evidence
from capsule_inspect.evaluation.operating_point import choose_operating_point, cross_fit
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.groups import ThresholdSettings
from capsule_inspect.training.decision import DecisionRule, read_decision, write_decision
from capsule_inspect.training.network_files import load_trained
from capsule_inspect.training.study import CrossValidationRun, Member


@dataclass(frozen=True)
class StudyPoints:
    """The operating points of a study.

    Attributes:
        members: One for each run, chosen on the other folds of its seed: the run is not measured on
            pictures that its own point was chosen on.
        overall: Chosen on all folds and seeds, for a network trained on all pictures.
    """

    members: tuple[OperatingPoint, ...]
    overall: OperatingPoint


def calibrate(
    study: CrossValidationRun, data: DataSet, advance: Callable[[], None] = lambda: None
) -> None:
    """Chooses the operating points of a study, and writes them to decision.json files.

    Each run gets its own; the one of the study is for a network trained on all pictures.

    Args:
        study: A study whose runs are all trained.
        data: The data set.
        advance: Called after each picture and network.

    Raises:
        PictureError: A picture or mask cannot be read.
    """
    evidence = []
    for member in study.members:
        keras.backend.clear_session()
        inspector = load_trained(member.run.path).inspector
        evidence.append(gather_fold(study, data, member, inspector, advance))
    points = choose_study_points(study, evidence, study.settings.threshold)
    for member, point in zip(study.members, points.members, strict=True):
        rule = read_decision(member.run.decision)
        member.run.validation.unlink(missing_ok=True)  # measured at the old point
        write_decision(member.run.decision, replace(rule, operating_point=point))
    write_study_decision(study, data, points.overall)


def gather_fold(
    study: CrossValidationRun,
    data: DataSet,
    member: Member,
    inspector: Inspector,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Evidence, ...]:
    """Runs a member's network on its left-out fold."""
    view = study.view(data, member)
    return gather_evidence(view, view.of_split("test"), inspector, advance)


def choose_study_points(
    study: CrossValidationRun, evidence: Sequence[Sequence[Evidence]], wanted: ThresholdSettings
) -> StudyPoints:
    """Chooses the operating points of all members and the overall one.

    Args:
        study: The study.
        evidence: The evidence of each member on its left-out fold.
        wanted: The policy of the threshold.
    """
    points: dict[int, OperatingPoint] = {}
    expected, outcomes = [], []
    seeds = sorted({member.seed for member in study.members})
    for seed in seeds:
        places = [place for place, member in enumerate(study.members) if member.seed == seed]
        fit = cross_fit([evidence[place] for place in places], wanted, "the other folds")
        points |= dict(zip(places, fit.points, strict=True))
        expected.append(fit.expected)
        outcomes.append(fit.outcomes)
    overall = choose_operating_point(
        [each for fold in evidence for each in fold],
        wanted,
        f"the {study.settings.train.folds} folds, each seen by a network that was not trained on "
        "it",
        mean_metrics(expected),
        mean_metrics(outcomes),
        networks=len(seeds),
    )
    return StudyPoints(tuple(points[place] for place in range(len(study.members))), overall)


def write_study_decision(study: CrossValidationRun, data: DataSet, overall: OperatingPoint) -> None:
    """Writes the study's decision.json."""
    rule = DecisionRule(
        classes=data.classes,
        roi=study.settings.model.roi,
        operating_point=overall,
        training_data_sha256=data.pictures_sha256,
        licence=data.licence,
    )
    write_decision(RunFolder(study.path).decision, rule)
