"""Makes docs/demo.jpg from the results of `make demo`: one capsule of each class.

Usage: python examples/draw_demo.py out/demo/results docs/demo.jpg
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.imaging.read import read_picture
from capsule_inspect.inference.records import read_records

SIDE = 440


def main(results: Path, out: Path) -> None:
    """Arranges the first overlay of each label in two rows."""
    first: dict[str, Path] = {}
    for record in read_records(results / "predictions.csv"):
        first.setdefault(record.label, results / record.overlay)
    labels = ["good", *sorted(first.keys() - {"good"})]
    tiles = [
        cv2.resize(read_picture(first[label]), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for label in labels
    ]
    half = len(tiles) // 2
    rows = [np.hstack(tiles[:half]), np.hstack(tiles[half : 2 * half])]
    out.write_bytes(encode_picture(np.asarray(np.vstack(rows), np.uint8), "jpg"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
