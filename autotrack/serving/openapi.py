"""What OpenAPI says of the routes, and the page that shows it without another host's help."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from autotrack.serving.model import Served

#: Where the page's own files are served.
ASSETS = "/docs/assets"


def assets() -> Path:
    """The folder with Swagger's files, out of a wheel that carries them.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    """
    # Only looked up: importing it would change nothing here, and its FastAPI is not needed.
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'fastapi_offline'", name="fastapi_offline")
    return Path(found.origin).with_name("static")


def page(title: str, root: str = "") -> HTMLResponse:
    """The documentation, to be tried out."""
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title=title,
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
        # Else the page shows a badge of a validator on the internet.
        swagger_ui_parameters={"validatorUrl": None},
    )


def route(served: Served, method: str) -> dict[str, Any]:
    """Body and answers of ``/predict`` and ``/predict_proba``, for FastAPI's `openapi_extra`."""
    row, example = served.rows.document(), served.rows.example()
    rows = {"type": "array", "items": row, "title": "Rows"}
    body = {
        "anyOf": [
            {
                "type": "object",
                "title": "Body",
                "properties": {"rows": rows},
                "required": ["rows"],
                "additionalProperties": False,
            },
            rows,
        ]
    }
    answer: dict[str, Any] = {"predictions": {"type": "array", "items": _output(served, method)}}
    if method == "predict_proba":
        answer["classes"] = {"type": "array", "items": {}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": body, "example": {"rows": [example]}},
                "text/csv": {"schema": {"type": "string"}, "example": _csv(served)},
            },
        },
        "responses": {
            "200": _answered("What the model says of each row", answer, list(answer)),
            **failures(),
        },
    }


def invocations(served: Served) -> dict[str, Any]:
    """Body and answers of ``/invocations``."""
    example = served.rows.example()
    examples: dict[str, Any] = {"instances": {"value": {"instances": [example]}}}
    if isinstance(example, dict):
        split = {"columns": list(example), "data": [list(example.values())]}
        examples = {
            "dataframe_split": {"value": {"dataframe_split": split}},
            "dataframe_records": {"value": {"dataframe_records": [example]}},
            "inputs": {"value": {"inputs": {name: [each] for name, each in example.items()}}},
            **examples,
        }
    answer = {"predictions": {"type": "array", "items": _output(served, "predict")}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object"}, "examples": examples},
                "text/csv": {"schema": {"type": "string"}, "example": _csv(served)},
            },
        },
        "responses": {
            "200": _answered("What the model says of each row", answer, ["predictions"]),
            **failures(),
        },
    }


def failures() -> dict[str, Any]:
    """The answers to requests that fail."""
    problem = {
        "type": "object",
        "properties": {
            "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
            "msg": {"type": "string"},
            "type": {"type": "string"},
        },
    }
    problems = {"type": "array", "items": problem}
    return {
        "422": _answered("The rows cannot be used; row and field are named", {"detail": problems}),
        "403": _answered("Host or Origin is another's", {"detail": {"type": "string"}}),
        "415": _answered("The body is neither JSON nor CSV", {"detail": {"type": "string"}}),
        "413": _answered("The body is too large", {"detail": {"type": "string"}}),
        "503": _answered("Too many requests are waiting", {"detail": {"type": "string"}}),
    }


def _answered(description: str, properties: dict[str, Any], needed: Any = ()) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(needed)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _output(served: Served, method: str) -> dict[str, Any]:
    output = getattr(served.crate.manifest, "outputs", {}).get(method, {})
    dtype = str(output.get("dtype", ""))
    if method == "predict_proba":
        return {"type": "array", "items": {"type": ["number", "null"]}}
    kinds = {"float": ["number", "null"], "int": ["integer"], "bool": ["boolean"]}
    known = next((types for start, types in kinds.items() if dtype.startswith(start)), None)
    return {} if known is None or len(output.get("shape", ())) != 1 else {"type": known}


def _csv(served: Served) -> str:
    example = served.rows.example()
    if not isinstance(example, dict):
        example = dict(enumerate(example if isinstance(example, list) else [example]))
    return "\n".join(",".join(map(str, line)) for line in (example, example.values())) + "\n"
