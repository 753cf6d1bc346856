import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from in_parts import contents, predict_parts

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.errors import InterruptedRunError, UsageError
from capsule_inspect.inference import join
from capsule_inspect.inference.join import join_parts
from capsule_inspect.inference.part_folders import find_parts
from capsule_inspect.inference.results_folder import open_results
from capsule_inspect.inference.verify import verify_results
from capsule_inspect.workflows.predict import predict

N = 4
OPTIONS = {"masks": True, "annotations": "coco"}


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_capsule_model):
    """A run over seven files with odd names and several capsules, and its parts. Read only."""
    folder = tmp_path_factory.mktemp("joined")
    (folder / "in").mkdir()
    capsules = [draw_capsule("poke", seed, 200).picture for seed in range(3)]
    pictures = {
        "one.png": capsules[0],
        "=two, with a comma.png": np.hstack(capsules[:2]),
        'three "quoted"\nlines.png': np.hstack(capsules),
        "empty.png": np.full((200, 200, 3), 210, np.uint8),
        "ä.png": capsules[2],
    }
    for name, picture in pictures.items():
        (folder / "in" / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    (folder / "in/none.png").write_bytes(b"none")
    (folder / "in/truncated.png").write_bytes((folder / "in/one.png").read_bytes()[:900])
    predict(folder / "in", out=folder / "whole", model=tiny_capsule_model, **OPTIONS)
    predict_parts(folder / "in", folder / "parts", N, model=tiny_capsule_model, **OPTIONS)
    return folder


def join_into(out, parts, on_existing="refuse", **more):
    """Finds parts, and joins them in a folder."""
    found = find_parts([parts])
    with open_results(out, found[0].settings, on_existing) as results:
        return join_parts(found, results, **more)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_joined_parts_are_the_bytes_of_one_run(made, tmp_path):
    summary = join_into(tmp_path / "out", made / "parts")
    assert contents(tmp_path / "out") == contents(made / "whole")
    assert verify_results(tmp_path / "out", inputs=True).problems == ()
    assert (summary.files, summary.errors, summary.no_capsule) == (7, 2, 1)
    assert (summary.capsules, summary.subject, summary.drift) == (7, "capsule", None)


def test_rows_come_picture_by_picture_in_the_order_of_the_list(made, tmp_path):
    seen = []
    join_into(tmp_path / "out", made / "parts", on_picture=seen.append)
    names = [rows[0].path.removeprefix(f"{made}/in/") for rows in seen]
    assert names == sorted(path.name for path in (made / "in").iterdir())
    assert [len(rows) for rows in seen if rows[0].status == "ok"] == [2, 1, 3, 1]


def test_lines_may_be_longer_than_the_pieces_that_are_read(made, tmp_path, monkeypatch):
    monkeypatch.setattr(join, "_PIECE", 7)
    join_into(tmp_path / "out", made / "parts")
    assert contents(tmp_path / "out") == contents(made / "whole")


def test_overlays_and_masks_are_linked_where_that_is_possible(made):
    join_into(made / "linked", made / "parts")
    linked = made / "linked"
    for file in (*linked.glob("overlays/*"), *linked.glob("masks/*")):
        assert file.stat().st_nlink >= 2
    assert (linked / "predictions.csv").stat().st_nlink == 1


def test_without_links_they_are_copied(made, tmp_path, monkeypatch):
    def refuse(_source, _target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    join_into(tmp_path / "out", made / "parts")
    assert contents(tmp_path / "out") == contents(made / "whole")
    assert all(file.stat().st_nlink == 1 for file in (tmp_path / "out/overlays").iterdir())


def test_a_join_that_was_stopped_is_no_whole_run_and_is_made_anew(made, tmp_path):
    out, rows = tmp_path / "out", []

    def stop(records):
        rows.append(records)
        if len(rows) == 3:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError) as stopped:
        join_into(out, made / "parts", on_picture=stop)
    assert str(stopped.value) == (
        "Stopped after 3 of 7 pictures. Join them again with the same command and --resume -o "
        f"'{out}'."
    )
    with pytest.raises(UsageError, match="has no seal"):
        verify_results(out)
    (out / "overlays/of an earlier part.png").touch()
    join_into(out, made / "parts", "resume")
    assert contents(out) == contents(made / "whole")


@pytest.mark.parametrize("name", ["predictions.csv", "digests.csv", "annotations.jsonl"])
def test_a_part_that_changes_while_parts_are_joined_is_refused(made, tmp_path, name):
    shutil.copytree(made / "parts", tmp_path / "parts")
    file = tmp_path / "parts/2" / name

    def change(_records):
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[:1]))

    with pytest.raises(UsageError) as refused:
        join_into(tmp_path / "out", tmp_path / "parts", on_picture=change)
    assert str(refused.value).startswith(
        f"Part 2/4 in '{tmp_path}/parts/2' has changed since it was verified. Wait until nobody"
    )


def test_a_part_that_is_gone_is_told(made, tmp_path):
    shutil.copytree(made / "parts", tmp_path / "parts")
    with pytest.raises(UsageError, match=r"parts/2/\w+\.csv' cannot be read: No such file"):
        join_into(
            tmp_path / "out",
            tmp_path / "parts",
            on_picture=lambda _: shutil.rmtree(tmp_path / "parts/2"),
        )


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_many_parts_need_few_open_files(made, tmp_path, tiny_capsule_model):
    predict_parts(made / "in", tmp_path / "parts", 30, model=tiny_capsule_model)
    most = []
    before = open_files()
    join_into(
        tmp_path / "out",
        tmp_path / "parts",
        on_picture=lambda _: most.append(open_files()),
    )
    assert len(most) == 7
    assert max(most) - before < 8
