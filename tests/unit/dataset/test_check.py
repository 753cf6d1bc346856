import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from recorder import Recorder

from capsule_inspect.dataset.check import (
    CheckedPicture,
    check_pictures,
    copy_problems,
    set_problems,
)
from capsule_inspect.dataset.layouts.discovery import Discovery, FoundPicture, MakeMask
from capsule_inspect.dataset.layouts.registry import discover
from capsule_inspect.dataset.pixel_hash import hash_picture
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.errors import DataError


def picture(seed: int, height: int = 12, width: int = 16) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def mask(*values: int, height: int = 12, width: int = 16) -> NDArray[np.uint8]:
    """A mask of zeros that starts with the values given."""
    flat = np.zeros(height * width, np.uint8)
    flat[: len(values)] = values
    return flat.reshape(height, width)


@pytest.fixture
def root(tmp_path: Path, save_picture) -> Path:
    """Three good pictures and three cracks with masks: nothing to complain of."""
    for i in range(3):
        save_picture(tmp_path / "good" / f"{i}.png", picture(i))
        save_picture(tmp_path / "crack" / f"{i}.png", picture(10 + i))
        save_picture(tmp_path / "masks" / "crack" / f"{i}.png", mask(255))
    return tmp_path


def problems(root: Path) -> list[Problem]:
    return without_capsules(check_pictures(discover(root))[1])


def without_capsules(found: Iterable[Problem]) -> list[Problem]:
    """The problems, but for the one that these small pictures show no capsule."""
    return [each for each in found if not each.message.startswith("No capsule is found on")]


def fit(root: Path) -> list[str]:
    return [checked.path for checked in check_pictures(discover(root))[0]]


def mask_hashes(root: Path) -> dict[str, str]:
    return {each.path: each.mask_sha256 for each in check_pictures(discover(root))[0]}


def test_a_sound_set_has_no_problems(root: Path) -> None:
    checked, found = check_pictures(discover(root))
    assert without_capsules(found) == []
    assert [(c.path, c.label, c.mask, c.width, c.height) for c in checked] == [
        ("crack/0.png", "crack", "masks/crack/0.png", 16, 12),
        ("crack/1.png", "crack", "masks/crack/1.png", 16, 12),
        ("crack/2.png", "crack", "masks/crack/2.png", 16, 12),
        ("good/0.png", "good", "", 16, 12),
        ("good/1.png", "good", "", 16, 12),
        ("good/2.png", "good", "", 16, 12),
    ]
    assert checked[3].sha256 == hash_picture(picture(0))


def test_progress_is_told_after_every_picture(root: Path) -> None:
    recorder = Recorder()
    check_pictures(discover(root), recorder)
    assert recorder.counted == [("Checking", i, 6) for i in range(1, 7)]


