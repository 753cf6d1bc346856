"""Reading annotation files in XML: each element as its format says, or a sentence that names it."""

import math
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from capsule_inspect.errors import DataError


class Element:
    """An element; whatever is not as asked for raises an error that names its line.

    Args:
        file: The file, for messages.
        name: Its name, such as `polygon`.
        line: Where it begins, from 1.
        attributes: Its attributes.
    """

    def __init__(self, file: Path, name: str, line: int, attributes: dict[str, str]) -> None:
        self.file, self.name, self.line, self.attributes = file, name, line, attributes
        self.children: list[Element] = []
        self.content = ""

    def refuse(self, reason: str) -> NoReturn:
        """Raises DataError with the file, the place and a reason such as "has no `label`"."""
        raise DataError(
            f"'{self.file}' is damaged: `<{self.name}>` in line {self.line} {reason}. Export it "
            "again, or mend it there."
        )

    def all(self, name: str) -> "list[Element]":
        """Returns the elements of a name directly in it."""
        return [child for child in self.children if child.name == name]

    def get(self, name: str) -> "Element | None":
        """Returns the first element of a name directly in it."""
        return next((child for child in self.children if child.name == name), None)

    def __getitem__(self, name: str) -> "Element":
        """Returns the first element of a name directly in it, which must be there."""
        found = self.get(name)
        if found is None:
            self.refuse(f"holds no `<{name}>`")
        return found

    def text(self) -> str:
        """Returns its content, which is not empty."""
        if not self.content.strip():
            self.refuse("is empty")
        return self.content.strip()

    def number(self) -> float:
        """Returns its content, which is a finite number."""
        return self._number(self.text(), "holds")

    def attribute(self, key: str) -> str:
        """Returns an attribute that is not blank."""
        value = self.attributes.get(key, "")
        if not value.strip():
            self.refuse(f"has no `{key}`")
        return value

    def number_of(self, key: str, default: float | None = None) -> float:
        """Returns an attribute that is a finite number.

        Args:
            key: Its name.
            default: What it is if it is missing; None if it must be there.
        """
        if default is not None and key not in self.attributes:
            return default
        return self._number(self.attribute(key), f"has the `{key}`")

    def _number(self, text: str, has: str) -> float:
        try:
            number = float(text)
        except ValueError:
            self.refuse(f"{has} '{text}', which is no number")
        if not math.isfinite(number):
            self.refuse(f"{has} '{text}', which is not finite")
        return number


def root_name(file: Path) -> str:
    """Returns the name of the first element of a file, whole or damaged; empty without one.

    Raises:
        OSError: It cannot be read.
    """
    names: list[str] = []

    class _Seen(Exception):  # noqa: N818 - ends the parsing, is no error
        pass

    def see(name: str, *_more: object) -> None:
        names.append(name)
        raise _Seen

    parser = expat.ParserCreate()
    # A document type names that element, too, and what it declares need not be read.
    parser.StartDoctypeDeclHandler = see
    parser.StartElementHandler = see
    try:
        with file.open("rb") as data:
            parser.ParseFile(data)
    except (_Seen, expat.ExpatError, ValueError, LookupError):
        return names[0] if names else ""
    return ""


def read_xml(file: Path) -> Element:
    """Reads an XML file.

    A document type is refused: no such format has one, and entities in it can fill the memory.

    Returns:
        Its root.

    Raises:
        DataError: It is no XML, or has a document type.
        OSError: It cannot be read.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    reader = _Reader(file, parser)
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(file.read_bytes(), True)
    except expat.ExpatError as error:
        raise DataError(f"'{file}' is damaged: {error}. Export it again.") from error
    except (ValueError, LookupError) as error:
        raise DataError(
            f"'{file}' is in an encoding that is not read: {error}. Save it as UTF-8."
        ) from error
    return reader.root


class _Reader:
    """Builds the elements of a file as the parser meets them."""

    def __init__(self, file: Path, parser: expat.XMLParserType) -> None:
        self._file, self._parser = file, parser
        self._open: list[Element] = []
        self.root: Element

    def refuse_doctype(self, *_names: object) -> NoReturn:
        raise DataError(
            f"'{self._file}' has a document type in line {self._parser.CurrentLineNumber}, which "
            "no tool for annotations writes. Export it again, or take out `<!DOCTYPE …>`."
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(self._file, name, self._parser.CurrentLineNumber, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, content: str) -> None:
        self._open[-1].content += content
