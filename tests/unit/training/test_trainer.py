import numpy as np
import pytest

from capsule_inspect.dataset.manifest import DataSet, Sample
from capsule_inspect.errors import DataError
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings import ModelSettings, Settings, TrainSettings
from capsule_inspect.training.run_folder import RunFolder
from capsule_inspect.training.trainer import Trainer
from capsule_inspect.training.watcher import Watcher


def test_pictures_without_a_capsule_are_refused_before_anything_is_written(tmp_path, save_picture):
    samples = []
    for name, label in (("a.png", "good"), ("b.png", "crack")):
        save_picture(tmp_path / name, np.full((200, 200, 3), 255, np.uint8))
        samples.append(Sample(name, label, "", "train", None, "", 200, 200))
    data = DataSet(tmp_path, ("good", "crack"), tuple(samples), 0, "", "", "")
    settings = Settings(
        model=ModelSettings(roi=Roi("capsule", 96, 64, 80)), train=TrainSettings(drawn=0)
    )
    run = RunFolder(tmp_path / "run")
    with pytest.raises(DataError, match="must hold good pictures and defective ones"):
        Trainer(settings, data, run, Watcher(lambda _: None))
    assert not run.checkpoint.exists()
