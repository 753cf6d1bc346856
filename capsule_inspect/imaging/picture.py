"""What a picture is in memory, and which files hold one."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
"""RGB uint8 [H, W, 3], the right way up; grey levels from 0 to 255."""

PICTURE_EXTENSIONS: frozenset[str] = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
)
"""Extensions, in lower case, of the files in a folder that are taken for pictures."""
