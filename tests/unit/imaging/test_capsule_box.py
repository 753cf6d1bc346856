import numpy as np

from capsule_inspect.imaging.capsule_box import CapsuleBox


def test_the_box_of_a_whole_picture_runs_along_its_rows():
    box = CapsuleBox.of_whole(np.zeros((30, 50, 3), np.uint8))
    assert box == CapsuleBox(x=25, y=15, length=50, width=30, angle=0, area=1500)
