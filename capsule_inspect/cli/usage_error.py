"""What is said of a command line that Typer cannot take apart."""

import re
from typing import Any

from capsule_inspect.settings.dotted import keys_named
from capsule_inspect.settings.settings import Settings
from capsule_inspect.suggest import suggest

_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<known>'.*')")


def describe_usage_error(error: Any) -> str:
    """Returns a sentence on what is wrong, what was probably meant, and where to read more.

    Args:
        error: What Typer raised.
    """
    command = error.ctx.command_path if error.ctx else "capsule-inspect"
    return f"{_what_is_wrong(error)} See {command} -h."


def _what_is_wrong(error: Any) -> str:
    if hasattr(error, "possibilities") and hasattr(error, "option_name"):
        return f"There is no option {error.option_name}.{_meant(error)}"
    said: str = error.format_message().replace("Value error, ", "")
    said = said if said.endswith((".", "?")) else f"{said}."
    choice = _CHOICE.search(said)
    if choice:
        said += suggest(choice["given"], re.findall(r"'([^']*)'", choice["known"]))
    return said


def _meant(error: Any) -> str:
    """Tells which option, or which setting, was probably meant by one that there is not."""
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else []
    name = error.option_name.lstrip("-")
    settings = keys_named(Settings(), name.replace("-", "_"))
    if settings and any(parameter.name in {"overrides", "inputs"} for parameter in parameters):
        written = " or ".join(f"{key}=VALUE" for key in settings)
        return f" It is a setting: write {written}, without dashes."
    options = (option for parameter in parameters for option in parameter.opts)
    return suggest(error.option_name, (o for o in options if o.startswith("--") and o != "--help"))
