import json
import math
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import InterruptedRunError, PictureError, UsageError
from capsule_inspect.imaging.appearance import Appearance
from capsule_inspect.inference.batch import (
    BatchSummary,
    Tally,
    inspect_batch,
    map_in_order,
    run_settings,
)
from capsule_inspect.inference.drift import Shift
from capsule_inspect.inference.inputs import expand_inputs
from capsule_inspect.inference.inspect_picture import InspectedPicture, InspectOptions
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.inference.records import Record, read_records
from capsule_inspect.inference.results_folder import ResultsFolder, open_results
from capsule_inspect.inference.warnings import Observation
from capsule_inspect.modelfile.metadata import (
    RANGE_NAMES,
    OperatingPoint,
    Range,
    TrainingStatistics,
)
from capsule_inspect.modelfile.runtime import Outputs

CLASSES = ("good", "crack", "poke")
OVERLAYS = InspectOptions()
ALL = InspectOptions(masks=True)


def see_poke(_window):
    """Says poke, and that the middle half of the window is defect."""
    mask_logits = np.zeros((96, 240, 3), np.float32)
    mask_logits[..., 0] = 9
    mask_logits[24:72, 60:180, 2] = 18
    return Outputs(np.array([0, 0, 5], np.float32), mask_logits)


def see_good(_window):
    return Outputs(np.array([9, 0, 0], np.float32), np.zeros((96, 240, 3), np.float32))


def inspector(run=see_poke, mode="capsule") -> Inspector:
    return Inspector(run, CLASSES, replace(CAPSULE_ROI, mode=mode), OperatingPoint())


def inspect_into(judge, pictures, out, options, on_existing="refuse", **more) -> BatchSummary:
    """Opens a results folder and inspects a batch into it."""
    with open_results(out, run_settings(judge, options), on_existing) as results:
        return inspect_batch(judge, pictures, results, options, **more)