def test_a_picture_that_does_not_decode_is_fatal(root: Path) -> None:
    whole = (root / "crack/1.png").read_bytes()
    (root / "crack/1.png").write_bytes(whole[: len(whole) // 2])
    (found,) = [problem for problem in problems(root) if problem.fatal]
    assert found.path == "crack/1.png"
    assert found.message.startswith("It is truncated")
    assert "crack/1.png" not in fit(root)


def test_a_mask_that_does_not_decode_is_fatal(root: Path) -> None:
    (root / "masks/crack/1.png").write_text("no picture")
    (found,) = [problem for problem in problems(root) if problem.fatal]
    assert found.path == "masks/crack/1.png"
    assert "crack/1.png" not in fit(root)


@pytest.mark.parametrize(
    ("values", "complaint", "fatal"),
    [
        (mask(255, height=16, width=12), "12 x 16 pixels, its picture 16 x 12", True),
        (mask(), "is empty, but its picture is labelled crack", True),
        (mask(255, 7), "what is at least half of its range counts as defect", False),
        (mask(255, 130, 120), "what is at least half of its range counts as defect", False),
        (mask(1, 2, 3), "holds several values; all but 0 count as defect", False),
    ],
)
def test_a_wrong_mask_is_told(root: Path, save_picture, values, complaint, fatal) -> None:
    save_picture(root / "masks/crack/0.png", values)
    (found,) = [problem for problem in problems(root) if problem.path]
    assert found.path == "masks/crack/0.png"
    assert complaint in found.message
    assert found.fatal == fatal
    assert ("crack/0.png" in fit(root)) != fatal


@pytest.mark.parametrize("values", [mask(1), mask(255), mask(*[255] * 192)])
def test_any_one_value_marks_a_defect(root: Path, save_picture, values) -> None:
    save_picture(root / "masks/crack/0.png", values)
    assert problems(root) == []


def test_a_good_picture_may_have_an_empty_mask_only(root: Path, save_picture) -> None:
    save_picture(root / "masks/good/0.png", mask())
    assert problems(root) == []
    save_picture(root / "masks/good/0.png", mask(255))
    (found,) = [problem for problem in problems(root) if problem.fatal]
    assert (found.path, "labelled good" in found.message) == ("masks/good/0.png", True)


def test_a_mask_without_its_picture_is_fatal(root: Path, save_picture) -> None:
    save_picture(root / "masks/crack/9.png", mask(255))
    assert problems(root) == [Problem("masks/crack/9.png", "The mask has no picture.", fatal=True)]


def test_a_defect_without_a_mask_is_fatal_where_others_have_one(root: Path) -> None:
    (root / "masks/crack/1.png").unlink()
    (found,) = [problem for problem in problems(root) if problem.fatal]
    assert (found.path, "no mask" in found.message) == ("crack/1.png", True)


def test_a_set_without_masks_is_worth_one_warning(root: Path) -> None:
    for path in (root / "masks/crack").iterdir():
        path.unlink()
    (found,) = problems(root)
    assert "no masks" in found.message
    assert not found.fatal
    assert len(fit(root)) == 6


def test_empty_masks_of_good_pictures_ask_for_none_of_defects(root: Path, save_picture) -> None:
    for i in range(3):
        (root / "masks" / "crack" / f"{i}.png").unlink()
    save_picture(root / "masks" / "good" / "0.png", mask())
    assert problems(root) == [
        Problem(
            "",
            "There are no masks, so a model can only learn labels, not where defects are.",
            fatal=False,
        )
    ]


def test_several_masks_for_a_picture_are_fatal(root: Path, save_picture) -> None:
    save_picture(root / "masks/crack/0_mask.png", mask(255))
    (found,) = [problem for problem in problems(root) if problem.fatal]
    assert found.path == "crack/0.png"
    assert "masks/crack/0.png, masks/crack/0_mask.png" in found.message


def test_a_mask_for_several_pictures_is_fatal_for_each(root: Path, save_picture) -> None:
    save_picture(root / "crack/0.bmp", picture(99))
    found = [problem for problem in problems(root) if problem.fatal]
    assert [problem.path for problem in found] == ["crack/0.bmp", "crack/0.png"]


def test_copies_with_one_label_are_worth_a_warning(root: Path, save_picture) -> None:
    save_picture(root / "good/copy.bmp", picture(0))
    (found,) = problems(root)
    assert (found.path, found.fatal) == ("good/copy.bmp", False)
    assert "copy of good/0.png" in found.message
    assert "good/copy.bmp" in fit(root)


def test_copies_with_different_labels_are_fatal_for_each(root: Path, save_picture) -> None:
    save_picture(root / "crack/0.png", picture(0))
    found = [problem for problem in problems(root) if problem.fatal]
    assert [(problem.path, "under another label" in problem.message) for problem in found] == [
        ("crack/0.png", True),
        ("good/0.png", True),
    ]
    assert "good/0.png" in found[0].message
    assert fit(root) == ["crack/1.png", "crack/2.png", "good/1.png", "good/2.png"]


def test_a_class_of_too_few_distinct_pictures_is_worth_a_warning(root: Path, save_picture) -> None:
    save_picture(root / "crack/2.png", picture(10))
    messages = [problem.message for problem in problems(root) if not problem.path]
    assert messages == ["Classes of fewer than 3 distinct pictures all go to train: crack (2)."]


def test_a_set_without_defects_is_worth_a_warning(tmp_path: Path, save_picture) -> None:
    for i in range(3):
        save_picture(tmp_path / "good" / f"{i}.png", picture(i))
    (found,) = problems(tmp_path)
    assert "no class of defects" in found.message
    assert not found.fatal


def test_a_picture_outside_the_classes_is_worth_a_warning(root: Path, save_picture) -> None:
    save_picture(root / "loose.png", picture(50))
    (found,) = problems(root)
    assert (found.path, found.fatal) == ("loose.png", False)


@pytest.mark.parametrize("name", [b"line\nbreak.png", b"red\x1b[31m.png", b"latin\xe9.png"])
def test_a_name_no_manifest_can_hold_is_fatal(root: Path, name: bytes) -> None:
    path = root / "good" / os.fsdecode(name)
    try:
        path.write_bytes((root / "good/0.png").read_bytes())
    except OSError:
        pytest.skip("this file system refuses such names")
    (found,) = [problem for problem in problems(root) if problem.fatal]
    assert "rename it" in found.message
    assert found.path.isprintable()
    assert found.path.encode()


def test_a_class_of_a_blank_name_is_fatal(root: Path, save_picture) -> None:
    save_picture(root / " " / "0.png", picture(70))
    save_picture(root / "masks" / " " / "0.png", mask(255))
    (found,) = [problem for problem in problems(root) if problem.fatal]
    assert found.path == " /0.png"
    assert "blank" in found.message


def test_all_problems_are_told_at_once_by_path(root: Path, save_picture) -> None:
    (root / "good/0.png").write_bytes(b"")
    (root / "good/1.png").write_text("text")
    save_picture(root / "masks/crack/0.png", mask())
    save_picture(root / "masks/poke/0.png", mask(255))
    (root / "masks/crack/1.png").unlink()
    assert [problem.path for problem in problems(root) if problem.fatal] == [
        "crack/1.png",
        "good/0.png",
        "good/1.png",
        "masks/crack/0.png",
        "masks/poke/0.png",
    ]


GOODS = tuple(FoundPicture(f"good/{i}.png", ("good",)) for i in range(3))


def corner(height: int, width: int) -> NDArray[np.bool_]:
    made = np.zeros((height, width), np.bool_)
    made[0, 0] = True
    return made


def cracks(*made: MakeMask) -> tuple[FoundPicture, ...]:
    """Pictures 0 to 2 of `crack`, the first of them with these masks, the rest with `corner`."""
    makers = (*made, corner, corner, corner)[:3]
    return tuple(
        FoundPicture(f"crack/{i}.png", ("crack",), make_mask=make) for i, make in enumerate(makers)
    )


def check(root: Path, *pictures: FoundPicture) -> tuple[tuple[CheckedPicture, ...], list[Problem]]:
    checked, found = check_pictures(Discovery(root, "by hand", pictures))
    return checked, without_capsules(found)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (0, []),
        (
            2,
            ["No capsule is found on 2 of 4 pictures, such as 0.png; training leaves them out."],
        ),
        (
            3,
            [
                "No capsule is found on 3 of 4 pictures. For another product than capsules, train "
                "with experiment=whole_picture."
            ],
        ),
    ],
)
def test_pictures_without_a_capsule_are_counted(missing, said):
    fit = [
        CheckedPicture(f"{n}.png", "good", "", f"{n}", 9, 9, has_capsule=n >= missing)
        for n in range(4)
    ]
    found = [each for each in set_problems(fit) if "capsule" in each.message]
    assert [each.message for each in found] == said
    assert not any(each.fatal for each in found)


