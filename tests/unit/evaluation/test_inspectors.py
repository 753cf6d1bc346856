import codecs
import unicodedata
from pathlib import Path

import pytest

from capsule_inspect.errors import DataError
from capsule_inspect.evaluation.inspectors import Verdict, read_verdicts

CLASSES = ("good", "crack", "poke")
PICTURES = ("test/crack/000.png", "test/good/000.png", "test/good/001.png", "top.png")
LONG = "image,inspector,label\ntest/good/001.png,Anna,good\ntop.png,Ben,crack\n"


@pytest.fixture
def read(tmp_path: Path):
    def read_text(text: str | bytes, pictures=PICTURES, classes=CLASSES) -> tuple[Verdict, ...]:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "inspectors.csv").write_bytes(data)
        return read_verdicts(tmp_path / "inspectors.csv", pictures, classes)

    return read_text


def test_a_row_is_a_verdict(read):
    assert read(LONG) == (
        Verdict("test/good/001.png", "Anna", "good", 1),
        Verdict("top.png", "Ben", "crack", 1),
    )


def test_a_row_can_hold_the_verdicts_of_all_inspectors_on_a_picture(read):
    text = "Ben,image,Anna\ngood,test/good/001.png,defective\n,top.png,crack\n"
    assert read(text) == (
        Verdict("test/good/001.png", "Ben", "good"),
        Verdict("test/good/001.png", "Anna", "defective"),
        Verdict("top.png", "Anna", "crack"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "round,image,inspector,label,remark\n1,top.png,Anna,good,\n02,top.png,Anna,crack,unsure\n",
        "image,round,Anna\ntop.png,1,good\ntop.png,2,crack\n",
    ],
)
def test_readings_are_numbered(read, text):
    assert read(text) == (
        Verdict("top.png", "Anna", "good", 1),
        Verdict("top.png", "Anna", "crack", 2),
    )


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + LONG.encode(),
        LONG.encode("utf-16"),
        codecs.BOM_UTF16_BE + LONG.encode("utf-16-be"),
        LONG.replace(",", ";").encode(),
        LONG.replace(",", "\t").encode("utf-16"),
        LONG.replace("\n", "\r\n").encode(),
        LONG.replace("Anna", '"Anna"').replace("good\n", '" good "\n').encode(),
        b"\n" + LONG.replace("\n", "\n,,\n").encode(),
    ],
    ids=["bom", "utf-16", "utf-16-be", "semicolons", "tabs", "crlf", "quotes", "empty lines"],
)
def test_it_is_read_as_any_program_saves_it(read, data):
    assert [(each.inspector, each.label) for each in read(data)] == [
        ("Anna", "good"),
        ("Ben", "crack"),
    ]


def test_names_can_hold_what_separates_cells(read):
    (verdict,) = read('image,inspector,label\ntop.png,"Doe, ""Jo""",poke\n')
    assert verdict.inspector == 'Doe, "Jo"'


def test_pictures_are_told_by_path_and_by_a_name_that_only_one_has(read):
    text = "image,inspector,label\n001.png,A,good\n./test/crack/000.png,A,crack\n"
    assert [each.path for each in read(text)] == ["test/good/001.png", "test/crack/000.png"]
    # A path wins over the name of another one.
    assert read("image,A\na.png,good\n", ("a.png", "b/a.png"))[0].path == "a.png"


@pytest.mark.parametrize("there", ["NFC", "NFD"])
@pytest.mark.parametrize("here", ["NFC", "NFD"])
def test_accents_match_however_they_are_written(read, there, here):
    picture = unicodedata.normalize(there, "gut/é.png")
    text = unicodedata.normalize(here, "image,René\né.png,fêlé\n")
    (verdict,) = read(text, (picture,), ("good", "fêlé"))
    assert verdict == Verdict(picture, unicodedata.normalize("NFC", "René"), "fêlé")


def test_a_class_can_be_called_defective(read):
    (verdict,) = read("image,A\ntop.png,defective\n", classes=("good", "defective"))
    assert verdict.label == "defective"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"it is empty\. The first line must name the columns image,inspector,label, or"),
        ("\n\n", r"it is empty\."),
        ("image,inspector,label\n", r"it holds no verdict\.$"),
        ("image,A\ntop.png,\n", r"it holds no verdict\.$"),
        ("path,inspector,label\ntop.png,A,good\n", r"line 1: there is no column image\."),
        ("image,label\ntop.png,good\n", r"line 1: there is a column label, but not the other one"),
        ("image,round\ntop.png,1\n", r"line 1: there is no column of an inspector\."),
        ("image,A,A\ntop.png,good,good\n", r"line 1: the column 'A' is there 2 times, not once\."),
        ("image,A,\ntop.png,good,\n", r"line 1: an inspector has no name\."),
        ("image,A,Model\ntop.png,good,good\n", r"line 1: no inspector can be called 'Model'"),
        (LONG + "top.png,,good\n", r"line 4: an inspector has no name\."),
        (LONG + "top.png,truth,good\n", r"line 4: no inspector can be called 'truth'"),
        (LONG + "top.png,A,\n", r"line 4: '' is no class of the data set\."),
        (
            LONG + "top.png,A,crak\n",
            r"line 4: 'crak' is no class of the data set\. Did you mean 'crack'\? It can be good, "
            r"crack, poke, defective\.$",
        ),
        (LONG + "tops.png,A,good\n", r"has no picture 'tops.png'\. Did you mean 'top.png'\?$"),
        (LONG + ",A,good\n", r"line 4: the picture has no name\."),
        (
            LONG + "000.png,A,good\n",
            r"line 4: 2 pictures are called '000.png'\. Write the path, such as 'test/crack/000",
        ),
        (
            LONG + "\n001.png,Anna,poke\n",
            r"line 5: 'Anna' has a verdict on 'test/good/001.png' already, in line 2\. Take one",
        ),
        (LONG + "top.png,A\n", r"line 4: it has 2 cells, but the first line 3\.$"),
        (LONG + "top.png,A,good,x\n", r"line 4: it has 4 cells, but the first line 3\.$"),
        (LONG + 'top.png,A,"good\n', r"line 4: .+\.$"),
        ("image,round,A\ntop.png,0,good\n", r"line 2: the round '0' is not a whole number from 1"),
        ("image,round,A\ntop.png,,good\n", r"line 2: the round '' is not a whole number"),
        (b"image,Ren\xe9\n", r"cannot be read: line 1 holds the byte 0xE9, which is not UTF-8"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_with_file_and_line(read, text, said):
    with pytest.raises(DataError, match=said) as error:
        read(text)
    assert "inspectors.csv' cannot be " in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv' cannot be read: No such file"):
        read_verdicts(tmp_path / "none.csv", PICTURES, CLASSES)
