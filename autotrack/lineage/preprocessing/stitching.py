"""Transformers outside of a model, and the model, as one pipeline that takes raw data.

It is made of the very objects that the user fitted. It is kept only if it can be shown to do what
the user did: each transformer, asked again, gives for rows of its input the rows that the next one,
or the model, was trained on; and the pipeline predicts for raw rows what the model predicts for
these.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from autotrack.crates.packing.pack import runs_own_code
from autotrack.crates.verification.example import untouched
from autotrack.lineage.preprocessing.outside_transformers import Stage
from autotrack.lineage.values.rows import is_sparse, take_rows
from autotrack.tracking.facts import Stitched

# Rows by which it is shown.
_PROBES = 50
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
_METHODS = ("predict", "predict_proba", "transform", "score_samples")


class _DoubtError(Exception):
    """Why a pipeline is not sure to do what the user did."""


def stitch(model: Any, X: Any, stages: Sequence[Stage], *, asks_own: bool = False) -> Stitched:
    """The pipeline of `stages`, first applied first, and `model`, which was trained on `X`.

    Parameters
    ----------
    model, X : estimator, data
        The model, and what it was trained on.
    stages : sequence of Stage
        The transformers outside of it.
    asks_own : bool
        Whether what has code of the user's own in it may be asked.

    Returns
    -------
    Stitched
        With the pipeline and its input; or, where it cannot be shown to do the same, the reason.
    """
    try:
        return _stitched(model, X, stages, asks_own)
    except _DoubtError as doubt:
        return Stitched(reason=str(doubt))
    except Exception as error:  # noqa: BLE001 - whatever a transformer raises, asked again
        return Stitched(reason=f"{type(error).__name__}: {error}")


def _stitched(model: Any, X: Any, stages: Sequence[Stage], asks_own: bool) -> Stitched:
    for stage in stages:
        if stage.reason:
            raise _DoubtError(stage.reason)
        gone = [
            what
            for what, held in (
                ("itself", stage.transformer),
                ("its input", stage.source),
                ("its output", stage.output),
            )
            if held is None
        ]
        if gone:
            raise _DoubtError(f"of {stage.name}, {' and '.join(gone)} no longer exists")
    asked = [model, *(stage.transformer for stage in stages)]
    if not asks_own and any(map(runs_own_code, asked)):
        raise _DoubtError(
            "it is shown to do the same by asking it, and there is code of yours in it; "
            "enable(ask_own_models=True) has it asked"
        )
    if getattr(model, "warm_start", False):
        raise _DoubtError("the model may be trained further, without the pipeline")
    transformers = [stage.transformer for stage in stages]
    with untouched(model):
        takers = [*(stage.source for stage in stages[1:]), X]
        for place, (stage, taken) in enumerate(zip(stages, takers, strict=True)):
            transformers[place] = _shown(stage, taken)
        pipeline = make_pipeline(*transformers, model)
        _show_whole(pipeline, model, stages)
    return Stitched(pipeline, stages[0].source)


def _shown(stage: Stage, taken: Any) -> Any:
    """The transformer, shown to give what `taken`, which comes from its output, is made of."""
    rows = _probes(stage.source)
    before, then = take_rows(stage.source, rows), take_rows(stage.output, rows)
    if not _same(stage.transformer.transform(before), then):
        raise _DoubtError(
            f"{stage.name} does not transform its training data to what it returned then"
        )
    if _kind(taken) == _kind(stage.output):
        return stage.transformer
    # A frame made of an array: the transformer can make it itself, if the names are those.
    if hasattr(taken, "columns") and isinstance(stage.output, np.ndarray):
        if all(not isinstance(name, str) for name in taken.columns):
            return stage.transformer
        framing = copy.copy(stage.transformer).set_output(transform="pandas")
        if list(framing.transform(before).columns) == list(taken.columns):
            return framing
    if hasattr(stage.output, "columns") and isinstance(taken, np.ndarray):
        framing = copy.copy(stage.transformer).set_output(transform="default")
        if isinstance(framing.transform(before), np.ndarray):
            return framing
    raise _DoubtError(f"what {stage.name} returned became a {type(taken).__name__} of another kind")


def _show_whole(pipeline: Any, model: Any, stages: Sequence[Stage]) -> None:
    """Show that the pipeline predicts for raw rows what the model predicts for transformed ones."""
    method = next((name for name in _METHODS if hasattr(model, name)), None)
    if method is None:
        raise _DoubtError(f"{type(model).__name__} has nothing by which it could be shown")
    raw = take_rows(stages[0].source, _probes(stages[0].source))
    transformed = raw
    for _, transformer in pipeline.steps[:-1]:
        transformed = transformer.transform(transformed)
    expected = getattr(model, method)(transformed)
    if not _same(getattr(pipeline, method)(raw), expected):
        raise _DoubtError("the pipeline predicts otherwise than the model")
    if len(stages) == 1:
        held = take_rows(stages[0].output, _probes(stages[0].output))
        if hasattr(held, "columns") == hasattr(transformed, "columns") and not _same(
            getattr(model, method)(held), expected
        ):
            raise _DoubtError("the pipeline predicts otherwise than the model")


def _probes(data: Any) -> Any:
    count = data.shape[0] if hasattr(data, "shape") else len(data)
    return np.unique(np.linspace(0, count - 1, _PROBES, dtype=np.intp))


def _kind(data: Any) -> tuple[Any, ...]:
    """What of a container a transformer or model may go by, beside the numbers."""
    if hasattr(data, "columns"):
        return "frame", type(data).__module__.partition(".")[0], list(map(str, data.columns))
    return ("sparse",) if is_sparse(data) else ("array",)


def _same(left: Any, right: Any) -> bool:
    one, other = _dense(left), _dense(right)
    if one.shape != other.shape:
        return False
    if one.dtype.kind in "biuf" and other.dtype.kind in "biuf":
        return bool(np.allclose(one, other, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))
    # Texts and objects, gaps among them.
    return all(
        a == b or (a != a and b != b)  # noqa: PLR0124 - only NaN is not itself
        for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
    )


def _dense(data: Any) -> Any:
    return data.toarray() if is_sparse(data) else np.asarray(data)
