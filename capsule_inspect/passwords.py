"""Keeping passwords out of what is shown or stored."""

import re

_IN_ADDRESS = re.compile(r"(://[^:/@\s]*:).*@")
_IN_QUERY = re.compile(
    r"([?&](?:\w*password|passwd|pwd|token|secret|odbc_connect)=)[^&\s'\"]*", re.I
)


def mask_passwords(text: str) -> str:
    """Replaces the passwords of all URLs in a text by `***`."""
    return _IN_QUERY.sub(r"\1***", _IN_ADDRESS.sub(r"\1***@", text))
