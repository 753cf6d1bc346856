"""The agreement of a model, human inspectors and the truth."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

from capsule_inspect.choices import GOOD
from capsule_inspect.evaluation.inspectors import DEFECTIVE, EVERYONE, MODEL, TRUTH, Verdict
from capsule_inspect.evaluation.intervals import wilson
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.kappa import Kappa, cohen_kappa, fleiss_kappa
from capsule_inspect.evaluation.knapp import Detection, Zone, detect, measure_zones
from capsule_inspect.evaluation.metrics import ClassMetrics, estimate_share
from capsule_inspect.modelfile.metadata import Metric

Kind: TypeAlias = Literal["presence", "class"]
"""What raters agree on: whether a picture is good or defective, or on its class."""


@dataclass(frozen=True)
class Pair:
    """The agreement of two raters, or of several readings.

    Attributes:
        first: The first rater.
        second: The second one. The same as the first one for the readings of an inspector in
            several rounds, and for all inspectors among themselves.
        kind: What they agree on.
        of_class: The class that is told from all others; empty for all classes at once.
        agreement: The share of pictures on which they agree, with Wilson's interval. All readings
            have to be the same.
        kappa: Cohen's kappa of two raters, Fleiss' kappa of several readings. None if all readings
            of all pictures are the same.
    """

    first: str
    second: str
    kind: Kind
    of_class: str
    agreement: Metric
    kappa: Kappa | None


@dataclass(frozen=True)
class RaterMetrics:
    """The metrics of a rater against the truth.

    Attributes:
        name: `MODEL`, or the inspector.
        n: Number of pictures that the rater read.
        rounds: Number of rounds; 1 for the model.
        metrics: `accuracy`, `defect_only_accuracy`, `presence_accuracy`, `false_alarm_rate` and
            `miss_rate`; without the first two for people who only sort.
        per_class: Of each class that the rater read: `false_alarm_rate` of `good`, `miss_rate` and
            `recall` of the others.
    """

    name: str
    n: int
    rounds: int
    metrics: tuple[Metric, ...]
    per_class: tuple[ClassMetrics, ...]


@dataclass(frozen=True)
class Agreement:
    """The comparison of a model with human inspectors.

    It counts the pictures that at least one inspector read.

    Attributes:
        classes: Class names, `good` first.
        pictures: Number of pictures.
        verdicts: Number of verdicts on them.
        left_out: Number of verdicts on other pictures.
        raters: The model, then the inspectors in the order of their first verdicts.
        pairs: All pairs of the truth, the model and the inspectors that share pictures, in that
            order.
        repeats: The agreement of each inspector with himself or herself over the pictures read in
            every round, and that of three or more inspectors over the pictures read by all.
        detections: One for each picture, in the order of the judgements.
        zones: People and the model in each of Knapp's zones.
    """

    classes: tuple[str, ...]
    pictures: int
    verdicts: int
    left_out: int
    raters: tuple[RaterMetrics, ...]
    pairs: tuple[Pair, ...]
    repeats: tuple[Pair, ...]
    detections: tuple[Detection, ...]
    zones: tuple[Zone, ...]

    @property
    def inspectors(self) -> tuple[RaterMetrics, ...]:
        """The inspectors alone."""
        return tuple(each for each in self.raters if each.name != MODEL)

    def pair(self, first: str, second: str, kind: Kind, of_class: str = "") -> Pair | None:
        """Returns the pair of two raters; None if it was not measured."""
        wanted = (first, second, kind, of_class)
        for each in (*self.pairs, *self.repeats):
            if (each.first, each.second, each.kind, each.of_class) == wanted:
                return each
        return None


def compare(
    judgements: Sequence[Judgement], verdicts: Sequence[Verdict], classes: tuple[str, ...]
) -> Agreement:
    """Compares a model with inspectors.

    Rates and pairs count the first reading of each picture by each inspector, so that each picture
    counts once. The detection probability counts all readings.

    Args:
        judgements: The model's, one per picture.
        verdicts: Those of the inspectors, at least one on a picture that was judged.
        classes: Class names, `good` first.
    """
    judged = {each.path for each in judgements}
    counted = [each for each in verdicts if each.path in judged]
    read = {each.path for each in counted}
    common = [each for each in judgements if each.path in read]
    truth = _Rater(TRUTH, ({each.path: each.truth for each in common},), True)
    model = _Rater(MODEL, ({each.path: each.label for each in common},), True)
    inspectors = tuple(_inspectors(counted, classes))
    detections = detect(common, counted)
    return Agreement(
        classes=classes,
        pictures=len(common),
        verdicts=len(counted),
        left_out=len(verdicts) - len(counted),
        raters=tuple(_measure(each, truth, classes) for each in (model, *inspectors)),
        pairs=tuple(_pairs((truth, model, *inspectors), classes)),
        repeats=tuple(_repeats(inspectors, classes)),
        detections=detections,
        zones=measure_zones(detections),
    )


@dataclass(frozen=True)
class _Rater:
    """The readings of a rater.

    Attributes:
        name: The name.
        rounds: The labels by picture of each round.
        names_classes: Whether all labels are classes; people who only sort name none.
    """

    name: str
    rounds: tuple[Mapping[str, str], ...]
    names_classes: bool

    @property
    def labels(self) -> Mapping[str, str]:
        """The label of the first reading of each picture."""
        return {path: label for each in reversed(self.rounds) for path, label in each.items()}


def _inspectors(verdicts: Sequence[Verdict], classes: Sequence[str]) -> Iterator[_Rater]:
    for name in dict.fromkeys(each.inspector for each in verdicts):
        own = [each for each in verdicts if each.inspector == name]
        rounds = tuple(
            {each.path: each.label for each in own if each.round == number}
            for number in sorted({each.round for each in own})
        )
        yield _Rater(name, rounds, all(each.label in classes for each in own))


def _measure(rater: _Rater, truth: _Rater, classes: Sequence[str]) -> RaterMetrics:
    given, true = rater.labels, truth.labels
    pairs = [(true[path], label) for path, label in given.items()]
    goods = [label for known, label in pairs if known == GOOD]
    defects = [(known, label) for known, label in pairs if known != GOOD]
    right = [known == label for known, label in pairs] if rater.names_classes else []
    estimates = (
        estimate_share("accuracy", right),
        estimate_share(
            "defect_only_accuracy",
            [known == label for known, label in defects] if rater.names_classes else [],
        ),
        estimate_share(
            "presence_accuracy", [(known == GOOD) == (label == GOOD) for known, label in pairs]
        ),
        estimate_share("false_alarm_rate", [label != GOOD for label in goods]),
        estimate_share("miss_rate", [label == GOOD for _, label in defects]),
    )
    return RaterMetrics(
        name=rater.name,
        n=len(pairs),
        rounds=len(rater.rounds),
        metrics=tuple(metric for metric in estimates if metric is not None),
        per_class=tuple(_of_classes(pairs, classes, names_classes=rater.names_classes)),
    )


def _of_classes(
    pairs: Sequence[tuple[str, str]], classes: Sequence[str], *, names_classes: bool
) -> Iterator[ClassMetrics]:
    for name in classes:
        given = [label for known, label in pairs if known == name]
        if name == GOOD:
            estimates = [estimate_share("false_alarm_rate", [label != GOOD for label in given])]
        else:
            estimates = [estimate_share("miss_rate", [label == GOOD for label in given])]
            if names_classes:
                estimates.append(estimate_share("recall", [label == name for label in given]))
        metrics = tuple(metric for metric in estimates if metric is not None)
        if metrics:
            yield ClassMetrics(name, len(given), metrics)


def _presence(label: str) -> str:
    return GOOD if label == GOOD else DEFECTIVE


_Readings: TypeAlias = Sequence[Sequence[str]]
"""The labels of each picture, as many for one as for the other."""


def _pairs(raters: Sequence[_Rater], classes: Sequence[str]) -> Iterator[Pair]:
    for first, second in combinations(raters, 2):
        one, other = first.labels, second.labels
        readings = [(label, other[path]) for path, label in one.items() if path in other]
        yield from _kinds(
            (first.name, second.name),
            readings,
            lambda seen: cohen_kappa([(one, other) for one, other in seen]),
            classes if first.names_classes and second.names_classes else (),
        )


def _repeats(inspectors: Sequence[_Rater], classes: Sequence[str]) -> Iterator[Pair]:
    groups = [(each.name, each.rounds, each.names_classes) for each in inspectors]
    groups = [group for group in groups if len(group[1]) > 1]
    if len(inspectors) > 2:
        name_classes = all(each.names_classes for each in inspectors)
        groups.append((EVERYONE, tuple(each.labels for each in inspectors), name_classes))
    for name, columns, name_classes in groups:
        shared = [path for path in columns[0] if all(path in column for column in columns)]
        readings = [[column[path] for column in columns] for path in shared]
        yield from _kinds((name, name), readings, fleiss_kappa, classes if name_classes else ())


def _kinds(
    names: tuple[str, str],
    readings: _Readings,
    kappa: Callable[[_Readings], Kappa | None],
    classes: Sequence[str],
) -> Iterator[Pair]:
    """Yields the agreement on presence, on class and on each class; nothing without readings.

    Args:
        names: The two raters.
        readings: Their labels of each picture.
        kappa: Measures the agreement beyond chance.
        classes: Class names; empty if a rater names none.
    """

    def pair(kind: Kind, seen: _Readings, of_class: str = "") -> Pair:
        agreed = sum(len(set(labels)) == 1 for labels in seen)
        share = Metric("agreement", agreed / len(seen), len(seen), *wilson(agreed, len(seen)))
        return Pair(*names, kind, of_class, share, kappa(seen))

    if not readings:
        return
    yield pair("presence", [[_presence(label) for label in labels] for labels in readings])
    if not classes:
        return
    yield pair("class", readings)
    named = {label for labels in readings for label in labels}
    for name in classes:
        # Telling good ones from all others is what `presence` does.
        if name != GOOD and name in named:
            seen = [[name if label == name else _OTHER for label in labels] for labels in readings]
            yield pair("class", seen, name)


_OTHER = ""
"""Any class but the one that is told from all others."""
