"""Telling the pictures that runs have written from those to inspect."""

import os
from pathlib import Path

from capsule_inspect.inference.results_folder import PICTURE_FOLDERS, ResultsFolder


def is_result(file: Path) -> bool:
    """Tells whether a file, however spelled, lies where some run keeps its overlays or masks."""
    folders = (
        folder
        for spell in (os.path.abspath, os.path.realpath)
        for folder in Path(spell(file)).parents
    )
    return any(
        folder.name in PICTURE_FOLDERS and ResultsFolder(folder.parent).is_of_a_run()
        for folder in folders
    )