def test_a_made_mask_is_a_file_to_write(root: Path) -> None:
    checked, found = check(root, *cracks(), *GOODS)
    assert found == []
    assert [each.mask for each in checked] == [
        *(f"masks/crack/{i}.png.png" for i in range(3)),
        *[""] * 3,
    ]
    assert [each.mask_png is None for each in checked] == [False] * 3 + [True] * 3
    stored = cv2.imdecode(np.frombuffer(checked[0].mask_png, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, mask(255))


def test_a_picture_whose_annotations_cannot_be_used_is_left_out(root: Path) -> None:
    damaged = FoundPicture("../gone.png", (), problem="'a.json' is damaged: shapes[0] is odd.")
    checked, found = check(root, *cracks(), *GOODS, damaged)
    assert len(checked) == 6
    assert [(each.path, each.message, each.fatal) for each in found] == [
        ("../gone.png", "'a.json' is damaged: shapes[0] is odd.", True)
    ]


def test_beside_made_masks_those_of_files_are_written_too(root: Path, save_picture) -> None:
    save_picture(root / "masks/crack/0.png", mask(0, 9))
    by_file = FoundPicture("crack/0.png", ("crack",), ("masks/crack/0.png",))
    checked, found = check(root, by_file, *cracks()[1:], *GOODS)
    assert found == []
    assert checked[0].mask == "masks/crack/0.png.png"
    stored = cv2.imdecode(np.frombuffer(checked[0].mask_png, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored > 0, mask(0, 9) > 0)


def refuse(height: int, width: int) -> NDArray[np.bool_]:
    raise DataError(f"Line 3 of 'a.txt' has a point outside the {width} x {height}\npixels.")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (refuse, "Line 3 of 'a.txt' has a point outside the 16 x 12?pixels."),
        (lambda h, w: np.zeros((h, w), np.bool_), "The mask is empty, but"),
        (lambda h, w: corner(w, h), "The mask has 12 x 16 pixels, its picture 16 x 12."),
    ],
)
def test_annotations_that_give_no_mask_are_fatal(root: Path, make: MakeMask, complaint) -> None:
    checked, found = check(root, *cracks(make), *GOODS)
    (fatal,) = [problem for problem in found if problem.fatal]
    assert (fatal.path, complaint in fatal.message) == ("crack/0.png", True)
    assert "crack/0.png" not in [each.path for each in checked]


