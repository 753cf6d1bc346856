import json
import shutil

import pytest
from in_parts import predict_parts

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.digests import read_chain
from capsule_inspect.inference.part_folders import find_parts
from capsule_inspect.inference.results_folder import OpenResults
from capsule_inspect.inference.seal import Seal
from capsule_inspect.workflows.predict import predict


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_model):
    """Three parts of seven files that are no pictures, and a run over all of them. Read only."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "in").mkdir()
    for number in range(7):
        (folder / f"in/{number}.png").write_bytes(b"none")
    predict_parts(folder / "in", folder / "parts", 3, model=tiny_model)
    predict(folder / "in", out=folder / "parts/whole", model=tiny_model)
    return folder


@pytest.fixture
def parts(made, tmp_path):
    """A copy of the three parts, to be changed."""
    for name in "123":
        shutil.copytree(made / f"parts/{name}", tmp_path / f"parts/{name}")
    return tmp_path / "parts"


def change(folder, **keys):
    """Changes keys in the run.json of a part; those of its part if they are some."""
    file = folder / "run.json"
    run = json.loads(file.read_text())
    for name, value in keys.items():
        place = run["part"] if name in run["part"] else run
        place[name] = value
    file.write_text(json.dumps({name: value for name, value in run.items() if value is not None}))


def refusal(*named):
    with pytest.raises(UsageError) as refused:
        find_parts(named)
    return str(refused.value)


def test_parts_are_found_by_their_folders_in_any_order(made):
    found = find_parts([made / "parts/3", str(made / "parts/1"), made / "parts/2"])
    assert [each.part.k for each in found] == [1, 2, 3]
    assert [each.count for each in found] == [3, 2, 2]
    assert str(found[0]) == f"Part 1/3 in '{made}/parts/1'"
    assert found[0].settings.part is None
    for each in found:
        each.verify()


def test_parts_are_found_in_their_folder_and_by_a_pattern_without_other_runs(made, monkeypatch):
    monkeypatch.chdir(made)
    for named in (["parts"], ["parts/*"], ["p*/[12]", "parts/3"]):
        assert [each.part.k for each in find_parts(named)] == [1, 2, 3]


def test_a_part_that_names_a_folder_like_a_pattern_is_that_folder(parts):
    shutil.move(parts / "1", parts / "[1]")
    assert len(find_parts([parts / "[1]", parts / "2", parts / "3"])) == 3


def test_missing_parts_are_named(parts):
    shutil.rmtree(parts / "2")
    assert refusal(parts) == (
        "Part 2/3 is missing: run predict over the same inputs with --part 2/3, and then join all "
        "parts."
    )
    shutil.rmtree(parts / "3")
    assert refusal(parts).startswith(
        "Parts 2/3 and 3/3 are missing: run predict over the same inputs with --part 2/3 and "
        "--part 3/3, and"
    )
    change(parts / "1", n=300)
    assert "10/300, 11/300 and 289 more are missing" in refusal(parts)


def test_a_part_that_is_there_twice_is_refused(parts):
    shutil.copytree(parts / "2", parts / "2 copied")
    assert refusal(parts) == (
        f"Part 2/3 is there twice, in '{parts}/2' and in '{parts}/2 copied'. Leave one of them out."
    )
    assert "Part 1/3 is there twice" in refusal(parts / "1", parts / "1")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"threshold": 0.9}, "threshold is 0.9, not 0.4. Inspect all parts with the same model"),
        ({"model": "f" * 64, "masks": True}, f"model is {'f' * 64}, not "),
        ({"overlays": "none"}, "overlays is none, not all."),
        ({"annotations": "coco"}, "annotations is coco, not None."),
        ({"classes": ["good", "poke"]}, "classes is ('good', 'poke'), not ('good', 'crack', 's"),
        (
            {"list_sha256": "f" * 64, "pictures": 9},
            "their lists of pictures differ; of the first, it had 9 pictures, and this one has 7. "
            "Inspect all parts with the same inputs, such as @LIST",
        ),
        ({"list_sha256": "f" * 64}, "both have 7 pictures, but not the same."),
        ({"n": 4}, "the first is part 2/4, the other part 1/3. Leave out"),
        ({"subject": "capsule"}, "one model judges capsules, the other whole pictures."),
    ],
)
def test_a_part_of_another_run_is_named_with_what_differs(parts, keys, said):
    change(parts / "2", **keys)
    found = refusal(parts)
    assert found.startswith(f"'{parts}/2' and '{parts}/1' are not of the same run: ")
    assert said in found


def test_a_part_that_has_not_finished_is_refused(parts):
    change(parts / "2", digests=None)
    assert refusal(parts) == (
        f"Part 2/3 in '{parts}/2' has not finished. Repeat its command with --resume, and then "
        "join the parts."
    )


def test_a_part_of_another_version_is_refused(parts):
    change(parts / "3", version="9.9")
    assert f"The part in '{parts}/3' was made by version 9.9, and this is " in refusal(parts)


@pytest.mark.parametrize("keys", [{"part": "2/3"}, {"k": "2"}, {"classes": 3}, {"threshold": None}])
def test_a_part_with_damaged_settings_is_refused(parts, keys):
    change(parts / "2", **keys)
    said = refusal(parts)
    assert said.startswith(f"'{parts}/2/run.json' was edited or is damaged. Inspect it again")


def test_what_is_no_part_is_refused(made, parts, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (parts / "2/run.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    assert "There is nothing to join: name the folders" in refusal()
    assert "'empty' is no part of a run, and holds none." in refusal("empty")
    assert refusal("partz") == "The folder 'partz' does not exist. Did you mean 'parts'?"
    assert "The pattern 'empty/*' matches no part of a run." in refusal("empty/*")
    assert "'parts/2' is no results folder of predict, or its run.json is d" in refusal("parts/2")
    whole = made / "parts/whole"
    assert f"The run in '{whole}' is over all pictures, so there is nothing" in refusal(whole)


def test_an_altered_part_is_refused_with_what_was_changed(parts):
    rows = parts / "2/predictions.csv"
    rows.write_bytes(rows.read_bytes().replace(b"error", b"ok", 1))
    (parts / "2/overlays").mkdir()
    (parts / "2/overlays/new.png").touch()
    part = find_parts([parts])[1]
    with pytest.raises(UsageError) as refused:
        part.verify()
    assert str(refused.value) == (
        f"Part 2/3 in '{parts}/2' is not as its run left it: The first line of predictions.csv was "
        "edited. There is 1 more. Inspect it again: repeat its command with --overwrite, and then "
        "join the parts."
    )


def test_a_part_of_too_few_pictures_is_refused(parts):
    # Someone sealed it anew, so that nothing but the count can tell.
    for name in ("predictions.csv", "digests.csv"):
        shutil.copy(parts / "2" / name, parts / "1" / name)
    chain = read_chain(parts / "1/digests.csv")
    OpenResults(parts / "1").seal(Seal(len(chain.pictures), chain.ends[-1]))
    part = find_parts([parts])[0]
    with pytest.raises(UsageError, match=r"Part 1/3 in .* has 2 pictures instead of 3\. Inspect"):
        part.verify()
