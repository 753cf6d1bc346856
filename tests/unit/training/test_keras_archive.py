import zipfile

import pytest

from capsule_inspect.errors import ModelFileError
from capsule_inspect.training.keras_archive import require_whole


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("config.json", "{}" * 500)
        made.writestr("model.weights.h5", bytes(range(256)) * 40)
    return path


def test_a_whole_file_passes(archive):
    require_whole(archive)


def test_a_file_cut_anywhere_is_damaged(archive):
    content = archive.read_bytes()
    for length in range(0, len(content), 97):
        archive.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=r"model\.keras' is damaged"):
            require_whole(archive)


def test_a_changed_byte_of_its_parts_is_noticed(archive):
    content = archive.read_bytes()
    for place in (content.index(b"{}{}") + 9, content.index(bytes(range(200))) + 77):
        changed = bytearray(content)
        changed[place] ^= 4
        archive.write_bytes(changed)
        with pytest.raises(ModelFileError, match=r"model\.keras' is damaged"):
            require_whole(archive)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ModelFileError, match="is damaged, or is no Keras file"):
        require_whole(tmp_path)
