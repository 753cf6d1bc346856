"""What the shell completes: names of settings, and the files that groups of them can be."""

from capsule_inspect.dotted import keys
from capsule_inspect.settings import Settings


def complete_setting(incomplete: str) -> list[str]:
    """Completes `KEY=VALUE`: a key, or the option of a group such as `model=`.

    Nothing is offered for an empty word, so that the shell offers files.

    Args:
        incomplete: What is typed so far.
    """
    if not incomplete:
        return []
    group, equals, _ = incomplete.partition("=")
    if equals:
        from capsule_inspect.compose import group_options

        offered = [f"{group}={option}" for option in group_options(group)]
    else:
        offered = [f"{key}=" for key in keys(Settings())]
    return [text for text in offered if text.startswith(incomplete)]


def complete_split(incomplete: str) -> list[str]:
    """Completes the name of a split, or `all`."""
    from capsule_inspect.dataset.manifest import SPLITS

    return [name for name in (*SPLITS, "all") if name.startswith(incomplete)]
