"""The page of a data set, dataset.html: for checking the data before training on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from capsule_inspect.choices import ALL, GOOD, SPLITS
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.dataset.problems import Problem, Remark, remark_on
from capsule_inspect.dataset.survey import Survey
from capsule_inspect.pages.charts import Chart, histogram
from capsule_inspect.pages.elements import Card, Fact, Shown, render
from capsule_inspect.pages.pictures import colour_map, make_thumbnail, show_truth
from capsule_inspect.text import counted

DATASET_PAGE_FILE = "dataset.html"

_SAMPLES_PER_CLASS = 8
_MOST_LISTED = 50


@dataclass(frozen=True)
class _Count:
    """The number of pictures of a class in each split, and in all of them."""

    name: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class _Samples:
    """Pictures of one class."""

    name: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class _Page:
    """The values that `templates/dataset.html` shows."""

    title: str
    about: str
    facts: tuple[Fact, ...]
    splits: tuple[str, ...]
    counts: tuple[_Count, ...]
    remarks: tuple[Remark, ...]
    remarks_left_out: int
    without_capsule: tuple[str, ...]
    without_capsule_count: int
    sees_capsules: bool
    charts: tuple[Chart, ...]
    heat: tuple[Card, ...]
    samples: tuple[_Samples, ...]


def make_dataset_page(data: DataSet, surveyed: Survey, problems: Sequence[Problem]) -> str:
    """Makes the page of a data set.

    Args:
        data: The data set.
        surveyed: Its measurements.
        problems: The problems that the checks found.

    Returns:
        An HTML document that includes some of the pictures.

    Raises:
        PictureError: A picture or mask cannot be read.
    """
    missing, remarks = surveyed.without_capsule, remark_on(problems)
    sees = surveyed.roi.mode == "capsule"
    page = _Page(
        title=f"Data set of {counted(len(data.samples), 'picture')}",
        about=f"Source: {data.source}. Licence: {data.licence}. Split by seed {data.seed}.",
        facts=tuple(_facts(data, missing)),
        splits=SPLITS,
        counts=tuple(_counts(data)),
        remarks=tuple(remarks[:_MOST_LISTED]),
        remarks_left_out=max(0, len(remarks) - _MOST_LISTED),
        without_capsule=missing[:_MOST_LISTED],
        without_capsule_count=len(missing),
        sees_capsules=sees,
        charts=tuple(_charts(surveyed)),
        heat=tuple(_heat_maps(surveyed)),
        samples=tuple(_Samples(name, tuple(_cards(data, name, sees))) for name in data.classes),
    )
    return render("dataset.html", page=page)


def _facts(data: DataSet, without_capsule: Sequence[str]) -> Iterator[Fact]:
    good = sum(sample.label == GOOD for sample in data.samples)
    yield Fact("pictures", str(len(data.samples)))
    yield Fact("good", str(good))
    yield Fact("defective", str(len(data.samples) - good))
    yield Fact("classes of defects", str(len(data.classes) - 1))
    yield Fact("with a mask", str(sum(bool(sample.mask) for sample in data.samples)))
    yield Fact("without a capsule", str(len(without_capsule)))
    if parts := data.parts:
        yield Fact("parts", str(len(parts)))
    yield Fact("distinct pictures", str(len({sample.sha256 for sample in data.samples})))
    sizes = sorted({(sample.width, sample.height) for sample in data.samples})
    detail = "" if len(sizes) == 1 else f"to {sizes[-1][0]} x {sizes[-1][1]}"
    yield Fact("pixels", f"{sizes[0][0]} x {sizes[0][1]}", detail)


def _counts(data: DataSet) -> Iterator[_Count]:
    for name in data.classes:
        counts = [data.count(name, split) for split in SPLITS]
        yield _Count(name, (*counts, sum(counts)))
    totals = [sum(data.count(name, split) for name in data.classes) for split in SPLITS]
    yield _Count(ALL, (*totals, sum(totals)))


def _charts(surveyed: Survey) -> Iterator[Chart]:
    looks = [look for each in surveyed.pictures for look in each.looks]
    if not looks:
        return
    if surveyed.roi.mode == "capsule":
        widths = [width for each in surveyed.pictures for width in each.widths]
        yield histogram("Length", "length, pixels", [look.length for look in looks])
        yield histogram("Width", "width, pixels", widths)
    yield histogram("Sharpness", "variance of the Laplacian", [look.sharpness for look in looks])
    if all(look.red == look.green == look.blue for look in looks):
        yield histogram("Mean grey", "grey levels of 255", [look.red for look in looks])
        return
    for colour in ("red", "green", "blue"):
        values = [getattr(look, colour) for look in looks]
        yield histogram(f"Mean {colour}", "grey levels of 255", values)


def _heat_maps(surveyed: Survey) -> Iterator[Card]:
    for name, share in surveyed.heat.items():
        shown = Shown(make_thumbnail(colour_map(share), 480))
        detail = f"brightest: in {100 * float(share.max()):.0f} % of its pictures"
        yield Card((shown,), name, "", False, detail)


def _cards(data: DataSet, label: str, sees_capsules: bool) -> Iterator[Card]:
    members = [sample for sample in data.samples if sample.label == label]
    for sample in _spread(members):
        yield Card((show_truth(data, sample, sees_capsules),), label, sample.path, label == GOOD)


def _spread(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yields a few samples, evenly spaced from first to last."""
    count = min(len(samples), _SAMPLES_PER_CLASS)
    for place in range(count):
        yield samples[place * len(samples) // count]
