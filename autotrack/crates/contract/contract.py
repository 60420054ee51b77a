"""What a model takes: new data is held against what the training data looked like.

Order is mended silently and harmless casts are made. What no model can take is an error; what
training had nothing like is left to the model, which takes it with a warning or raises.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autotrack.crates.contract.columns import held_against, missing
from autotrack.crates.verification.replay import family_of
from autotrack.errors import ContractError
from autotrack.schema import ColumnSchema, DataSchema

# How many columns a message names.
_NAMED = 12


class Contract:
    """What a model was trained on, as far as new data can be held against it.

    Parameters
    ----------
    schema : DataSchema
        Of older crates it has only names and dtypes. Where nothing is known, everything is taken.
    unused : collection of str, optional
        Columns that the model does not look at: they may be missing and hold anything.
    """

    def __init__(self, schema: DataSchema, unused: frozenset[str] = frozenset()) -> None:
        self._kind = schema.kind
        self._shape = schema.shape
        self._dtype = schema.dtype
        self._columns = schema.columns
        self._unused = unused
        # Fields of an array in one dimension are part of its dtype, and no columns of a frame.
        flat = self._shape is not None and len(self._shape) == 1
        named = [(c.name, c) for c in self._columns if c.name is not None]
        is_named = len(named) == len(self._columns) > 0
        self._named = named if is_named and not (flat and self._kind.startswith("numpy.")) else []

    @functools.cached_property
    def _families(self) -> dict[str, str]:
        return {name: family_of(column.dtype, column.values) for name, column in self._named}

    def admit(self, X: Any, what: str) -> tuple[Any, list[str]]:
        """Mend what can be mended, and tell what training had nothing like.

        Parameters
        ----------
        X : data
            What is to be predicted for. It is not changed.
        what : str
            The model's name, for messages.

        Returns
        -------
        X : data
            What the model is to see: the very object, if there was nothing to mend.
        doubts : list of str
            What the model may take or not.

        Raises
        ------
        ContractError
            If no model could take it; it names every column in question.
        """
        if self._named:
            return self._admit_columns(X, what)
        if self._is_text():
            return self._admit_texts(X, what)
        if self._shape is not None and len(self._shape) == 2:
            return self._admit_array(X, what)
        return X, []

    # -- frames -----------------------------------------------------------------------------------

    def _admit_columns(self, X: Any, what: str) -> tuple[Any, list[str]]:
        doubts: list[str] = []
        frame = _as_frame(X, self._columns)
        if frame is None:
            frame, doubts = self._named_array(X, what), ["an array without column names"]
        if _is_arrow(frame) and not self._kind.startswith("pyarrow."):
            frame = frame.to_pandas()
        labels = {str(label): label for label in _labels(frame)}
        problems = self._problems_of_names(frame, labels)
        if problems:
            raise ContractError(self._told(what, problems), list(problems))
        names = [name for name, _ in self._named if name in labels]
        extra = [name for name in labels if name not in set(names)]
        if extra:
            doubts.append(f"columns that training did not have ({_listed(extra)}) were left out")
        if list(labels) != names:
            wanted = [labels[name] for name in names]
            frame = frame.select(wanted) if _is_arrow(frame) else frame[wanted]
        if type(frame).__module__.startswith("pandas"):
            frame = self._held_against(frame, labels, doubts, what)
        return frame, doubts

    def _problems_of_names(self, frame: Any, labels: Mapping[str, Any]) -> dict[str, str]:
        problems = {
            name: "is missing"
            for name, _ in self._named
            if name not in labels and name not in self._unused
        }
        if len(labels) < len(_labels(frame)):
            names = list(map(str, _labels(frame)))
            problems |= {name: "is there twice" for name in names if names.count(name) > 1}
        return problems

    def _held_against(
        self, frame: Any, labels: Mapping[str, Any], doubts: list[str], what: str
    ) -> Any:
        problems: dict[str, str] = {}
        mended: dict[Any, Any] = {}
        plain = self._plain(frame, doubts)
        for name, column in self._named:
            if name in self._unused or name not in labels or name in plain:
                continue
            series = frame[labels[name]]
            verdict = held_against(series, column)
            if verdict.problem:
                problems[name] = verdict.problem
            elif verdict.values is not series:
                mended[labels[name]] = verdict.values
            doubts += [f"{name}: {doubt}" for doubt in verdict.doubts]
        if problems:
            raise ContractError(self._told(what, problems), list(problems))
        if not mended:
            return frame
        frame = frame.copy(deep=False)
        for label, values in mended.items():
            frame[label] = values
        return frame

    def _plain(self, frame: Any, doubts: list[str]) -> frozenset[str]:
        """The columns of plain numbers, where training had numbers: all are looked at in one go."""
        kinds = [getattr(dtype, "kind", "O") for dtype in frame.dtypes.tolist()]
        columns = [(name, c) for name, c in self._named if name not in self._unused]
        if set(kinds) - set("iuf") or any(self._families[n] != "number" for n, _ in columns):
            return frozenset()
        gaps = np.isnan(frame.to_numpy()).sum(axis=0).tolist() if "f" in kinds else [0] * len(kinds)
        found = dict(zip(map(str, frame.columns.tolist()), gaps, strict=True))
        for name, column in columns:
            count = found.get(name, 0)
            if count and column.nulls is False:
                doubts.append(f"{name}: {missing(count)}")
        return frozenset(found)

    def _named_array(self, X: Any, what: str) -> Any:
        import pandas

        values = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
        names = [name for name, _ in self._named]
        if getattr(values, "ndim", 0) != 2 or values.shape[1] != len(names):
            raise ContractError(
                f"{what} takes a DataFrame with the columns {_listed(names)}, not "
                f"{_looks(values)}; give these columns by name",
                names,
            )
        if hasattr(values, "toarray"):
            values = values.toarray()
        return pandas.DataFrame(values, columns=names)

    def _told(self, what: str, problems: Mapping[str, str]) -> str:
        told = "; ".join(f"column {name!r} {text}" for name, text in problems.items())
        names = [name for name, _ in self._named]
        return f"{what} cannot predict for this: {told}. It was trained on {_listed(names)}"

    # -- texts and arrays -------------------------------------------------------------------------

    def _is_text(self) -> bool:
        dtypes = [column.dtype for column in self._columns]
        return self._shape is not None and len(self._shape) == 1 and dtypes in (["str"], ["object"])

    def _admit_texts(self, X: Any, what: str) -> tuple[Any, list[str]]:
        if isinstance(X, str):
            raise ContractError(f"{what} takes a list of texts; write [{X!r:.40}]", [])
        if getattr(X, "ndim", 1) != 1:
            raise ContractError(f"{what} takes a list of texts, not {_looks(X)}", [])
        return X, []

    def _admit_array(self, X: Any, what: str) -> tuple[Any, list[str]]:
        width = self._shape[1]  # type: ignore[index]
        values = _as_array(X)
        if getattr(values, "ndim", None) != 2:
            hint = ""
            if getattr(values, "ndim", None) == 1:
                hint = "; a single row is X.reshape(1, -1), or [[...]] as a list"
            raise ContractError(
                f"{what} takes rows of {width} numbers, not {_looks(values)}{hint}", []
            )
        if values.shape[1] != width:
            # A few models do not mind; all others raise.
            return values, [f"{values.shape[1]} columns, where training had {width}"]
        if not isinstance(values, np.ndarray) or np.dtype(self._numbers()).kind not in "iuf":
            return values, []
        if values.dtype.kind not in "biufc":
            values = _as_numbers(values, what)
        return values, self._gaps(values)

    def _numbers(self) -> str:
        try:
            return np.dtype(self._dtype or "object").name
        except (TypeError, ValueError):
            return "object"

    def _gaps(self, values: Any) -> list[str]:
        if values.dtype.kind != "f" or not self._columns:
            return []
        found = np.isnan(values).any(axis=0).tolist()
        facts = zip(found, self._columns, strict=False)
        new = [str(i) for i, (gap, c) in enumerate(facts) if gap and c.nulls is False]
        return [f"column {_listed(new)}: gaps, where training had none"] if new else []


def unused_columns(model: Any) -> frozenset[str]:
    """The columns that a fitted model leaves out before it looks at anything."""
    try:
        return frozenset(_unused(model))
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        return frozenset()


def _unused(model: Any) -> Iterator[str]:
    steps = getattr(model, "steps", None)
    first = steps[0][1] if isinstance(steps, list) and steps else model
    names = getattr(first, "feature_names_in_", None)
    places = getattr(first, "_transformer_to_input_indices", None)
    if names is None or not isinstance(places, dict):
        return
    used: set[int] = set()
    for name, transformer, _ in first.transformers_:
        if not (isinstance(transformer, str) and transformer == "drop"):
            used.update(places.get(name, ()))
    yield from (str(name) for place, name in enumerate(names) if place not in used)


def _as_frame(X: Any, columns: Sequence[ColumnSchema]) -> Any:
    """A frame as it is, rows given as dicts as one; None for what has no names."""
    import pandas

    if hasattr(X, "columns"):
        return X
    if isinstance(X, pandas.Series) and not isinstance(X.index, pandas.RangeIndex):
        return X.to_frame().T.infer_objects()
    if isinstance(X, Mapping):
        scalars = not any(isinstance(v, list | tuple) or hasattr(v, "shape") for v in X.values())
        X = [X] if scalars else pandas.DataFrame(X)
    if isinstance(X, list | tuple) and X and isinstance(X[0], Mapping):
        X = pandas.DataFrame(list(X))
    return X if hasattr(X, "columns") else None


def _is_arrow(X: Any) -> bool:
    """Whether it is a table of pyarrow, whose `columns` are the values and no names."""
    return type(X).__module__.startswith("pyarrow.") and hasattr(X, "column_names")


def _labels(frame: Any) -> list[Any]:
    return list(frame.column_names if _is_arrow(frame) else frame.columns)


def _as_array(X: Any) -> Any:
    if hasattr(X, "columns") and hasattr(X, "to_numpy"):
        return X.to_numpy()
    return np.asarray(X) if isinstance(X, list | tuple) else X


def _as_numbers(values: Any, what: str) -> Any:
    if values.dtype.kind == "O":
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError):
            pass
    held = next((v for v in values.ravel().tolist() if isinstance(v, str)), None)
    told = f", such as {held!r:.40}" if held is not None else ""
    raise ContractError(f"{what} takes numbers, and this holds what is none{told}", [])


def _looks(values: Any) -> str:
    shape = getattr(values, "shape", None)
    return f"a {type(values).__name__}" + (f" of shape {tuple(shape)}" if shape else "")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