def test_a_defect_without_annotations_is_fatal_where_others_have_some(root: Path) -> None:
    bare = FoundPicture("crack/0.png", ("crack",))
    _, found = check(root, bare, *cracks()[1:], *GOODS)
    (fatal,) = [problem for problem in found if problem.fatal]
    assert (fatal.path, "no mask" in fatal.message) == ("crack/0.png", True)


@pytest.mark.parametrize(
    ("labels", "complaint", "fatal"),
    [
        (("crack", "poke"), "It has several labels: crack, poke. The first is used.", False),
        (("crack", "good"), "labelled both good and defective: crack, good. Keep one.", True),
        ((), "class is blank", True),
        (("crack", " "), "class is blank", True),
        (("cr\nack",), "control character", True),
        (("no_capsule",), "stands for no capsule; rename it", True),
    ],
)
def test_a_picture_has_one_label(root: Path, labels, complaint: str, fatal: bool) -> None:
    odd = FoundPicture("crack/0.png", labels, make_mask=corner)
    checked, found = check(root, odd, *cracks()[1:], *GOODS)
    (own,) = [problem for problem in found if problem.path]
    assert (own.path, own.fatal) == ("crack/0.png", fatal)
    assert complaint in own.message
    of_odd = [each.label for each in checked if each.path == "crack/0.png"]
    assert of_odd == ([] if fatal else ["crack"])


def test_a_picture_listed_twice_is_fatal(root: Path) -> None:
    checked, found = check(root, *cracks(), *GOODS, GOODS[0])
    fatal = [problem for problem in found if problem.fatal]
    assert [(p.path, "more than once" in p.message) for p in fatal] == [("good/0.png", True)] * 2
    assert "good/0.png" not in [each.path for each in checked]


