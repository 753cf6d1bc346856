"""A folder of odd files: a row for each, and the good ones as if they were alone."""

import sys

import pytest
from odd_files import make_odd_files

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.inference.records import read_records

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes pipes and links")


def test_each_file_gets_its_row_and_good_ones_keep_their_label(invoke, tmp_path):
    picture = draw_capsule("poke", 12, 400).picture
    folder = tmp_path / "line 7"
    shows = make_odd_files(folder, picture)
    good = sum(shows.values())
    assert len(shows) - good >= 60
    files = [file for file in folder.iterdir() if file.is_file() and not file.is_symlink()]
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}

    out = tmp_path / "out"
    done = invoke("predict", folder, "-o", out, "--masks")
    assert done.exit_code == 3
    assert f"{len(shows) - good} of {len(shows)} files could not be read" in done.err
    assert done.err.splitlines()[-1].startswith(f"{len(shows)} pictures, {good} capsules: ")
    rows = {
        row.path.removeprefix(f"{folder}/"): row for row in read_records(out / "predictions.csv")
    }
    assert set(rows) == set(shows)
    for name, row in rows.items():
        if shows[name]:
            assert (row.status, row.label, row.error) == ("ok", "poke", ""), name
        else:
            assert row.status == "error", name
            assert name in row.error
            assert row.error.endswith(".")
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in before} == before
