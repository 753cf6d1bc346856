"""The reference of the API: its bodies and answers in OpenAPI, and the page that shows them."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypedDict

from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel

from capsule_inspect.serving.answers import CSV, JSON, NDJSON, PICTURES
from capsule_inspect.serving.problems import PROBLEM_JSON


class Health(BaseModel):
    """The state of the server."""

    status: Literal["live", "ready"]


class Problem(BaseModel):
    """A problem document, as RFC 9457 defines it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str


class Response(TypedDict, total=False):
    """An answer as OpenAPI describes it."""

    description: str
    content: dict[str, Any]
    headers: dict[str, Any]


_MEANINGS: Final[Mapping[int, str]] = {
    400: "The request is malformed.",
    401: "The token is missing or wrong.",
    403: "A page of another site sent the request.",
    406: "There is no answer in a form that the client accepts.",
    408: "The request did not arrive in time.",
    413: "The request is too large.",
    415: "The body is neither a form nor a picture.",
    422: "The only picture cannot be read.",
    503: "The queue is full, or the server shuts down.",
}

_RETRY = {
    "Retry-After": {"description": "Seconds until to try again.", "schema": {"type": "integer"}}
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the error answers of a route; every route can be refused for its host."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {PROBLEM_JSON: {"schema": Problem.model_json_schema()}},
            **({"headers": _RETRY} if status == 503 else {}),
        }
        for status in sorted({400, *statuses})
    }


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_SENT_PICTURES = ("png", "jpeg", "webp", "tiff", "bmp", "avif", "x-portable-anymap")

INSPECT_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "description": "Pictures as files, in parts of any name.",
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                        }
                    },
                    "additionalProperties": {"type": "string", "format": "binary"},
                    "required": ["file"],
                }
            },
            **{f"image/{name}": _BINARY for name in _SENT_PICTURES},
        },
    }
}
"""The body of `/v1/inspect`."""

_ROW = {
    "type": "object",
    "description": "A row of predictions.csv, as `predict --json` prints it.",
    "required": ["path", "capsule", "status", "label", "confidence", "defect_score", "threshold"],
    "properties": {
        "path": {"type": "string"},
        "status": {"enum": ["ok", "no_capsule", "error"]},
        "label": {"type": "string"},
        "defect_score": {"type": ["number", "null"]},
        "decision": {"enum": ["accept", "review", "reject", ""]},
    },
}
_RUNS = {
    "type": ["object", "null"],
    "description": "A mask as COCO's uncompressed run lengths, down the columns.",
    "properties": {
        "size": {"type": "array", "items": {"type": "integer"}},
        "counts": {"type": "array", "items": {"type": "integer"}},
    },
}
_RESULTS = {
    "type": "object",
    "required": ["model", "threshold", "rows"],
    "properties": {
        "model": {"type": "string", "description": "SHA-256 of the model's flatbuffer."},
        "threshold": {"type": "number"},
        "rows": {"type": "array", "items": _ROW},
        "files": {
            "type": "object",
            "description": "Overlays and masks in base64, by the names that the rows give them.",
            "additionalProperties": {"type": "string", "format": "byte"},
        },
        "masks": {"type": "array", "description": "One per row.", "items": _RUNS},
    },
}

INSPECT_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The rows; or as a picture, the overlay of the only one.",
        "content": {
            JSON: {"schema": _RESULTS},
            NDJSON: {"schema": {"type": "string", "description": "A row a line."}},
            CSV: {"schema": {"type": "string", "description": "As predictions.csv."}},
            **dict.fromkeys(PICTURES, _BINARY),
        },
    }
}
"""The answers of `/v1/inspect` that are no errors."""


@cache
def _template() -> Any:
    # Autoescaped: descriptions are text.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = files("capsule_inspect.serving") / "page" / "reference.html"
    return environment.from_string(source.read_text(encoding="utf-8"))


def render(document: Mapping[str, Any]) -> str:
    """Returns the page that shows an OpenAPI document."""
    return str(_template().render(api=document))
