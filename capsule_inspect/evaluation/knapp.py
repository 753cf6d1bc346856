"""Knapp's method: how surely people find a defect in each picture, and whether a model does."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias, get_args

from capsule_inspect.choices import GOOD
from capsule_inspect.evaluation.inspectors import Verdict
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.metrics import estimate_share
from capsule_inspect.modelfile.metadata import Metric
from capsule_inspect.text import counted

ZoneName: TypeAlias = Literal["accept", "grey", "reject"]
"""Pictures that people seldom, sometimes and nearly always call defective."""

ZONES: Final[tuple[ZoneName, ...]] = get_args(ZoneName)

GREY_FROM: Final = 0.3
REJECT_FROM: Final = 0.7
"""The detection probabilities at which the grey zone and the reject zone begin."""


@dataclass(frozen=True)
class Detection:
    """How often people call a picture defective, and what the model says.

    Attributes:
        path: The picture.
        truth: Its true class.
        verdicts: Number of verdicts, of all inspectors and rounds; at least 1.
        defective: The number of these that call it defective.
        label: The label that the model gives it.
        score: The model's defect score.
    """

    path: str
    truth: str
    verdicts: int
    defective: int
    label: str
    score: float

    @property
    def probability(self) -> float:
        """The detection probability: the share of verdicts that call the picture defective."""
        return self.defective / self.verdicts

    @property
    def zone(self) -> ZoneName:
        """The zone of the picture."""
        if self.probability >= REJECT_FROM:
            return "reject"
        return "grey" if self.probability >= GREY_FROM else "accept"

    @property
    def model_rejects(self) -> bool:
        """Whether the model calls the picture defective."""
        return self.label != GOOD


def detect(judgements: Iterable[Judgement], verdicts: Iterable[Verdict]) -> tuple[Detection, ...]:
    """Counts the verdicts on each picture.

    Args:
        judgements: One per picture.
        verdicts: Of all inspectors and rounds.

    Returns:
        One for each picture that has a verdict, in the order of the judgements.
    """
    said = Counter((each.path, each.label != GOOD) for each in verdicts)
    counts = [(each, said[each.path, True], said[each.path, False]) for each in judgements]
    return tuple(
        Detection(
            path=each.path,
            truth=each.truth,
            verdicts=rejected + passed,
            defective=rejected,
            label=each.label,
            score=each.defect_score,
        )
        for each, rejected, passed in counts
        if rejected + passed
    )


@dataclass(frozen=True)
class Zone:
    """What people and the model do with the pictures of a zone.

    In the reject zone, the rates are the reject zone efficiencies (RZE). In the accept zone, they
    are the rates of false rejection.

    Attributes:
        name: The zone.
        pictures: Number of its pictures.
        people: The mean detection probability, which is the share that people reject in one
            inspection; None without pictures.
        model: The share that the model rejects, with Wilson's interval; None without pictures.
        model_is_at_least: Whether the share of the model is at least that of people.
    """

    name: ZoneName
    pictures: int
    people: float | None
    model: Metric | None
    model_is_at_least: bool


def measure_zones(detections: Sequence[Detection]) -> tuple[Zone, ...]:
    """Measures people and the model in each zone.

    The method is that of Knapp and Kushner (Journal of the Parenteral Drug Association 34, 14-61,
    1980) and of Knapp and Abramson (Journal of Parenteral Science and Technology 44, 74, 1990). A
    new method of inspection may replace people if it rejects no less of the reject zone than they:
    if RZE(model) >= RZE(people).

    Args:
        detections: One per picture.

    Returns:
        The zones, in the order of `ZONES`.
    """
    return tuple(_measure(name, [e for e in detections if e.zone == name]) for name in ZONES)


def _measure(name: ZoneName, members: Sequence[Detection]) -> Zone:
    rejected = [each.model_rejects for each in members]
    # Fractions add up without rounding, so that equal shares are equal.
    people = sum((Fraction(each.defective, each.verdicts) for each in members), Fraction(0))
    return Zone(
        name=name,
        pictures=len(members),
        people=float(people / len(members)) if members else None,
        model=estimate_share(f"{name}_zone_rejected", rejected),
        model_is_at_least=sum(rejected) >= people,
    )


def meets_criterion(zones: Sequence[Zone]) -> bool | None:
    """Tells whether RZE(model) >= RZE(people); None if no picture is in the reject zone.

    Args:
        zones: All zones.
    """
    zone = _reject_zone(zones)
    return zone.model_is_at_least if zone.pictures else None


def describe_criterion(zones: Sequence[Zone]) -> str:
    """Says in a sentence how the model compares with people in the reject zone.

    Args:
        zones: All zones.
    """
    zone = _reject_zone(zones)
    if zone.people is None or zone.model is None:
        return "No picture is in the reject zone, so Knapp's criterion tells nothing."
    met = "met" if zone.model_is_at_least else "not met"
    return (
        f"Of the {counted(zone.pictures, 'picture')} in the reject zone, people reject "
        f"{zone.people:.1%} and the model {zone.model.value:.1%}: Knapp's criterion is {met}."
    )


def _reject_zone(zones: Sequence[Zone]) -> Zone:
    return next(each for each in zones if each.name == "reject")
