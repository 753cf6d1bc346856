from capsule_inspect.imaging.look import Look
from capsule_inspect.inference.batch_summary import BatchSummary
from capsule_inspect.inference.inspect_file import InspectedFile
from capsule_inspect.inference.observation import Observation
from capsule_inspect.inference.record import Record
from capsule_inspect.inference.tally import Tally
from capsule_inspect.modelfile.training_statistics import RANGE_NAMES, Range, TrainingStatistics

STATISTICS = TrainingStatistics(
    (0.0,), (1.0,), 10.0, tuple(Range(name, 10.0, 20.0) for name in RANGE_NAMES)
)


def test_capsules_count_by_label_and_files_by_status():
    tally = Tally(None)
    assert tally.summary() == BatchSummary(0, {}, 0, 0, 0, "")
    capsules = [Record("a.png", "ok", index, label) for index, label in enumerate(["good", "poke"])]
    for records in (
        tuple(capsules),
        (Record("b.png", "ok", 0, "poke", warning="It is cut."),),
        (Record("c.png", "no_capsule", warning="There is no overlay."),),
        (Record("d.png", "error", error="d.png is empty."),),
    ):
        tally.add(InspectedFile(records))
    assert tally.files == 4
    assert tally.summary() == BatchSummary(
        files=4, labels={"good": 1, "poke": 2}, no_capsule=1, errors=1, warnings=2, drift=""
    )
    assert tally.summary().capsules == 3


def test_what_the_pictures_are_like_tells_of_drift():
    tally = Tally(STATISTICS)
    dark = Observation(Look(5, 15, 15, 15, 15), 15.0)
    for _ in range(3):
        tally.add(InspectedFile((Record("a.png", "ok"),), (dark, dark)))
    assert "red 5.0 (10.0 to 20.0)" in tally.summary().drift
