"""Draw good and defective round tablets into a folder per class.

Usage: python draw_tablets.py FOLDER [--count 160] [--size 288] [--seed 0] [--masks]

A tablet is a height map, lit from one side: the bevelled rim, engraved line, chips and cracks are
relief, and stains are colour. The same seed draws the same pictures. Needs NumPy and OpenCV. The
pictures are in the public domain (CC0 1.0).
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

CLASSES = ("good", "chipped", "cracked", "stained")
COATS = ((238, 236, 230), (240, 228, 196), (236, 206, 204), (204, 220, 232), (214, 228, 200))
GROUNDS = ((58, 62, 70), (44, 74, 84), (96, 98, 100), (116, 92, 70), (38, 44, 40))
STAINS = ((112, 72, 34), (84, 92, 44), (66, 62, 72))
OVERSAMPLING = 2


def noise(random, size, cell):
    """Returns smooth noise [size, size] of mean 0 and deviation 1, varying over `cell` pixels."""
    coarse = random.standard_normal((max(2, size // cell + 2),) * 2)
    fine = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return (fine - fine.mean()) / fine.std()


def polygon(random, centre, radius, corners=9, roughness=0.35):
    """Returns the corners [n, 2] of a ragged blob."""
    turn = 2 * np.pi * (np.arange(corners) + random.uniform(0, 0.8, corners)) / corners
    reach = radius * (1 + roughness * random.uniform(-1, 1, corners))
    return np.asarray(centre) + reach[:, None] * np.c_[np.cos(turn), np.sin(turn)]


def filled(points, size, blur=0.0):
    """Returns a filled polygon as a map [size, size] from 0 to 1."""
    canvas = np.zeros((size, size), np.float32)
    cv2.fillPoly(canvas, [np.round(points * 16).astype(int)], 1.0, cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(canvas, (0, 0), blur) if blur else canvas


def stroke(points, widths, size):
    """Returns a line of changing width through points [n, 2], as a map [size, size] from 0 to 1."""
    canvas = np.zeros((size, size), np.float32)
    for start, end, width in zip(points[:-1], points[1:], widths, strict=False):
        ends = [tuple(int(v) for v in np.round(p * 16)) for p in (start, end)]
        cv2.line(canvas, *ends, 1.0, max(1, round(width)), cv2.LINE_AA, shift=4)
    return canvas


def chip(random, centre, radius, size):
    """Returns a bite out of the rim: its depth from 0 to 1."""
    side = random.uniform(0, 2 * np.pi)
    bite = radius * random.uniform(0.24, 0.42)
    place = centre + radius * random.uniform(0.9, 1.02) * np.array([np.cos(side), np.sin(side)])
    return filled(polygon(random, place, bite), size, 0.012 * size)


def crack(random, centre, radius, size):
    """Returns a jagged, thinning line across the face with up to two branches, from 0 to 1."""
    side = random.uniform(0, 2 * np.pi)
    start = centre + 0.97 * radius * np.array([np.cos(side), np.sin(side)])
    heading = side + np.pi + random.uniform(-0.5, 0.5)
    length, width = radius * random.uniform(0.9, 1.6), size * random.uniform(0.011, 0.018)
    lines = np.zeros((size, size), np.float32)
    for _ in range(random.integers(1, 4)):
        turns = heading + random.normal(0, 0.55, 14)
        steps = length / 14 * np.c_[np.cos(turns), np.sin(turns)]
        points = start + np.cumsum(np.r_[[[0, 0]], steps], axis=0)
        widths = width * np.linspace(1, 0.35, 14) * random.uniform(0.6, 1.2, 14)
        lines = np.maximum(lines, stroke(points, widths, size))
        start, heading = points[random.integers(4, 9)], heading + random.choice([-0.8, 0.8])
        length, width = 0.5 * length, 0.7 * width
    return cv2.GaussianBlur(lines, (0, 0), 0.0022 * size)


def stain(random, centre, radius, size):
    """Returns a few blots on the face, from 0 to 1."""
    blots = np.zeros((size, size), np.float32)
    for part in (1.0, 0.5, 0.35)[: random.integers(1, 4)]:
        side, far = random.uniform(0, 2 * np.pi), radius * random.uniform(0, 0.6)
        place = centre + far * np.array([np.cos(side), np.sin(side)])
        blot = polygon(random, place, part * radius * random.uniform(0.2, 0.34))
        blots = np.maximum(blots, filled(blot, size, 0.014 * size))
    return blots * np.clip(0.85 + 0.2 * noise(random, size, size // 24), 0, 1)


def draw_tablet(label, seed, size):
    """Returns a picture, uint8 BGR [size, size, 3], and its defect's mask, uint8 [size, size]."""
    random, s = np.random.default_rng(seed), size * OVERSAMPLING
    radius = s * random.uniform(0.32, 0.4)
    centre = s / 2 + s * random.uniform(-0.06, 0.06, 2)
    y, x = np.mgrid[:s, :s] + 0.5
    far = np.hypot(x - centre[0], y - centre[1])
    defect = {"chipped": chip, "cracked": crack, "stained": stain}.get(label)
    harm = defect(random, centre, radius, s) if defect else np.zeros((s, s))

    # The relief, in pixels: a slightly domed face, a round bevel and an engraved line. A chip
    # removes part of the rim and leaves a rough floor.
    bevel = radius * random.uniform(0.1, 0.18)
    chipped = harm if label == "chipped" else 0.0
    rim = radius - bevel * chipped * (1 + 0.12 * noise(random, s, s // 20))
    body = np.clip(rim - far + 0.5, 0, 1)
    inside = np.clip((rim - far) / bevel, 0, 1)
    height = 0.7 * bevel * np.sqrt(1 - (1 - inside) ** 2) - 0.04 * far**2 / radius
    turn = random.uniform(0, np.pi)
    along = np.array([np.cos(turn), np.sin(turn)])
    across = (x - centre[0]) * along[1] - (y - centre[1]) * along[0]
    height -= 0.02 * s * np.exp(-((across / (0.011 * s)) ** 2)) * (1 - chipped)  # score line
    height += 0.0006 * s * noise(random, s, s // 90)  # pressed powder
    height -= chipped * (0.4 * bevel + 0.004 * s * noise(random, s, s // 24))
    if label == "cracked":
        height -= 0.02 * s * harm
    harm = harm * np.clip(radius - far + 0.5, 0, 1)

    # Light from above and one side.
    side, coat = random.uniform(0, 2 * np.pi), COATS[random.integers(len(COATS))]
    light = np.array([0.62 * np.cos(side), 0.62 * np.sin(side), 0.78])
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(height, (0, 0), 0.002 * s))
    facing = (light[2] - light[0] * slope_x - light[1] * slope_y) / np.sqrt(
        1 + slope_x**2 + slope_y**2
    )
    shade = 0.34 + 0.72 * np.clip(facing, 0, None) + 0.1 * np.clip(facing, 0, 1) ** 24
    colour = np.array(coat) * random.uniform(0.92, 1.03, 3)
    tablet = shade[..., None] * colour * (1 + 0.012 * noise(random, s, s // 50))[..., None]
    if label == "cracked":
        tablet *= 1 - random.uniform(0.35, 0.6) * harm[..., None]
    elif label == "stained":
        dark = np.array(STAINS[random.integers(len(STAINS))]) / 255
        tablet *= 1 - random.uniform(0.45, 0.75) * harm[..., None] * (1 - dark)

    ground = np.array(GROUNDS[random.integers(len(GROUNDS))]) * random.uniform(0.8, 1.25)
    grain = random.uniform(0.02, 0.07) * noise(random, s, s // random.integers(40, 160))
    ramp = 1 + 0.14 * ((x / s - 0.5) * light[0] + (y / s - 0.5) * light[1])
    drop = np.float32([[1, 0, -0.035 * s * np.cos(side)], [0, 1, -0.035 * s * np.sin(side)]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(body, drop, (s, s)), (0, 0), 0.018 * s)
    ground = ground * ((1 + grain) * ramp * (1 - 0.55 * shadow))[..., None]

    picture = body[..., None] * tablet + (1 - body[..., None]) * ground
    picture = cv2.resize(
        picture * random.uniform(0.82, 1.06), (size, size), None, 0, 0, cv2.INTER_AREA
    )
    picture += random.normal(0, random.uniform(1, 3), picture.shape)
    mask = cv2.resize(np.asarray(harm * np.ones_like(x)), (size, size), None, 0, 0, cv2.INTER_AREA)
    return np.clip(picture[..., ::-1], 0, 255).astype(np.uint8), np.uint8(255 * (mask > 0.35))


def save(path, picture):
    """Writes a PNG, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def main():
    """Draws the tablets that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=160, help="pictures in all, two fifths good")
    parser.add_argument("--size", type=int, default=288, help="side of the pictures in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--masks", action="store_true", help="write defect masks as well")
    wanted = parser.parse_args()
    for index in range(wanted.count):
        label = "good" if index % 5 < 2 else CLASSES[1 + index % 5 - 2]
        picture, mask = draw_tablet(label, (wanted.seed, index), wanted.size)
        save(wanted.folder / label / f"{index:04}.png", picture)
        if wanted.masks and label != "good":
            save(wanted.folder / "masks" / label / f"{index:04}.png", mask)


if __name__ == "__main__":
    main()
