"""The layouts that `prepare` reads, and discovering a folder in the one that it has.

`--help` names them, so nothing here imports NumPy.
"""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from capsule_inspect.dataset.layouts.coco import CocoJson
from capsule_inspect.dataset.layouts.cvat import CvatXml
from capsule_inspect.dataset.layouts.discovery import Discovery
from capsule_inspect.dataset.layouts.folders import FolderPerClass, folders_in, has_pictures
from capsule_inspect.dataset.layouts.label_studio import LabelStudio
from capsule_inspect.dataset.layouts.labelme import LabelMe
from capsule_inspect.dataset.layouts.mvtec import MvtecAd
from capsule_inspect.dataset.layouts.pascal_voc import PascalVoc
from capsule_inspect.dataset.layouts.sound_class import HOW_TO_NAME, call_good, find_sound_class
from capsule_inspect.dataset.layouts.split_folders import SplitFolders
from capsule_inspect.dataset.layouts.yolo import YoloText
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.text import suggest, suggest_path


class Layout(Protocol):
    """A way to lay out pictures, labels and masks in a folder."""

    @property
    def name(self) -> str:
        """Its name, for people."""
        ...

    @property
    def sign(self) -> str:
        """How a folder shows that it has the layout, as in "It has no …": "file `labels.csv`"."""
        ...

    def matches(self, root: Path) -> bool:
        """Tells whether a folder has the layout.

        It lists the folder at most: it is asked about folders that have other layouts, too.
        """
        ...

    def discover(self, root: Path) -> Discovery:
        """Finds the pictures of a folder that matches; reads no picture.

        Raises:
            DataError: An annotation file is damaged. Where that is about one picture, it becomes
                the `problem` of it.
            OSError: A folder or file cannot be read.
        """
        ...


_LAYOUTS: list[Layout] = [
    FolderPerClass(),
    CocoJson(),
    YoloText(),
    LabelMe(),
    PascalVoc(),
    CvatXml(),
    LabelStudio(),
    SplitFolders(),
    MvtecAd(),
]


def layouts() -> tuple[Layout, ...]:
    """Returns all layouts; the first that matches a folder is taken."""
    return tuple(_LAYOUTS)


def register(layout: Layout) -> None:
    """Adds a layout. It is tried before the existing ones."""
    _LAYOUTS.insert(0, layout)


def discover(source: Path, good: str = "") -> Discovery:
    """Finds the pictures of a folder in the layout that it has.

    Args:
        source: The folder.
        good: What the folder calls the class without a defect; empty if its name tells.

    Returns:
        The pictures, sorted by path; that class is called `good`.

    Raises:
        UsageError: The source is not a folder.
        DataError: The folder has no known layout or no class without a defect, or cannot be read.
    """
    try:
        if not source.exists():
            raise UsageError(
                f"'{source}' does not exist.{suggest_path(source)} "
                "Give a folder, or the word `drawn`."
            )
        if not source.is_dir():
            raise UsageError(f"'{source}' is a file. Give a folder; unpack an archive first.")
        root = source.resolve()
        found = _find_layout(root, source, good).discover(root)
    except OSError as error:
        raise DataError(f"'{error.filename}' cannot be read: {error.strerror}.") from error
    labels = {label for picture in found.pictures for label in picture.labels if label}
    found = call_good(found, _find_sound_class(found, labels, good, source))
    return replace(found, pictures=tuple(sorted(found.pictures, key=lambda each: each.path)))


def _find_sound_class(found: Discovery, labels: set[str], good: str, source: Path) -> str:
    try:
        return find_sound_class(labels, good, source)
    except DataError as error:
        # Damaged annotations may be all that hides the class.
        problem = next((each.problem for each in found.pictures if each.problem), "")
        raise DataError(problem) if problem else error from None


def _find_layout(root: Path, source: Path, good: str) -> Layout:
    layout = _layout_of(root)
    if layout is not None:
        return layout
    folders = folders_in(root)
    names = [folder.name for folder in folders if has_pictures(folder)] if good else []
    if good in names:
        return FolderPerClass()
    if names:
        raise DataError(
            f"'{source}' has no folder '{good}' with pictures, as data.good says."
            f"{suggest(good, names)} It has {', '.join(names)}."
        )
    inner = next((folder.name for folder in folders if _layout_of(folder)), None)
    if inner is not None:
        raise DataError(
            f"'{source}' is not a data set itself, but the folder '{inner}' in it looks like one. "
            f"Give '{source / inner}'."
        )
    signs = [f"no {layout.sign} ({layout.name})" for layout in layouts()]
    listed = ", ".join(folder.name for folder in folders if has_pictures(folder))
    raise DataError(
        f"'{source}' has {', '.join(signs[:-1])} and {signs[-1]}. "
        + (
            f"It has folders with pictures: {listed}. {HOW_TO_NAME}"
            if listed
            else "It has no folders with pictures."
        )
    )


def _layout_of(root: Path) -> Layout | None:
    return next((layout for layout in layouts() if layout.matches(root)), None)
