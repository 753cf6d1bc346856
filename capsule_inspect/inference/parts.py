"""Parts: one list of pictures that several runs share, on as many machines as there are.

Part K of N takes picture K of the sorted list, and from there every N-th: part 1/3 of five pictures
takes the first and the fourth. Neighbours in the list cost about the same, so all parts take about
as long. No part knows of another, so each freezes the whole list as a digest in its `run.json`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath

_Item = TypeVar("_Item")

_TEXT: Final = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True)
class Share:
    """Which pictures of a list a part takes.

    Attributes:
        k: The number of the part, from 1.
        n: The number of parts.

    Raises:
        UsageError: There is no such part.
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.n:
            raise UsageError(
                f"There is no part {self}: of K/N, K goes from 1 to N, such as 1/3, 2/3 and 3/3."
            )

    def __str__(self) -> str:
        return f"{self.k}/{self.n}"

    @classmethod
    def from_text(cls, text: str) -> "Share":
        """Makes a share of a text such as `3/7`.

        Part 0 of N is the N-th, so that a counter may begin with 0 or with 1.

        Raises:
            UsageError: The text is none, or there is no such part.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise UsageError(
                f"'{text}' is no part. Write K/N, such as 3/7 for the third part of seven."
            )
        k, n = int(found[1]), int(found[2])
        return cls(k or n, n)

    def of(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """Returns the items of a list that the part takes; none if the list is too short."""
        return items[self.k - 1 :: self.n]

    def size(self, count: int) -> int:
        """Returns how many items of a list of this length the part takes."""
        return len(range(self.k - 1, count, self.n))


@dataclass(frozen=True)
class Part:
    """A part of a list that cannot change any more; the names are keys in run.json.

    Attributes:
        k: The number of the part, from 1.
        n: The number of parts.
        pictures: The number of pictures in the whole list.
        list_sha256: SHA-256 of the whole list, from `hash_list`.
        subject: What the model judges, `capsule` or `picture`; who joins parts has no model to ask.
    """

    k: int
    n: int
    pictures: int
    list_sha256: str
    subject: str

    @property
    def share(self) -> Share:
        """Which pictures of the list it takes."""
        return Share(self.k, self.n)

    @classmethod
    def from_json(cls, value: object) -> "Part | None":
        """Reads back a part from JSON; None if the value is anything else."""
        if not isinstance(value, dict):
            return None
        try:
            part = cls(**value)
            are_typed = all(type(getattr(part, each.name)) is each.type for each in fields(cls))
            return part if are_typed and part.share else None
        except (TypeError, UsageError):
            return None


def hash_list(pictures: Iterable[tuple[str, str]]) -> str:
    """Returns the SHA-256 of a list of pictures.

    Args:
        pictures: Path and name of results of each picture, in order. Names are settled over the
            whole list: two pictures that would share one get others.
    """
    digest = hashlib.sha256()
    for each in pictures:
        digest.update(f"{json.dumps(each)}\n".encode())
    return digest.hexdigest()


def refuse_other_part(place: StrPath, before: object, now: object) -> None:
    """Makes sure that a run is resumed with the same part of the same list.

    Args:
        place: What a person calls the results folder.
        before: The value in its run.json; None for a run over all pictures.
        now: The same for the run that is to resume it.

    Raises:
        UsageError: They are different parts, or of different lists.
    """
    old, new = Part.from_json(before), Part.from_json(now)
    if old is None and new is None:
        return
    if old is None or new is None or old.share != new.share:
        raise UsageError(
            f"The run in '{place}' is {_describe(old)}, not {_describe(new)}. Name another folder "
            "with -o, or start it again with --overwrite."
        )
    if old.list_sha256 != new.list_sha256:
        raise UsageError(
            f"The run in '{place}' is part {old.share} of another list: {compare_lists(old, new)}."
            " Name the same inputs, or start all parts again with --overwrite."
        )


def _describe(part: Part | None) -> str:
    return "a run over all pictures" if part is None else f"part {part.share}"


def compare_lists(old: Part, new: Part) -> str:
    """Says in words how the lists of two parts differ."""
    if old.pictures == new.pictures:
        return f"both have {old.pictures} pictures, but not the same"
    return f"it had {old.pictures} pictures, and this one has {new.pictures}"
