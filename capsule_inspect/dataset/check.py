"""Check pictures and masks, and report all their problems at once."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import GOOD, NO_CAPSULE, WHOLE_PICTURE
from capsule_inspect.dataset.data_set import MASKS, class_order
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture
from capsule_inspect.dataset.layouts.folders import holds_masks
from capsule_inspect.dataset.manifest import leaves_root
from capsule_inspect.dataset.mask_check import mask_problems, turn_problems
from capsule_inspect.dataset.pixel_hash import hash_mask, hash_picture
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.dataset.split import MIN_TO_SPLIT
from capsule_inspect.errors import DataError, PictureError
from capsule_inspect.imaging.defect_mask import is_defect
from capsule_inspect.imaging.encode import encode_mask
from capsule_inspect.imaging.find_capsules import find_capsules, shows_another_product
from capsule_inspect.imaging.masks_beside import shows_black_and_white
from capsule_inspect.imaging.picture import MAX_PIXELS, name_file, read_picture_file
from capsule_inspect.imaging.read import decode_mask, decode_picture
from capsule_inspect.reporter import SILENT, Reporter
from capsule_inspect.text import on_one_line


@dataclass(frozen=True)
class CheckedPicture:
    """A picture that passed the checks.

    Attributes:
        path: POSIX path relative to the root.
        label: Class name.
        mask: POSIX path of its mask, relative to the root, or to the data set folder if
            `mask_png` has its content; empty without a mask.
        sha256: Hash of its pixels, as `hash_picture` returns it.
        width: Width in pixels.
        height: Height in pixels.
        mask_png: Content of the mask file that `prepare` writes; None if it writes none.
        mask_sha256: Hash of its mask, as `hash_mask` returns it; empty without a mask.
        has_capsule: Whether a capsule is found on it.
        is_black_and_white: Whether it shows nothing else, as masks do.
        mask_is_full: Whether its mask marks all of it.
    """

    path: str
    label: str
    mask: str
    sha256: str
    width: int
    height: int
    mask_png: bytes | None = None
    mask_sha256: str = ""
    has_capsule: bool = True
    is_black_and_white: bool = False
    mask_is_full: bool = False


def set_problems(fit: Collection[CheckedPicture]) -> Iterator[Problem]:
    """Finds the problems of a set as a whole; none is fatal."""
    distinct = {(picture.label, picture.sha256) for picture in fit}
    counts = Counter(label for label, _ in distinct)
    few = [label for label in class_order(counts) if counts[label] < MIN_TO_SPLIT]
    if few:
        listed = ", ".join(f"{label} ({counts[label]})" for label in few)
        message = (
            f"Classes of fewer than {MIN_TO_SPLIT} distinct pictures all go to train: {listed}."
        )
        yield Problem("", message, fatal=False)
    if not set(counts) - {GOOD}:
        yield Problem(
            "",
            "There is no class of defects, so no model can be trained on this: add a folder for "
            "each kind of defect. `evaluate` measures the false alarms of a model on it.",
            fatal=False,
        )
    elif not any(picture.mask for picture in fit):
        message = "There are no masks, so a model can only learn labels, not where defects are."
        yield Problem("", message, fatal=False)
    yield from _capsule_problems(fit)
    for label in class_order(counts):
        yield from _class_problems(label, fit)


def _class_problems(label: str, fit: Iterable[CheckedPicture]) -> Iterator[Problem]:
    """Finds what is odd about all pictures of a class, and not about all of the others."""
    own = [picture for picture in fit if picture.label == label]
    others = [picture for picture in fit if picture.label != label]
    white = all(picture.is_black_and_white for picture in own)
    if white and not all(picture.is_black_and_white for picture in others):
        message = (
            f"All pictures of the class `{label}` are black and white alone. If they are masks, "
            "put them under masks/CLASS/ with the names of their pictures."
        )
        yield Problem("", message, fatal=False)
    masked = [picture for picture in own if picture.mask]
    if masked and all(picture.mask_is_full for picture in masked):
        message = (
            f"Each mask of the class `{label}` marks its whole picture. If white is their ground, "
            "save them with black where there is no defect."
        )
        yield Problem("", message, fatal=False)
    alike = {other.label for other in others if other.label.casefold() == label.casefold()}
    for other in sorted(alike):
        if label < other:
            message = (
                f"The classes `{label}` and `{other}` differ in case alone; they count as two."
            )
            yield Problem("", message, fatal=False)


def mask_like_problems(pictures: Iterable[CheckedPicture]) -> Iterator[Problem]:
    """Finds pictures that look like masks of others, such as `0_GT.png` of `0.png`; fatal."""
    pictures = tuple(pictures)
    shown = {_place(each.path): each.path for each in pictures if not each.is_black_and_white}
    for picture in pictures:
        if not picture.is_black_and_white or picture.mask:
            continue
        folder, stem = _place(picture.path)
        names = (name for name in _names_within(stem) if (folder, name) in shown)
        if name := next(names, ""):
            message = (
                f"It looks like a mask of {shown[folder, name]}. Put masks under masks/CLASS/ with "
                "the name of their picture."
            )
            yield Problem(picture.path, message, fatal=True)


def _place(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, Path(name).stem


def _names_within(stem: str) -> Iterator[str]:
    """Yields a name, and what stands before and behind each sign in it that separates words."""
    yield stem
    for at, sign in enumerate(stem):
        if not sign.isalnum():
            yield from (part for part in (stem[:at], stem[at + 1 :]) if part)


def _capsule_problems(fit: Collection[CheckedPicture]) -> Iterator[Problem]:
    missing = [picture.path for picture in fit if not picture.has_capsule]
    if missing:
        message = f"No capsule is found on {len(missing)} of {len(fit)} pictures"
        if shows_another_product(len(missing), len(fit)):
            message += f". For another product than capsules, train with {WHOLE_PICTURE}."
        else:
            message += f", such as {missing[0]}; training leaves them out."
        yield Problem("", message, fatal=False)


def split_problems(
    pictures: Iterable[CheckedPicture], splits: Mapping[str, str]
) -> Iterator[Problem]:
    """Finds copies in two splits, which make every figure too good; they are fatal.

    Args:
        pictures: The pictures.
        splits: The split of each that is kept, by its path.
    """
    first: dict[str, str] = {}
    for picture in pictures:
        other = first.setdefault(picture.sha256, picture.path)
        if splits.get(other) != splits.get(picture.path):
            message = f"It is the same picture as {other}, in another split. Take one of them out."
            yield Problem(picture.path, message, fatal=True)


def copy_problems(pictures: Iterable[CheckedPicture]) -> list[Problem]:
    """Finds copies: pictures of the same pixels. They are fatal if their labels differ."""
    groups: dict[str, list[CheckedPicture]] = defaultdict(list)
    for picture in pictures:
        groups[picture.sha256].append(picture)
    problems: list[Problem] = []
    for group in (group for group in groups.values() if len(group) > 1):
        if len({picture.label for picture in group}) > 1:
            for picture in group:
                rivals = ", ".join(rival.path for rival in group if rival.label != picture.label)
                message = f"It is the same picture as {rivals}, under another label. Keep one."
                problems.append(Problem(picture.path, message, fatal=True))
        else:
            for picture in group[1:]:
                message = f"It is a copy of {group[0].path}; both go to the same split."
                problems.append(Problem(picture.path, message, fatal=False))
    return problems


def check_pictures(
    found: Discovery,
    reporter: Reporter = SILENT,
    bits: int | None = None,
    *,
    invert_masks: bool = False,
) -> tuple[tuple[CheckedPicture, ...], tuple[Problem, ...]]:
    """Reads each picture and mask once and checks them.

    These problems are fatal:

    - a picture or mask cannot be read, or its annotations are damaged;
    - a mask has another size than its picture, is empty for a defective picture, or marks a defect
      on a good one;
    - a picture has several masks, or a mask several pictures, or none;
    - a defective picture has no mask, but others have one;
    - a picture is listed twice, has no label, or is labelled both good and defective;
    - a path leaves the folder, or a name cannot be written to a manifest;
    - copies of one picture have different labels;
    - a picture looks like the mask of another.

    These are warnings: those of decoding, copies with the same label, several defect labels, a mask
    of more than two values or turned otherwise than its picture, pictures without a class, classes
    too small to split, whose masks are all full or which look like masks, and a set without masks
    or defects.

    Args:
        found: The pictures to check.
        reporter: Follows the progress.
        bits: The bits of 16 that the camera uses; None for what each file says, or 16.
        invert_masks: Whether black stands for defect in the files of masks.

    Returns:
        The pictures without a fatal problem, sorted by path, and all problems, sorted by path.
    """
    overview = _Overview.of(found, bits, invert_masks)
    fit: list[CheckedPicture] = []
    seen: list[CheckedPicture] = []
    problems = [*_stray_problems(found)]
    with reporter.progress(len(found.pictures), "Checking") as advance:
        for picture in found.pictures:
            checked, own = _check_picture(picture, overview)
            problems += own
            if checked is not None:
                seen.append(checked)
                if not any(problem.fatal for problem in own):
                    fit.append(checked)
            advance()
    between = [*copy_problems(fit), *mask_like_problems(seen)]
    conflicting = {problem.path for problem in between if problem.fatal}
    fit = [checked for checked in fit if checked.path not in conflicting]
    problems += [*between, *set_problems(fit)]
    problems.sort(key=lambda problem: (problem.path, problem.message))
    return tuple(fit), tuple(problems)


@dataclass(frozen=True)
class _Overview:
    """The facts about a whole set that the check of each picture needs.

    Attributes:
        root: Folder that the paths are relative to.
        has_masks: Some defective picture has a mask, so each needs one.
        makes_masks: Some mask is made, so all masks go into the data set folder.
        paths: How often each picture is listed.
        masks: How many pictures claim each mask.
        bits: The bits of 16 that the camera uses.
        invert_masks: Black stands for defect in the files of masks.
    """

    root: Path
    has_masks: bool
    makes_masks: bool
    paths: Counter[str]
    masks: Counter[str]
    bits: int | None
    invert_masks: bool

    @staticmethod
    def of(found: Discovery, bits: int | None, invert_masks: bool) -> "_Overview":
        return _Overview(
            root=found.root,
            # The masks of good pictures do not count: they are empty.
            has_masks=any(each.has_mask for each in found.pictures if each.label != GOOD),
            makes_masks=invert_masks or any(each.make_mask is not None for each in found.pictures),
            paths=Counter(each.path for each in found.pictures),
            masks=Counter(mask for each in found.pictures for mask in each.masks),
            bits=bits,
            invert_masks=invert_masks,
        )


def _check_picture(
    found: FoundPicture, overview: _Overview
) -> tuple[CheckedPicture | None, list[Problem]]:
    if found.problem:
        return None, [_unfit(found.path, found.problem)]
    problems = [*_path_problems(found, overview), *_label_problems(found)]
    if any(leaves_root(path) for path in (found.path, *found.masks)):
        return None, problems
    file = overview.root / found.path
    try:
        data = read_picture_file(file, MAX_PIXELS)
        loaded = decode_picture(data, name_file(file), bits=overview.bits)
    except PictureError as error:
        return None, [*problems, _unreadable(found.path, file, error)]
    pixels = loaded.pixels
    problems += [Problem(found.path, warning, fatal=False) for warning in loaded.warnings]
    height, width, _ = pixels.shape
    problems += _claim_problems(found, overview)
    path = _place_of_mask(found)
    try:
        of_mask = read_picture_file(overview.root / path, MAX_PIXELS) if found.masks else b""
        mask = _make_mask(found, of_mask, overview, (height, width))
    except (PictureError, DataError) as error:
        return None, [*problems, _unreadable(path, overview.root / path, error)]
    if mask is not None:
        problems += mask_problems(path, mask, found.label, (height, width))
    if found.masks:
        problems += turn_problems(path, data, of_mask)
    stored, png = _store_mask(found, mask, overview)
    checked = CheckedPicture(
        path=found.path,
        label=found.label,
        mask=stored,
        sha256=hash_picture(pixels),
        width=width,
        height=height,
        mask_png=png,
        mask_sha256=hash_mask(mask) if stored and mask is not None else "",
        has_capsule=bool(find_capsules(pixels)),
        is_black_and_white=shows_black_and_white(pixels),
        mask_is_full=mask is not None and bool(is_defect(mask).all()),
    )
    return checked, problems


def _make_mask(
    found: FoundPicture, data: bytes, overview: _Overview, size: tuple[int, int]
) -> NDArray[np.uint8] | None:
    """Returns the mask of a picture, from the content of its file or from annotations."""
    if found.masks:
        mask = decode_mask(data, name_file(overview.root / found.masks[0]))
        if not overview.invert_masks:
            return mask
        return np.asarray(np.where(is_defect(mask), 0, 255), np.uint8)
    if found.make_mask is not None:
        return np.asarray(np.where(found.make_mask(*size), 255, 0), np.uint8)
    return None


def _store_mask(
    found: FoundPicture, mask: NDArray[np.uint8] | None, overview: _Overview
) -> tuple[str, bytes | None]:
    """Returns the path for the manifest, and the content of the file if `prepare` writes it."""
    # A good picture's mask is all background, which its label says already.
    if mask is None or found.label == GOOD:
        return "", None
    if overview.makes_masks:
        return f"{MASKS}/{found.path}.png", encode_mask(mask)
    return found.masks[0], None


def _place_of_mask(found: FoundPicture) -> str:
    """Returns the file that a problem with the mask is about."""
    return found.masks[0] if found.masks else found.path


def _path_problems(found: FoundPicture, overview: _Overview) -> Iterator[Problem]:
    for path in (found.path, *found.masks):
        if path != on_one_line(path):
            message = "Its name holds a control character, or is not UTF-8; rename it."
            yield Problem(on_one_line(path), message, fatal=True)
        if leaves_root(path):
            message = "It is outside the folder that was given; move it there."
            yield Problem(on_one_line(path), message, fatal=True)
    if overview.paths[found.path] > 1:
        yield Problem(found.path, "It is listed more than once; keep one line.", fatal=True)


def _label_problems(found: FoundPicture) -> Iterator[Problem]:
    listed = ", ".join(found.labels)
    if not all(label.strip() for label in found.labels or ("",)):
        yield Problem(found.path, "The name of its class is blank; name the class.", fatal=True)
    elif listed != on_one_line(listed):
        message = "The name of its class holds a control character; rename the class."
        yield Problem(found.path, message, fatal=True)
    elif NO_CAPSULE in found.labels:
        message = f"Its class is called {NO_CAPSULE}, which stands for no capsule; rename it."
        yield Problem(found.path, message, fatal=True)
    elif len(found.labels) > 1 and GOOD in found.labels:
        message = f"It is labelled both {GOOD} and defective: {listed}. Keep one."
        yield Problem(found.path, message, fatal=True)
    elif len(found.labels) > 1:
        message = f"It has several labels: {listed}. The first is used."
        yield Problem(found.path, message, fatal=False)


def _claim_problems(found: FoundPicture, overview: _Overview) -> Iterator[Problem]:
    if len(found.masks) > 1:
        message = f"It has several masks: {', '.join(found.masks)}. Keep one."
        yield Problem(found.path, message, fatal=True)
    elif not found.has_mask and found.label != GOOD and overview.has_masks:
        yield Problem(found.path, "It has no mask, but other pictures have one.", fatal=True)
    for mask in found.masks[:1]:
        if overview.masks[mask] > 1:
            message = f"It shares the mask {mask} with another picture of that name; rename one."
            yield Problem(found.path, message, fatal=True)


def _unreadable(path: str, full: Path, error: PictureError | DataError) -> Problem:
    return _unfit(path, str(error).replace(name_file(full), "It", 1))


def _unfit(path: str, message: str) -> Problem:
    return Problem(on_one_line(path), on_one_line(message), fatal=True)


def _are_called_otherwise(found: Discovery) -> bool:
    """Tells whether stray masks are called like pictures, but for an ending such as `_GT`."""
    stems = {Path(each.path).stem for each in found.pictures}
    strays = (Path(mask).stem for mask in found.stray_masks)
    return any(
        stem[:end] in stems and not stem[end].isalnum()
        for stem in strays
        for end in range(1, len(stem))
    )


def _stray_problems(found: Discovery) -> Iterator[Problem]:
    if found.mask_endings:
        listed = " or ".join(f"`{ending}`" for ending in found.mask_endings)
        message = f"Masks are called like their pictures, with {listed} at the end."
        yield Problem("", on_one_line(message), fatal=False)
    if _are_called_otherwise(found):
        message = (
            "A mask has the name of its picture, or that with _mask at the end, such as b_mask.png "
            "for b.png. Rename those that are called otherwise."
        )
        yield Problem("", message, fatal=False)
    tops = {path.partition("/")[0] for path in found.stray_masks} - {"masks", "ground_truth"}
    for top in sorted(filter(holds_masks, tops)):
        message = f"The folder `{top}` is taken for masks. If it is a class, rename it."
        yield Problem("", on_one_line(message), fatal=False)
    for path in found.stray_masks:
        yield Problem(on_one_line(path), "The mask has no picture.", fatal=True)
    for path in found.kept_by_systems:
        message = "It lies in a folder that systems keep for themselves, and is left out."
        yield Problem(on_one_line(path), message, fatal=False)
    for path in found.stray_pictures:
        within = path.split("/")
        message = (
            f"The folder `{on_one_line(within[0])}` is read neither as a class nor as a split, and "
            "is left out."
            if len(within) > 2
            else "It belongs to no class and is left out."
        )
        yield Problem(on_one_line(path), message, fatal=False)
