"""Pictures of one part, which share a split and a fold."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from capsule_inspect.dataset.manifest import Sample


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
    labels: Mapping[str, str], parts: Mapping[str, str], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Deals whole parts to places, each class as close to the shares as parts allow.

    The largest parts come first; each goes where its classes lack most.

    Args:
        labels: Label of each distinct picture, by its sha256.
        parts: Part of each of them.
        shares: The share of each place; they sum to 1.
        seed: Any whole number; another seed gives another division.

    Returns:
        The place of each picture, by the same key.
    """
    members: dict[str, list[str]] = {}
    for key in labels:
        members.setdefault(parts[key], []).append(key)
    totals = Counter(labels.values())
    held = {place: Counter[str]() for place in shares}
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
