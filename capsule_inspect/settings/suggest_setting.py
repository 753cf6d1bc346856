"""Guessing which setting a person meant by a key that does not exist."""

from capsule_inspect.settings.dotted import keys, keys_named
from capsule_inspect.settings.settings import Settings
from capsule_inspect.suggest import closest, suggest


def suggest_setting(key: str) -> str:
    """Returns a sentence, with a space before it, that names what was meant, or nothing.

    In a group that exists it is a neighbour, or all of them where none is alike.

    Args:
        key: What was written, such as `train.epoch` or `epochs`.
    """
    settings = Settings()
    known = [*keys(settings), "experiment"]
    group, _, name = key.rpartition(".")
    if not group and (alike := keys_named(settings, name)):
        return f" Did you mean {' or '.join(repr(each) for each in alike)}?"
    if group not in known:
        return suggest(key, known)
    members = [each.rpartition(".")[2] for each in known if each.rpartition(".")[0] == group]
    meant = closest(name, members)
    return f" Did you mean '{group}.{meant}'?" if meant else f" {group} has {', '.join(members)}."