@pytest.mark.parametrize("outside", ["../outside.png", "good/../../outside.png", "/outside.png"])
def test_nothing_outside_the_folder_is_taken(root: Path, save_picture, outside: str) -> None:
    save_picture(root.parent / "outside.png", picture(60))
    as_picture = FoundPicture(outside, ("good",))
    as_mask = FoundPicture("crack/0.png", ("crack",), (outside,))
    checked, found = check(root, as_picture, as_mask, *cracks()[1:], *GOODS)
    fatal = [problem for problem in found if problem.fatal]
    assert [problem.path for problem in fatal] == [outside] * 2
    assert all("is outside the folder" in problem.message for problem in fatal)
    assert len(checked) == 5


def pictures(label: str, count: int, mask: str = "") -> list[CheckedPicture]:
    """Pictures that all differ."""
    return [
        CheckedPicture(f"{label}/{i}.png", label, mask, f"{label}{i}", 4, 4) for i in range(count)
    ]


def test_a_set_of_enough_pictures_with_masks_is_sound() -> None:
    assert list(set_problems([*pictures("good", 3), *pictures("dent", 3, "m.png")])) == []


def test_classes_too_small_to_split_are_counted_by_distinct_pictures() -> None:
    first, second = pictures("dent", 2, "m.png")
    (problem,) = set_problems([*pictures("good", 3), first, second, replace(first, path="x.png")])
    assert "fewer than 3" in problem.message
    assert problem.message.endswith("dent (2).")
    assert not problem.fatal


def test_what_a_model_cannot_learn_is_worth_a_warning() -> None:
    (alone,) = set_problems(pictures("good", 3))
    (unmarked,) = set_problems([*pictures("good", 3), *pictures("dent", 3)])
    assert "no class of defects" in alone.message
    assert "no masks" in unmarked.message
    assert not alone.fatal
    assert not unmarked.fatal


def test_a_copy_is_worth_a_warning_and_a_contradiction_is_fatal() -> None:
    (first, *_), (dent,) = pictures("good", 2), pictures("dent", 1)
    copy = replace(first, path="good/9.png")
    (warned,) = copy_problems([first, copy, dent])
    assert (warned.path, warned.fatal) == ("good/9.png", False)
    rival = replace(dent, sha256=first.sha256)
    both = copy_problems([first, rival])
    assert [(problem.path, problem.fatal) for problem in both] == [
        ("good/0.png", True),
        ("dent/0.png", True),
    ]
    assert "dent/0.png" in both[0].message


@pytest.mark.parametrize("ending", ["_GT.png", "_label.tif", "-seg.bmp", "_crack.png"])
def test_masks_that_all_have_another_ending_are_taken_and_it_is_told(root: Path, ending) -> None:
    before = mask_hashes(root)
    for path in (root / "masks/crack").iterdir():
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        path.unlink()
        cv2.imwrite(str(path.with_name(f"{path.stem}{ending}")), pixels)
    (told,) = problems(root)
    name = ending.partition(".")[0]
    assert told.message == f"Masks are called like their pictures, with `{name}` at the end."
    assert not told.fatal
    assert mask_hashes(root) == before


def test_masks_of_several_endings_are_told_how_they_must_be_called(root: Path) -> None:
    for path, ending in zip(sorted((root / "masks/crack").iterdir()), "xyz", strict=True):
        path.rename(path.with_name(f"{path.stem}_{ending}.png"))
    found = problems(root)
    (advice,) = [each.message for each in found if "with _mask at the end" in each.message]
    assert "Rename those that are called otherwise" in advice
    assert any(each.message == "The mask has no picture." for each in found)


def test_a_folder_of_pictures_and_masks_by_an_ending_is_told_apart(root: Path) -> None:
    for path in (root / "masks/crack").iterdir():
        path.rename(root / "crack" / f"{path.stem}_GT.png")
    masks = {each.path: each.mask for each in check_pictures(discover(root))[0] if each.mask}
    assert masks == {f"crack/{n}.png": f"crack/{n}_GT.png" for n in range(3)}


