"""Pictures of one part, which share a split and a fold."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from types import MappingProxyType

from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.settings.groups import DataSettings


def group_of_path(path: str, pattern: str) -> str:
    """Returns the part that a picture shows, by its path.

    Args:
        path: POSIX path relative to the root.
        pattern: A regular expression; its first group names the part, or the whole match without
            one. Empty for none.

    Returns:
        The name; empty if the pattern is empty or does not match.
    """
    found = re.search(pattern, path) if pattern else None
    return (found[1] if found.re.groups else found[0]) or "" if found else ""


def group_pictures(paths: Iterable[str], pattern: str, gap: int) -> dict[str, str]:
    r"""Returns the part that each picture shows, by its path.

    Args:
        paths: POSIX paths relative to the root.
        pattern: As `group_of_path` takes it.
        gap: If above 0, the parts found are numbers, such as those of frames: numbers at most this
            far apart are of one part, and so is what a chain of such steps joins.

    Returns:
        The name of the part, by path; empty where the pattern does not match.

    Raises:
        DataError: The pattern matches no path; there is a gap, and a part is no whole number.

    Example:
        >>> group_pictures(["f1.png", "f3.png", "f9.png"], r"\d+", 2)
        {'f1.png': '1', 'f3.png': '1', 'f9.png': '9'}
    """
    groups = {path: group_of_path(path, pattern) for path in paths}
    if pattern and groups and not any(groups.values()):
        raise DataError(
            f"data.group={pattern} finds no part in any of the {len(groups)} paths, such as "
            f"'{next(iter(groups))}'."
        )
    if not gap:
        return groups
    numbers = {path: _number(path, group) for path, group in groups.items() if group}
    ordered = sorted(set(numbers.values()))
    first = {number: number for number in ordered}
    for before, number in pairwise(ordered):
        if number - before <= gap:
            first[number] = first[before]
    return {path: str(first[numbers[path]]) if group else "" for path, group in groups.items()}


def require_several_parts(groups: Mapping[str, str], settings: DataSettings) -> None:
    """Requires that the pictures of a data set show several parts, or that none was looked for.

    Args:
        groups: The name of the part, by path.
        settings: How the parts were found.

    Raises:
        DataError: All pictures are of one part, so one split would hold them all.
    """
    parts = set(groups.values())
    if not settings.group or len(groups) < 2 or len(parts) > 1:
        return
    advice = (
        "A smaller data.group_gap parts them."
        if settings.group_gap
        else "Put what differs from part to part in ( ), such as data.group='part(\\d+)'."
    )
    raise DataError(
        f"data.group={settings.group} finds one part, '{parts.pop()}', in all {len(groups)} "
        f"pictures, so that one split would hold them all. {advice}"
    )


def _number(path: str, group: str) -> int:
    try:
        return int(group)
    except ValueError:
        raise DataError(
            f"data.group_gap needs numbers, but data.group finds '{group}' in '{path}'."
        ) from None


def parts_of(samples: Iterable[Sample]) -> dict[str, str]:
    """Returns the part of each distinct picture, by the sha256 of its pixels.

    Parts with a copy in common are one part. A picture without a group is a part of its own.

    Returns:
        Names that tell parts apart; empty if no sample has a group.
    """
    listed = list(samples)
    if not any(sample.group for sample in listed):
        return {}
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            name = above[name]
        return name

    for sample in listed:
        own = f"group {sample.group}" if sample.group else f"picture {sample.sha256}"
        first, second = sorted((top(own), top(f"picture {sample.sha256}")))
        above[second] = first
    return {sample.sha256: top(f"picture {sample.sha256}") for sample in listed}


def deal_parts(
    labels: Mapping[str, str],
    parts: Mapping[str, str],
    shares: Mapping[str, float],
    seed: int,
    before: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
) -> dict[str, str]:
    """Deals whole parts to places, each class as close to the shares as parts allow.

    The largest parts come first; each goes where its classes lack most.

    Args:
        labels: Label of each distinct picture, by its sha256.
        parts: Part of each of them.
        shares: The share of each place; they sum to 1.
        seed: Any whole number; another seed gives another division.
        before: The number of pictures of each class that places hold already.

    Returns:
        The place of each picture, by the same key.
    """
    members: dict[str, list[str]] = {}
    for key in labels:
        members.setdefault(parts[key], []).append(key)
    held = {place: Counter(before.get(place, {})) for place in shares}
    totals = sum(held.values(), Counter(labels.values()))
    dealt: dict[str, str] = {}
    for keys in sorted(members.values(), key=lambda keys: (-len(keys), _draw(keys, seed))):
        own = Counter(labels[key] for key in keys)

        def worsening(place: str, own: Counter[str] = own) -> float:
            """Returns how much the squared distances to the shares grow."""
            return sum(
                count * (count + 2 * (held[place][label] - shares[place] * total)) / total
                for label, count in own.items()
                for total in (totals[label],)
            )

        place = min((each for each in shares if shares[each] > 0), key=worsening)
        held[place].update(own)
        dealt |= dict.fromkeys(keys, place)
    return dealt


def _draw(keys: Sequence[str], seed: int) -> str:
    return min(sha256(f"{key}:{seed}".encode()).hexdigest() for key in keys)
