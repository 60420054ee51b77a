"""One question to one model, in a process of its own: ``python -m autotrack.web.once``.

The question comes as JSON on the standard input and the answer goes as JSON to the standard output;
what the model prints goes elsewhere. The model is opened as everywhere: if the store packed it, or
somebody vouched for it when it was registered.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from autotrack.errors import AutotrackError

_MOST_FEATURES = 500
_MOST_CLASSES = 12


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a model says.

    Parameters
    ----------
    asked : mapping
        ``uri``, and ``row``: the cells of one row by the names of the columns, as texts. Without
        `row` the importances and coefficients of the model are told.
    """
    from autotrack.serving.model import Served
    from autotrack.serving.requests.bodies import Bodies
    from autotrack.serving.requests.input_errors import BadInputError
    from autotrack.tracking.api.search import load_model

    crate = load_model(asked["uri"])
    row: Mapping[str, str] | None = asked.get("row")
    if row is None:
        return {"weights": weights(crate.estimator)}
    served = Served(crate, asked["uri"])
    written = io.StringIO()
    csv.writer(written).writerows([row.keys(), row.values()])
    try:
        rows = Bodies(served.rows).read_csv(written.getvalue().encode())
        found: dict[str, Any] = {"predict": served.answer("predict", rows)[0]}
        if "predict_proba" in served.methods:
            found["proba"] = served.answer("predict_proba", rows)[0]
            found["classes"] = served.classes()
    except BadInputError as error:
        return {"problem": "; ".join(_told(problem) for problem in error.problems)}
    return found


def _told(problem: Any) -> str:
    # The first is the number of the row, of which there is one.
    place = ".".join(part for part in problem.place if isinstance(part, str) and part != "rows")
    return f"{place}: {problem.message}" if place else str(problem.message)


def weights(model: Any) -> list[dict[str, Any]]:
    """The importances and coefficients that a fitted model has, each with names of features."""
    whole: Any = getattr(model, "best_estimator_", model)
    last, names = whole, getattr(whole, "feature_names_in_", None)
    steps = getattr(whole, "steps", None)
    if steps:
        last, names = steps[-1][1], None
        try:
            names = whole[: len(steps) - 1].get_feature_names_out()
        except Exception:  # noqa: BLE001 - a step of the user's may have no names, or raise anything
            names = None
    found: list[dict[str, Any]] = []
    for attribute, title in (("feature_importances_", "importances"), ("coef_", "coefficients")):
        values = _rows_of(getattr(last, attribute, None))
        classes: Any = getattr(last, "classes_", None)
        for place, row in enumerate(values[:_MOST_CLASSES]):
            of = f" of {classes[place]}" if len(values) > 1 and _fits(classes, values) else ""
            known = names if names is not None and len(names) == len(row) else range(len(row))
            pairs = sorted(zip(map(str, known), row, strict=True), key=_size, reverse=True)
            found.append({"title": f"{title}{of}", "rows": pairs[:_MOST_FEATURES]})
    return found


def _rows_of(found: Any) -> Sequence[Sequence[float]]:
    import numpy as np

    if found is None:
        return []
    try:
        dense = found.toarray() if hasattr(found, "toarray") else found
        values = np.atleast_2d(np.asarray(dense, float))
    except (TypeError, ValueError):
        return []
    rows: list[list[float]] = values.tolist() if values.ndim == 2 else []
    return rows


def _fits(classes: Any, values: Sequence[Any]) -> bool:
    return classes is not None and len(classes) == len(values)


def _size(pair: tuple[str, float]) -> float:
    return abs(pair[1])


def main() -> None:
    """Answer the question on the standard input."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        found = answer(json.load(sys.stdin))
    except AutotrackError as error:
        found = {"problem": str(error)}
    except Exception as error:  # noqa: BLE001 - the model's own code may raise anything
        found = {"problem": f"{type(error).__name__}: {error}"}
    with out:
        json.dump(found, out, default=str)


if __name__ == "__main__":
    main()
