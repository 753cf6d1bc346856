"""What the shell completes: names of settings, the options of their groups, and splits."""

import typer

from capsule_inspect.settings.dotted import keys
from capsule_inspect.settings.settings import Settings


def complete_setting(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes `KEY=VALUE`: a key, or the option of a group such as `model=`.

    Bash takes `=` for a word of its own and wants what follows it alone, and Typer keeps a final
    `=` from us; so a group's name without a value is taken for one that waits for it. For any other
    empty word nothing is offered, so that the shell offers files.

    Args:
        ctx: What was typed before, taken apart.
        incomplete: The word typed so far.
    """
    settings = ctx.params.get("overrides") or ()
    before = [*settings, *(ctx.params.get("inputs") or ())]
    if len(before) > 1 and before[-1] == "=":
        return _options(before[-2], incomplete)
    if not incomplete:
        return _options(settings[-1], "") if settings else []
    group, equals, option = incomplete.partition("=")
    if equals:
        return [f"{group}={name}" for name in _options(group, option)]
    return [f"{key}=" for key in _settable() if key.startswith(incomplete)]


def complete_split(incomplete: str) -> list[str]:
    """Completes the name of a split, or `all`."""
    from capsule_inspect.dataset.sample import SPLITS

    return [name for name in (*SPLITS, "all") if name.startswith(incomplete)]


def _options(group: str, start: str) -> list[str]:
    from capsule_inspect.config_folders import config_folders, group_options

    return [name for name in group_options(group, config_folders()) if name.startswith(start)]


def _settable() -> list[str]:
    """Returns the keys that take a value: plain settings, and groups with options."""
    known = ["experiment", *keys(Settings())]
    inner = {key.rpartition(".")[0] for key in known}
    return [key for key in known if "." not in key or key not in inner]
