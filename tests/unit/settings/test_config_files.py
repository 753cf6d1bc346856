from pathlib import Path

from capsule_inspect.settings.config_files import gather
from capsule_inspect.settings.config_folders import config_folders


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_place_of_a_setting_is_the_persons_own_file(tmp_path):
    model = write(tmp_path / "conf/model/mine.yaml", "encoder: x\n\nroi:\n  width: 320\n")
    experiment = write(tmp_path / "mine.yaml", "# @package _global_\ntrain: {epochs: 3}\n")
    with gather([tmp_path / "conf", *config_folders()], str(experiment)) as files:
        assert files.place_of("model.roi.width") == f"'{model}', line 4"
        assert files.place_of("model.encoder") == f"'{model}', line 1"
        assert files.place_of("train.epochs") == f"'{experiment}', line 2"
        assert files.place_of("train.steps") == ""
        assert files.place_of("encoder") == ""


def test_of_two_files_with_one_name_the_first_folder_counts(tmp_path):
    write(tmp_path / "two/train/brief.yaml", "epochs: 2\n")
    first = write(tmp_path / "one/train/brief.yaml", "epochs: 1\n")
    with gather([tmp_path / "one", tmp_path / "two", *config_folders()]) as files:
        assert (files.folder / "train/brief.yaml").read_text(encoding="utf-8") == "epochs: 1\n"
        assert files.place_of("train.epochs") == f"'{first}', line 1"
        assert (files.folder / "config.yaml").is_file()
    assert not files.folder.exists()
