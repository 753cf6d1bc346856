"""The closed vocabularies, the good class and the shipped model's path.

Keep this module light: `--help` reads it, so nothing here imports NumPy.
"""

import re
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

GOOD: Final = "good"
"""The class of capsules without a defect; the first class wherever classes have an order."""

ANOMALY: Final = "anomaly"
"""What a network that has seen good pictures alone calls a defect of any class."""

GOOD_OR_ANOMALY: Final = (GOOD, ANOMALY)
"""The classes of such a network."""

SHIPPED_MODEL: Final = Path(__file__).parent / "assets" / "capsule.tflite"
"""A model of MVTec AD's capsules; MODEL_CARD.md beside it describes it."""

SPLITS: Final = ("train", "val", "test")
"""The splits of a data set."""

SPLIT_FOLDERS: Final = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "test_public": "test",
}
"""The names of folders that hold a split, in lower case, and that split."""


def split_of(folder: str) -> str:
    """Returns the split that a folder of this name holds; empty if it is no such name."""
    return SPLIT_FOLDERS.get(folder.casefold(), "")


ALL: Final = "all"
"""The pictures of every split."""

SplitChoice: TypeAlias = Literal["keep", "new"]
"""What `prepare` does with the split that a folder has."""

Protocol: TypeAlias = Literal["mvtec"]
"""The benchmarks whose own split `prepare` can keep."""

SPLITS_AND_ALL: Final = (*SPLITS, ALL)
"""What can be evaluated."""

RuntimeName: TypeAlias = Literal["auto", "ai-edge-litert", "tflite-runtime"]
"""The runtimes for a model file: `auto` prefers ai-edge-litert, which is several times faster."""

DEFAULT_RUNTIME: Final[RuntimeName] = "auto"

SCHEDULER_VARIABLE: Final = "DASK_SCHEDULER_ADDRESS"
"""The variable that names a Dask scheduler where no option does."""

CHECK_SECONDS: Final = 60.0
"""What a runtime may take to load a model and answer. It takes less than one; in emulators ten."""

PICTURE_EXTENSIONS: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm", ".avif"}
)
"""The extensions, in lower case, that make a file in a folder a picture."""

NO_CAPSULE: Final = "no_capsule"
"""Label of a picture in which no capsule is found; no class has this name."""

WHOLE_PICTURE: Final = "experiment=whole_picture"
"""The setting for products other than capsules."""

MASK_FOLDERS: Final = frozenset({"groundtruth", "gt", "mask", "masks"})
"""The names of folders that hold the masks of the pictures beside them; see `plain_name`."""

SYSTEM_FOLDERS: Final = frozenset(
    {
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "@tmp",
        "#recycle",
        "#snapshot",
        "~snapshot",
        "$recycle.bin",
        "recycled",
        "recycler",
        "system volume information",
        "lost+found",
        "__macosx",
    }
)
"""Folders of thumbnails, waste and old states on drives, in lower case; no one's pictures."""


def is_system_folder(name: str) -> bool:
    """Tells whether a folder of this name is one that systems keep for themselves."""
    return name.casefold() in SYSTEM_FOLDERS


def is_mask_folder(name: str) -> bool:
    """Tells whether a folder of this name holds masks.

    Example:
        >>> is_mask_folder("Ground-Truth"), is_mask_folder("masked")
        (True, False)
    """
    return plain_name(name) in MASK_FOLDERS


def plain_name(name: str) -> str:
    """Returns a name in lower case, without what separates words."""
    return re.sub(r"[\W_]", "", name).casefold()


MASK_ENDING: Final = "_mask"
"""How the name of a mask may end that is otherwise that of its picture."""

PictureFormat: TypeAlias = Literal["png", "jpg", "webp"]
"""A format that overlays are written in, and its extension."""

PICTURE_FORMATS: Final[tuple[PictureFormat, ...]] = get_args(PictureFormat)

DEFAULT_OVERLAY_FORMAT: Final[PictureFormat] = "png"

OverlayChoice: TypeAlias = Literal["all", "defects", "none"]
"""Which pictures `predict` draws an overlay for."""

DEFAULT_OVERLAYS: Final[OverlayChoice] = "all"

AnnotationFormat: TypeAlias = Literal["coco", "labelme", "yolo", "cvat"]
"""The formats that `predict` writes annotations in, for a person to correct in another tool."""

RowsFormat: TypeAlias = Literal["csv", "parquet"]
"""The formats that `predict` writes rows in; `predictions.csv` is always there."""

DEFAULT_ROWS: Final[RowsFormat] = "csv"

OnExisting: TypeAlias = Literal["refuse", "resume", "overwrite"]
"""The ways `predict` can treat a results folder that already holds a run."""

DEFAULT_ON_EXISTING: Final[OnExisting] = "refuse"

AfterRows: TypeAlias = Literal["keep", "move", "delete"]
"""What `watch` does with a picture once its rows are on the disk."""

Status: TypeAlias = Literal["ok", "no_capsule", "error"]
"""The status of a row of predictions.csv."""

Outcome: TypeAlias = Literal["accept", "review", "reject"]
"""What becomes of a capsule: a person decides on those for review."""

QUANTIZATIONS: Final = ("int8", "float32", "float16", "dynamic")
"""The values of `export.format`."""

POLICIES: Final = ("best_f1", "max_miss_rate", "max_false_alarm_rate")
"""The policies that choose a threshold."""

AUTO_POLICY: Final = "auto"
"""The policy of the network, or `best_f1` if it has none yet."""

AUTO_REVIEW: Final = "auto"
"""The review band that the network was trained with."""

NO_REVIEW: Final = "none"
"""No review band: nobody reviews."""

ROI_MODES: Final = ("capsule", "whole", "stretched")
"""The values of `model.roi.mode`."""

FIXED_SHAPE: Final = "fixed"
"""The shape of a window whose sides are decided."""

PICTURES_SHAPE: Final = "pictures"
"""The shape of a window that has yet to be given that of the pictures."""

ROI_SHAPES: Final = (FIXED_SHAPE, PICTURES_SHAPE)
"""The values of `model.roi_shape`."""

DECODERS: Final = ("subpixel", "unet")
"""The values of `model.decoder`."""

LABEL_HEADS: Final = ("region", "views", "mask_pooling")
"""The values of `model.head` that learn from defects."""

NORMALITY: Final = "normality"
"""The value of `model.head` that learns from good pictures alone."""

SCHEDULES: Final = ("one_cycle", "constant")
"""The values of `train.schedule`."""

MASK_LOSSES: Final = ("classes", "any_defect")
"""The values of `train.mask_loss`."""

PRUNERS: Final = ("median", "none")
"""The values of `tune.pruner`."""

BACKENDS: Final = ("tensorflow", "jax")
"""The values of KERAS_BACKEND; the first is the default."""

RunCommand: TypeAlias = Literal["train", "tune", "evaluate", "predict"]
"""The commands that create run folders."""

RUN_COMMANDS: Final[tuple[RunCommand, ...]] = get_args(RunCommand)

RESUMABLE: Final[tuple[RunCommand, ...]] = ("train", "tune")
"""The commands that resume a run with `--resume RUN`."""

RunState: TypeAlias = Literal["finished", "unfinished", "damaged"]
"""The progress of a run."""

FILE_BITS: Final = 16
"""The bits of the values in a file of more than 8 bits."""
CAMERA_BITS: Final = range(9, FILE_BITS + 1)
"""The bits of such a file that a camera can use; values of 8 bits are stored in files of 8."""
