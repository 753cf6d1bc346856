import json
from pathlib import Path

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.write_dataset import write_dataset

GOOD = Sample("test/good/1.png", "good", "", "test", None, "ab" * 32, 40, 30)
CRACK = Sample("test/crack/1.png", "crack", "masks/1.png", "train", 2, "cd" * 32, 640, 480)


def data_set(root: Path) -> DataSet:
    return DataSet(root, ("good", "crack"), (CRACK, GOOD), 5, "somewhere", "CC0-1.0", "0.1.0")


def test_the_description_has_these_keys(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", data_set(tmp_path))
    text = (tmp_path / "out" / "dataset.json").read_text()
    description = json.loads(text)
    assert description == {
        "classes": ["good", "crack"],
        "counts": {
            "crack": {"test": 0, "train": 1, "val": 0},
            "good": {"test": 1, "train": 0, "val": 0},
        },
        "licence": "CC0-1.0",
        "root": tmp_path.as_posix(),
        "seed": 5,
        "source": "somewhere",
        "tool_version": "0.1.0",
    }
    assert text == json.dumps(description, indent=2, sort_keys=True) + "\n"


def test_nothing_but_the_two_files_is_left(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", data_set(tmp_path))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["dataset.json", "manifest.csv"]


def test_a_root_inside_is_written_relative_to_the_folder(tmp_path: Path) -> None:
    write_dataset(tmp_path, data_set(tmp_path / "pictures"))
    assert json.loads((tmp_path / "dataset.json").read_text())["root"] == "pictures"
