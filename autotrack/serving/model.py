"""The model that is served: what it takes, what it can do, and what is known of it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from autotrack._version import __version__
from autotrack.crates.crate import Crate
from autotrack.entities import ModelVersion
from autotrack.errors import InvalidValueError
from autotrack.serving.requests.rows import ArgumentRows, FrameRows, FreeRows, Rows, rows_of
from autotrack.serving.responses import as_list, plain
from autotrack.serving.shortcut import takes_arrays

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Served:
    """A crate, as a server uses it.

    A function of one parameter is given the rows as a frame. One of several is called for each
    row, with its fields by name.

    Parameters
    ----------
    crate : Crate
        The loaded crate.
    uri : str
        What it was loaded from.
    version : ModelVersion, optional
        The registered version that it is.

    Attributes
    ----------
    rows : Rows
        What it takes.
    methods : tuple of str
        ``predict``, and ``predict_proba`` where there is one.
    joins : bool
        Whether the rows of several requests may be predicted together: a model looks at each row
        by itself, a function may do anything.

    Raises
    ------
    InvalidValueError
        If it has nothing to predict with.
    """

    def __init__(self, crate: Crate, uri: str, version: ModelVersion | None = None) -> None:
        self.crate = crate
        self.uri = uri
        self.version = version
        self.joins = not crate.is_function
        self._by_row = False
        self._block: FrameRows | None = None
        if crate.is_function:
            self.rows = self._rows_of_function()
            self.methods: tuple[str, ...] = ("predict",)
            return
        if not hasattr(crate.estimator, "predict"):
            raise InvalidValueError(
                f"{crate.manifest.estimator} has no predict, so there is nothing to serve; put it "
                "into a pipeline that ends in a model"
            )
        self.rows = rows_of(crate.manifest.schema)
        proba = hasattr(crate, "predict_proba")
        self.methods = ("predict", "predict_proba") if proba else ("predict",)

    def prepare(self) -> None:
        """See whether the model needs only the array inside a frame.

        It is for the process that predicts: a model that has predicted may have threads, which a
        fork does not take along.
        """
        if isinstance(self.rows, FrameRows) and self.rows.is_block and not self.crate.is_function:
            tried = self.rows.build([self.rows.example()] * 2)
            if takes_arrays(self.crate.estimator, tried, self.methods):
                self._block = self.rows

    def _rows_of_function(self) -> Rows:
        function = self.crate.isolated.function
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some that are written in C have none
            return FreeRows()
        needed = [each for each in parameters if each.default is each.empty]
        if len(needed) == 1 and needed[0].kind in _POSITIONAL:
            return rows_of(self.crate.manifest.schema)
        named = [each for each in parameters if each.kind in _BY_NAME]
        if not named or any(each not in named for each in needed):
            raise InvalidValueError(
                f"{self.crate.manifest.estimator} takes {inspect.signature(function)}, and the "
                "rows of a request reach one parameter as a frame, or several by their names"
            )
        self._by_row = True
        return ArgumentRows(named)

    def answer(self, method: str, rows: Sequence[Any]) -> list[Any]:
        """What the model says of each row, plainly."""
        if self._by_row:
            return [plain(self.crate.predict(**row)) for row in rows]
        if self._block is not None:
            block = self._block.array(rows)
            # What becomes of missing values, the contract of the crate says.
            if not np.isnan(block).any():
                return as_list(getattr(self.crate.estimator, method)(block))
        return as_list(getattr(self.crate, method)(self.rows.build(rows)))

    def classes(self) -> list[Any] | None:
        """What the columns of ``predict_proba`` stand for; of several outputs, a list for each."""
        outputs = getattr(self.crate.manifest, "outputs", {})
        known = outputs.get("predict_proba", {}).get("labels")
        if known is None and not self.crate.is_function:
            known = getattr(self.crate.estimator, "classes_", None)
        return None if known is None else as_list(list(known))

    def metadata(self) -> dict[str, Any]:
        """What is known of the model, without its data."""
        manifest, version = self.crate.manifest, self.version
        facts: dict[str, Any] = {
            "uri": self.uri,
            "kind": manifest.kind,
            "estimator": manifest.estimator,
            "run_id": manifest.run_id,
            "created": manifest.created,
            "python": manifest.python,
            "requirements": manifest.requirements,
            "preprocessing": manifest.preprocessing,
            "files": {file.path: file.size for file in manifest.files},
            "methods": list(self.methods),
            "packed_with": manifest.autotrack,
            "served_by": __version__,
        }
        if version is not None:
            facts["model"] = {
                "name": version.name,
                "version": version.version,
                "aliases": list(version.aliases),
                "description": version.description,
                "tags": dict(version.tags),
            }
        return facts