def test_masks_in_black_on_white_are_inverted_if_told_so(root: Path, save_picture) -> None:
    before = mask_hashes(root)
    for path in (root / "masks/crack").iterdir():
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        save_picture(path, np.where(pixels > 0, 0, 255).astype(np.uint8))
    said = [each.message for each in problems(root)]
    assert len(said) == 3
    assert all("prepare with data.invert_masks=true" in message for message in said)
    checked, found = check_pictures(discover(root), invert_masks=True)
    assert without_capsules(found) == []
    assert {each.path: each.mask_sha256 for each in checked} == before
    assert {each.mask for each in checked if each.mask_png} == {
        f"masks/crack/{n}.png.png" for n in range(3)
    }


def test_an_inverted_mask_is_told(root: Path, save_picture) -> None:
    inverted = np.full((20, 30), 255, np.uint8)
    inverted[3:6, 4:9] = 0
    save_picture(root / "masks/crack/1.png", inverted)
    said = [each for each in problems(root) if "invert it" in each.message]
    assert [(each.path, each.fatal) for each in said] == [("masks/crack/1.png", False)]


def test_good_pictures_alone_are_for_measuring(tmp_path: Path, save_picture) -> None:
    for number in range(3):
        save_picture(tmp_path / f"good/{number}.png", np.full((20, 30, 3), number, np.uint8))
    (said,) = problems(tmp_path)
    assert "no model can be trained on this: add a folder for each kind of defect" in said.message


@pytest.mark.parametrize("name", ["0_GT.png", "0-seg.png", "mask_0.png", "0_label.tif"])
def test_a_picture_that_looks_like_the_mask_of_another_is_told(root, save_picture, name) -> None:
    save_picture(root / "crack" / name, mask(*[255] * 20))
    without, found = problems(root)
    assert without.message == "It has no mask, but other pictures have one."
    assert (found.path, found.fatal) == (f"crack/{name}", True)
    assert found.message.startswith("It looks like a mask of crack/0.png. Put masks under masks/")
    assert f"crack/{name}" not in fit(root)


def test_pictures_of_black_and_white_are_no_masks_where_all_are(tmp_path, save_picture) -> None:
    for number in range(3):
        save_picture(tmp_path / f"good/{number}.png", mask(*[255] * (number + 1)))
        save_picture(tmp_path / f"crack/{number}_1.png", mask(*[255] * (number + 9)))
        save_picture(tmp_path / f"crack/{number}.png", mask(*[255] * (number + 90)))
    assert not any(each.fatal or "black and white" in each.message for each in problems(tmp_path))


def test_a_class_of_black_and_white_alone_is_told(root: Path, save_picture) -> None:
    for number in range(3):
        save_picture(root / f"seg/{number}x.png", mask(*[255] * (number + 9)))
        save_picture(root / f"masks/seg/{number}x.png", mask(255))
    (found,) = problems(root)
    assert found.message.startswith("All pictures of the class `seg` are black and white alone.")
    assert not found.fatal


def test_masks_that_are_all_full_are_told(root: Path, save_picture) -> None:
    for number in range(3):
        save_picture(root / f"masks/crack/{number}.png", mask(*[255] * 192))
    (found,) = problems(root)
    assert found.message.startswith("Each mask of the class `crack` marks its whole picture.")
    assert not found.fatal


def test_classes_that_differ_in_case_are_told_once(root: Path, save_picture) -> None:
    for number in range(3):
        save_picture(root / f"Crack/{number}.png", picture(50 + number))
        save_picture(root / f"masks/Crack/{number}.png", mask(255))
    (found,) = problems(root)
    assert (
        found.message == "The classes `Crack` and `crack` differ in case alone; they count as two."
    )


def test_a_folder_that_is_taken_for_masks_is_named_if_they_have_no_pictures(root, save_picture):
    save_picture(root / "labels/9.png", picture(9))
    first, second = problems(root)
    assert first.message == "The folder `labels` is taken for masks. If it is a class, rename it."
    assert (second.path, second.fatal) == ("labels/9.png", True)