def load(path: Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture
def pictures(tmp_path, save_picture):
    """One capsule, no capsule, two capsules, and a file that is no picture."""
    one, two = (draw_capsule("good", seed, 300).picture for seed in (1, 2))
    save_picture(tmp_path / "in/one.png", one)
    save_picture(tmp_path / "in/sub/two.png", np.hstack([one, two]))
    save_picture(tmp_path / "in/empty.png", np.full((300, 300, 3), 210, np.uint8))
    (tmp_path / "in/text.png").write_text("not a picture")
    return expand_inputs([str(tmp_path / "in")], recursive=True)


def test_each_capsule_and_each_other_file_gets_a_row(pictures, tmp_path):
    out = tmp_path / "out"
    summary = inspect_into(inspector(), pictures, out, OVERLAYS)
    rows = read_records(out / "predictions.csv")
    found = [(Path(row.path).name, row.capsule, row.status, row.label) for row in rows]
    assert found == [
        ("empty.png", None, "no_capsule", ""),
        ("one.png", 0, "ok", "poke"),
        ("two.png", 0, "ok", "poke"),
        ("two.png", 1, "ok", "poke"),
        ("text.png", None, "error", ""),
    ]
    assert "text.png" in rows[-1].error
    assert (summary.files, summary.capsules, summary.no_capsule, summary.errors) == (4, 3, 1, 1)
    assert summary.labels == {"poke": 3}


def test_a_picture_without_a_capsule_is_among_the_defects_that_get_an_overlay(pictures, tmp_path):
    out = tmp_path / "out"
    inspect_into(inspector(see_good), pictures, out, InspectOptions(overlays="defects"))
    assert {
        row.path.rpartition("/")[2]: row.overlay for row in read_records(out / "predictions.csv")
    } == {
        "empty.png": "overlays/empty.png.png",
        "one.png": "",
        "two.png": "",
        "text.png": "",
    }
    assert [file.name for file in (out / "overlays").iterdir()] == ["empty.png.png"]


def test_files_mirror_the_input_folder(pictures, tmp_path):
    out = tmp_path / "out"
    inspect_into(inspector(), pictures, out, ALL)
    files = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    expected = {"predictions.csv", "digests.csv", "run.json", ".lock"}
    for name in ("empty.png", "one.png", "sub/two.png"):
        expected |= {f"overlays/{name}.png", f"masks/{name}.png"}
    assert files == expected
    by_name = {Path(row.path).name: row for row in read_records(out / "predictions.csv")}
    assert by_name["two.png"].overlay == "overlays/sub/two.png.png"
    assert by_name["two.png"].mask == "masks/sub/two.png.png"
    assert by_name["text.png"].overlay == by_name["text.png"].mask == ""


def test_masks_hold_the_class_and_add_up_to_the_area(pictures, tmp_path):
    out = tmp_path / "out"
    inspect_into(inspector(), pictures, out, ALL)
    rows = [row for row in read_records(out / "predictions.csv") if "two" in row.path]
    mask = load(out / rows[0].mask)
    assert mask.shape == (300, 600)
    assert set(np.unique(mask)) == {0, CLASSES.index("poke")}
    assert (mask > 0).sum() == rows[0].defect_area_px + rows[1].defect_area_px
    for row in rows:
        # Half the window's width and height, at the scale of this capsule.
        scale = row.width / 428
        assert row.defect_area_px == pytest.approx(240 * 96 * scale**2, rel=0.05)
        assert mask[round(row.y), round(row.x)] > 0
    assert not load(out / "masks/empty.png.png").any()


def test_overlays_show_the_picture_with_something_drawn(pictures, tmp_path):
    out = tmp_path / "out"
    inspect_into(inspector(), pictures, out, OVERLAYS)
    overlay, picture = load(out / "overlays/one.png.png"), load(tmp_path / "in/one.png")
    assert overlay.shape == picture.shape
    same = (overlay == picture).all(axis=2).mean()
    assert 0.5 < same < 0.99


def test_good_capsules_have_no_defect_pixels(pictures, tmp_path):
    out = tmp_path / "out"
    summary = inspect_into(inspector(see_good), pictures, out, ALL)
    assert summary.labels == {"good": 3}
    assert not load(out / "masks/one.png.png").any()
    assert {r.defect_area_px for r in read_records(out / "predictions.csv")} == {None, 0}


def test_nothing_but_rows_if_nothing_else_is_wanted(pictures, tmp_path):
    out = tmp_path / "out"
    inspect_into(inspector(), pictures, out, InspectOptions("none"))
    assert not [file for file in out.iterdir() if file.is_dir()]
    assert {row.overlay for row in read_records(out / "predictions.csv")} == {""}


def test_a_model_without_masks_says_so_instead_of_writing_some(pictures, tmp_path):
    out = tmp_path / "out"
    labels_only = inspector(lambda _window: Outputs(np.array([0, 5, 0], np.float32), None))
    inspect_into(labels_only, pictures, out, ALL)
    row = next(r for r in read_records(out / "predictions.csv") if r.status == "ok")
    assert row.mask == ""
    assert "no mask" in row.warning
    assert row.defect_area_px is None
    assert not (out / "masks/one.png.png").exists()


def test_a_picture_too_wide_for_the_overlays_format_gets_a_row_that_says_so(tmp_path, save_picture):
    file = save_picture(tmp_path / "wide.png", np.full((20, 16384, 3), 200, np.uint8))
    options, out = InspectOptions(overlay_format="webp"), tmp_path / "out"
    inspect_into(inspector(mode="whole"), expand_inputs([str(file)]), out, options)
    (row,) = read_records(out / "predictions.csv")
    assert (row.status, row.label, row.overlay) == ("ok", "poke", "")
    assert row.warning.startswith("There is no overlay: A picture of 16384 x 20 pixels cannot")
    assert not (out / "overlays").exists()


def test_rows_are_on_disk_when_their_picture_is_done(pictures, tmp_path):
    out, seen = tmp_path / "out", []

    def check(records):
        seen.extend(records)
        assert read_records(out / "predictions.csv") == tuple(seen)

    inspect_into(inspector(), pictures, out, OVERLAYS, on_picture=check)
    assert len(seen) == 5


def test_a_batch_that_leaves_what_training_has_seen_says_so(tmp_path, save_picture):
    for number in range(5):
        picture = np.full((20, 50, 3), (10, 20, 30), np.uint8)
        save_picture(tmp_path / f"in/{number}.png", picture)
    ranges = tuple(Range(name, 0, 25 if name == "blue" else 255) for name in RANGE_NAMES)
    seen = TrainingStatistics((), (), 10.0, ranges)
    judge = Inspector(
        see_poke,
        CLASSES,
        replace(CAPSULE_ROI, mode="whole"),
        OperatingPoint(),
        training_statistics=seen,
    )
    summary = inspect_into(judge, expand_inputs([str(tmp_path / "in")]), tmp_path / "out", OVERLAYS)
    assert summary.drift == (Shift("blue", 30.0, 0.0, 25.0),)


@dataclass(frozen=True)
class Upload:
    """A kind of input that the package does not know: a picture that was sent."""

    name: str
    data: bytes | None

    @property
    def path(self) -> str:
        return f"upload:{self.name}"

    def read(self, max_pixels: int) -> bytes:
        if self.data is None:
            raise PictureError(f"'{self.path}' was cut off; send it again.")
        assert max_pixels == OVERLAYS.max_pixels
        return self.data


def test_an_input_kind_from_outside_goes_all_the_way(pictures, tmp_path):
    by_name = {source.name: source.read(OVERLAYS.max_pixels) for source in pictures}
    uploads = [Upload(name, data) for name, data in by_name.items()]
    out = tmp_path / "out"
    summary = inspect_into(inspector(), [*uploads, Upload("zz.png", None)], out, ALL, jobs=2)
    assert (summary.files, summary.capsules, summary.no_capsule, summary.errors) == (5, 3, 1, 2)
    rows = read_records(out / "predictions.csv")
    assert rows[-1] == Record(
        "upload:zz.png", "error", error="'upload:zz.png' was cut off; send it again."
    )
    # But for what they are called, all is as of the files with the same bytes.
    files = tmp_path / "files"
    inspect_into(inspector(), pictures, files, ALL)
    assert [replace(row, path="", error="") for row in rows[:-1]] == [
        replace(row, path="", error="") for row in read_records(files / "predictions.csv")
    ]
    for folder in ("overlays", "masks"):
        drawn = {
            file.relative_to(out): file.read_bytes()
            for file in (out / folder).rglob("*")
            if file.is_file()
        }
        assert len(drawn) == 3
        assert all((files / name).read_bytes() == data for name, data in drawn.items())


def test_an_input_kind_from_outside_is_resumed(pictures, tmp_path):
    uploads = [Upload(source.name, source.read(OVERLAYS.max_pixels)) for source in pictures]
    out = tmp_path / "out"
    inspect_into(inspector(), uploads, out, ALL)
    rows = (out / "predictions.csv").read_bytes()
    (out / "predictions.csv").write_bytes(b"".join(rows.splitlines(True)[:4]))
    inspect_into(inspector(), uploads, out, ALL, "resume")
    assert (out / "predictions.csv").read_bytes() == rows


@pytest.fixture
def drifting(tmp_path, save_picture):
    """An inspector of blue pictures, and six of them that are too blue."""
    for number in range(6):
        picture = np.full((20, 50, 3), (10, 20, 30), np.uint8)
        save_picture(tmp_path / f"in/{number}.png", picture)
    ranges = tuple(Range(name, 0, 25 if name == "blue" else 255) for name in RANGE_NAMES)
    seen = TrainingStatistics((), (), 10.0, ranges)
    judge = Inspector(
        see_poke,
        CLASSES,
        replace(CAPSULE_ROI, mode="whole"),
        OperatingPoint(),
        training_statistics=seen,
    )
    return judge, expand_inputs([str(tmp_path / "in")])


TOO_BLUE = Shift("blue", 30.0, 0.0, 25.0)


def test_drift_is_in_run_json_once_the_batch_is_done(drifting, tmp_path):
    judge, pictures = drifting
    out = tmp_path / "out"
    seen = []
    inspect_into(
        judge,
        pictures,
        out,
        OVERLAYS,
        on_picture=lambda _: seen.append("drift" in ResultsFolder(out).read_run()),
    )
    assert seen == [False] * 6
    run = json.loads((out / "run.json").read_text())
    assert run["drift"] == [{"name": "blue", "median": 30.0, "low": 0.0, "high": 25.0}]
    assert list(run)[-1] == "drift"


def test_pictures_like_the_training_have_an_empty_drift(drifting, tmp_path):
    judge, pictures = drifting
    ranges = tuple(Range(name, 0, 255) for name in RANGE_NAMES)
    judge = replace(judge, training_statistics=TrainingStatistics((), (), 10.0, ranges))
    assert inspect_into(judge, pictures, tmp_path / "out", OVERLAYS).drift == ()
    assert ResultsFolder(tmp_path / "out").read_run()["drift"] == []


@pytest.mark.parametrize("left", [1, 4])
def test_a_resumed_run_keeps_the_drift_where_it_inspects_too_few(drifting, tmp_path, left):
    judge, pictures = drifting
    out = tmp_path / "out"
    inspect_into(judge, pictures, out, OVERLAYS)
    before = (out / "run.json").read_bytes()
    rows = (out / "predictions.csv").read_bytes().splitlines(True)
    (out / "predictions.csv").write_bytes(b"".join(rows[: len(rows) - left + 1]))
    assert inspect_into(judge, pictures, out, OVERLAYS, "resume").drift == (TOO_BLUE,)
    assert (out / "run.json").read_bytes() == before


def test_too_few_pictures_and_no_statistics_leave_drift_unsaid(drifting, tmp_path):
    judge, pictures = drifting
    assert inspect_into(judge, pictures[:4], tmp_path / "few", OVERLAYS).drift is None
    assert "drift" not in ResultsFolder(tmp_path / "few").read_run()
    judge = replace(judge, training_statistics=None)
    assert inspect_into(judge, pictures, tmp_path / "out", OVERLAYS).drift is None
    assert "drift" not in ResultsFolder(tmp_path / "out").read_run()


def test_the_pixel_limit_is_kept(pictures, tmp_path):
    out = tmp_path / "out"
    summary = inspect_into(inspector(), pictures, out, InspectOptions(max_pixels=300 * 300))
    assert summary.errors == 2
    rows = read_records(out / "predictions.csv")
    assert "two.png" in next(row.error for row in rows if row.path.endswith("two.png"))


def test_an_interrupted_batch_keeps_its_rows_and_leaves_nothing_half_done(pictures, tmp_path):
    out = tmp_path / "out"
    calls = []

    def run(window):
        calls.append(window)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return see_poke(window)

    with pytest.raises(InterruptedRunError, match=r"after 2 of 4 files.*--resume"):
        inspect_into(inspector(run), pictures, out, OVERLAYS)
    assert len(read_records(out / "predictions.csv")) == 2
    assert not list(out.rglob(".unfinished*"))


def test_an_interrupt_between_writing_and_counting_is_told_as_it_is_on_disk(
    pictures, tmp_path, monkeypatch
):
    counted, count = [], Tally.add

    def add(tally, inspected):
        counted.append(inspected)
        if len(counted) == 2:
            raise KeyboardInterrupt
        count(tally, inspected)

    monkeypatch.setattr(Tally, "add", add)
    out = tmp_path / "out"
    with pytest.raises(InterruptedRunError, match="after 2 of 4 files"):
        inspect_into(inspector(), pictures, out, OVERLAYS)
    assert len({record.path for record in read_records(out / "predictions.csv")}) == 2


def test_a_used_output_folder_is_refused(pictures, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match=r"not empty.*-o"):
        inspect_into(inspector(), pictures, out, OVERLAYS)
    assert [file.name for file in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_an_output_that_cannot_be_a_folder_is_refused(pictures, tmp_path, where):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"-o"):
        inspect_into(inspector(), pictures, tmp_path / where, OVERLAYS)


def test_results_that_cannot_be_written_end_in_a_sentence(pictures, tmp_path):
    out = tmp_path / "out"

    def spoil(_records):
        if not (out / "overlays/sub").exists():
            (out / "overlays/sub").touch()  # where the next overlay needs a folder

    with pytest.raises(UsageError, match="cannot be written"):
        inspect_into(inspector(), pictures, out, OVERLAYS, on_picture=spoil)
    assert len(read_records(out / "predictions.csv")) == 2


def test_the_areas_share_is_of_the_capsule(pictures, tmp_path):
    out = tmp_path / "out"
    inspect_into(inspector(mode="whole"), pictures[:1], out, ALL)
    (row,) = read_records(out / "predictions.csv")
    assert (row.width, row.height, row.angle) == (300, 300, 0)
    assert row.defect_area_pct == pytest.approx(100 * row.defect_area_px / 300**2, abs=1e-4)
    # The middle half of the 480 x 192 window covers the middle of the picture, which fills 192 of
    # its 480 columns: all columns of the middle half of the rows.
    assert row.defect_area_pct == pytest.approx(50, abs=1)
    assert math.isclose(row.confidence, math.exp(5) / (2 + math.exp(5)), rel_tol=1e-6)


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_results_come_as_from_map(items, jobs):
    assert list(map_in_order(lambda x: x * 2, items, jobs)) == [x * 2 for x in items]


def test_a_slow_item_does_not_let_later_ones_pass():
    delays = [0.05, 0.0, 0.02, 0.0, 0.01]
    assert list(map_in_order(lambda s: (time.sleep(s), s)[1], delays, 3)) == delays


def test_jobs_run_at_the_same_time():
    meet = threading.Barrier(3, timeout=10)  # broken unless three wait at once
    assert len(list(map_in_order(lambda _: meet.wait(), range(6), 3))) == 6


def test_one_job_works_in_the_callers_thread():
    (thread,) = set(map_in_order(lambda _: threading.get_ident(), range(3), 1))
    assert thread == threading.get_ident()


@pytest.mark.parametrize(("jobs", "ahead"), [(1, 0), (2, 3), (3, 5)])
def test_few_items_are_taken_ahead(jobs, ahead):
    taken = []
    items = (taken.append(item) or item for item in range(1000))
    results = map_in_order(abs, items, jobs)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert taken == list(range(10 + ahead))
    results.close()


def test_what_was_begun_when_the_caller_stops_is_finished_and_nothing_else_begun():
    begun, finished, go_on = [], [], threading.Event()

    def work(item):
        begun.append(item)
        if item:
            go_on.wait(10)
        finished.append(item)

    results = map_in_order(work, range(1000), 2)
    next(results)
    threading.Timer(0.2, go_on.set).start()
    results.close()
    # Of the four taken, one is done, each thread may have one, and the last still waits.
    assert sorted(begun) == sorted(finished)
    assert 3 not in begun


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_failure_comes_in_its_place_and_stops_the_rest(jobs):
    begun = []

    def fail_at_four(item):
        begun.append(item)
        if item == 4:
            raise OSError("four")
        return item

    results = map_in_order(fail_at_four, range(1000), jobs)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(OSError, match="four"):
        next(results)
    assert len(begun) < 20


STATISTICS = TrainingStatistics(
    (0.0,), (1.0,), 10.0, tuple(Range(name, 10.0, 20.0) for name in RANGE_NAMES)
)


def test_capsules_count_by_label_and_files_by_status():
    tally = Tally(None)
    assert tally.summary() == BatchSummary(0, {}, 0, 0, 0, None)
    capsules = [Record("a.png", "ok", index, label) for index, label in enumerate(["good", "poke"])]
    for records in (
        tuple(capsules),
        (Record("b.png", "ok", 0, "poke", warning="It is cut."),),
        (Record("c.png", "no_capsule", warning="There is no overlay."),),
        (Record("d.png", "error", error="d.png is empty."),),
    ):
        tally.add(InspectedPicture(records))
    assert tally.files == 4
    assert tally.summary() == BatchSummary(
        files=4, labels={"good": 1, "poke": 2}, no_capsule=1, errors=1, warnings=2, drift=None
    )
    assert tally.summary().capsules == 3


def test_what_the_pictures_are_like_tells_of_drift():
    tally = Tally(STATISTICS)
    dark = Observation(Appearance(5, 15, 15, 15, 15, 0, 0), 15.0)
    for _ in range(3):
        tally.add(InspectedPicture((Record("a.png", "ok"),), (dark, dark)))
    assert Shift("red", 5.0, 10.0, 20.0) in tally.summary().drift
