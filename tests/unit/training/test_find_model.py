import pytest

from capsule_inspect.errors import ModelFileError
from capsule_inspect.training.find_model import find_model


def test_a_file_and_the_folder_of_its_run_name_the_same_network(tmp_path):
    file = tmp_path / "model.keras"
    file.touch()
    assert find_model(file) == find_model(tmp_path) == file


def test_a_network_that_is_not_there_is_named_with_the_one_that_was_meant(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "model.keras").touch()
    meant = tmp_path / "first"
    with pytest.raises(ModelFileError, match=rf"Did you mean '{meant}'\?"):
        find_model(tmp_path / "frist")
    with pytest.raises(ModelFileError, match=r"There is no model '.*model\.keras'\. Give"):
        find_model(tmp_path)


def test_a_converted_file_is_no_network(tmp_path):
    file = tmp_path / "model.tflite"
    file.touch()
    with pytest.raises(ModelFileError, match="is a converted file already"):
        find_model(file)
