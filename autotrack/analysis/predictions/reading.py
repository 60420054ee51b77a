"""The predictions that runs have kept, as frames and as what metrics take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack.analysis.predictions.files import OUT_OF_FOLD, WHY_NOT_TAG, kept_parts
from autotrack.describe.metrics import Metric, metric_of
from autotrack.entities import RunRecord
from autotrack.errors import ArtifactNotFoundError, InvalidValueError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.nearest import nearest
from autotrack.store.predictions.evaluation import CANDIDATE, GROUP, ROW, SPLIT, TRUTH, Array, Kept
from autotrack.store.search.query import Query
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

#: A column of probabilities or decisions that a score on held-out data was computed from.
SCORE = "y_score"
# Options of metrics that have a value for each row of the data.
_BY_ROW = ("sample_weight", "sample_domain", "sensitive_features")


@dataclass(frozen=True, slots=True)
class Table:
    """Kept predictions of one data set.

    Attributes
    ----------
    data : str
        ``out_of_fold``, or what the held-out data is called.
    columns : dict of str to array
    classes : sequence
    """

    data: str
    columns: dict[str, Array]
    classes: Sequence[Any]

    def __len__(self) -> int:
        return len(self.columns[ROW])

    @property
    def is_out_of_fold(self) -> bool:
        """Whether cross-validation made it."""
        return self.data == OUT_OF_FOLD

    def where(self, chosen: Array) -> Table:
        """Some of its rows, by place or by mask."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        return Table(self.data, columns, self.classes)

    def splits(self) -> Iterator[tuple[int, Table]]:
        """The test part of each split."""
        if SPLIT not in self.columns:
            yield 0, self
            return
        for split in np.unique(self.columns[SPLIT]):
            yield int(split), self.where(self.columns[SPLIT] == split)

    def candidates(self) -> Iterator[tuple[int, Table]]:
        """The predictions of each candidate; of one that has none, none."""
        for number in np.unique(self.columns[CANDIDATE]):
            yield int(number), self.where(self.columns[CANDIDATE] == number)

    @property
    def strata(self) -> Array:
        """The split of each row."""
        found = self.columns.get(SPLIT)
        return np.zeros(len(self), dtype=np.int64) if found is None else found

    @property
    def groups(self) -> Array | None:
        """The group of each row, where groups were given."""
        return self.columns.get(GROUP)

    def truth(self) -> Array:
        """The truth, with a column for each output if there are several.

        Raises
        ------
        InvalidValueError
            If there was none, as in clustering.
        """
        return _matrix(self.columns, TRUTH, f"the predictions of {self.data} have no truth")

    def kinds(self) -> list[str]:
        """The predictions that there are, without the names of classes."""
        about = (CANDIDATE, SPLIT, ROW, GROUP)
        return [n for n in self.columns if n not in about and not n.startswith(TRUTH)]

    def response(self, metric: Metric) -> Array:
        """What `metric` is given as a prediction, as scikit-learn's scorers do.

        Of two classes it is the column of the positive one.

        Raises
        ------
        InvalidValueError
            If no such prediction was made.
        """
        for wanted in metric.responses:
            found = self._response(wanted, metric)
            if found is not None:
                return found
        if SCORE in self.columns and "predict" not in metric.responses:
            if metric.responses == ("predict_proba",) and not _are_chances(self.columns[SCORE]):
                raise InvalidValueError(
                    f"{metric.name} takes probabilities, and the kept {SCORE} is decisions "
                    "beyond 0 to 1; score the probabilities of the model, as predict_proba(X)[:, 1]"
                )
            return self.columns[SCORE]
        have = ", ".join(self.kinds())
        raise InvalidValueError(
            f"{metric.name} takes {' or '.join(metric.responses)}, and what was predicted is "
            f"{have}: only what an evaluation computed is kept. Have it compute a score that takes "
            'the other, as in scoring=["accuracy", "roc_auc"]'
        )

    def _response(self, wanted: str, metric: Metric) -> Array | None:
        if wanted == "predict":
            try:
                return _matrix(self.columns, wanted, "")
            except InvalidValueError:
                return None
        if wanted in self.columns:  # decisions between two classes
            values = self.columns[wanted]
            return -values if self._positive(metric) == 0 else values
        names = [f"{wanted}_{label}" for label in self.classes]
        names = [name for name in names if name in self.columns]
        held = {name: self.columns[name] for name in names if not _is_empty(self.columns[name])}
        if not held:
            return None
        if len(self.classes) == 2 and len(held) == 2:
            return held[names[self._positive(metric)]]
        return np.column_stack(list(held.values()))

    def _positive(self, metric: Metric) -> int:
        label = metric.options.get("pos_label")
        if label is None:
            return 1
        if label not in self.classes:
            raise InvalidValueError(
                f"pos_label={described(label)} is none of the classes {list(self.classes)}"
            )
        return list(self.classes).index(label)

    def value(self, metric: Metric) -> float:
        """The value of a metric on these rows; options with a value for each row are cut to them.

        Raises
        ------
        InvalidValueError
            If the metric cannot be computed from what is kept.
        """
        return metric(self.truth(), self.response(metric), **self.options(metric))

    def options(self, metric: Metric) -> dict[str, Any]:
        """The options of a metric that have a value for each row of the data, of these rows."""
        rows = self.columns[ROW]
        return {
            name: np.asarray(value)[rows]
            for name, value in metric.options.items()
            if name in _BY_ROW and np.ndim(value) == 1 and len(value) > rows.max(initial=-1)
        }

    def scores(self, metric: Metric) -> dict[int, float]:
        """The value of a metric on each split."""
        return {split: part.value(metric) for split, part in self.splits()}


def _are_chances(values: Array) -> bool:
    return values.dtype.kind not in "biuf" or bool(np.all((values >= 0) & (values <= 1)))


def _is_empty(values: Array) -> bool:
    return values.dtype.kind == "f" and bool(np.isnan(values).all())


def _matrix(columns: dict[str, Array], name: str, otherwise: str) -> Array:
    if name in columns:
        return columns[name]
    found: list[Array] = []
    while f"{name}_{len(found)}" in columns:
        found.append(columns[f"{name}_{len(found)}"])
    if not found:
        raise InvalidValueError(otherwise)
    return np.column_stack(found)


def is_of(name: str, data: str) -> bool:
    """Whether a table is of this data; what was predicted for it again is in `test.2`."""
    return name == data or (name.startswith(f"{data}.") and name[len(data) + 1 :].isdigit())


def tables_of(store: Store, record: RunRecord) -> list[Table]:
    """Everything a run has kept, out-of-fold predictions first.

    Raises
    ------
    ArtifactNotFoundError
        If it has kept none; the message says how to have them kept.
    """
    home = record.run_id
    if record.kind == "candidate" and record.parent_id is not None:
        home = record.parent_id
    found = [_table(name, kept) for name, kept in kept_parts(store, home)]
    if record.kind == "candidate":
        number = int(record.metrics.get("index", -1))
        found = [
            table.where(table.columns[CANDIDATE] == number)
            for table in found
            if CANDIDATE in table.columns
        ]
        found = [table for table in found if len(table)]
    if not found:
        tag = store.get_run(home).tags.get(WHY_NOT_TAG)
        raise ArtifactNotFoundError(
            f"run {record.run_id} has kept no predictions"
            + (f" ({tag})" if tag else "")
            + "; enable(keep_predictions=True), or `with autotrack.keep_predictions():` around the "
            "call, has them kept"
        )
    return sorted(found, key=lambda table: (not table.is_out_of_fold, table.data))


def table_of(store: Store, record: RunRecord, data: str | None) -> Table:
    """The predictions of one data set.

    Raises
    ------
    ArtifactNotFoundError
        If the run has kept none.
    InvalidValueError
        If it has those of several, or none of `data`.
    """
    found = tables_of(store, record)
    names = [table.data for table in found]
    if data is None:
        if len(found) == 1 or found[0].is_out_of_fold:
            return found[0]
        raise InvalidValueError(
            f"there are predictions of several data sets; data={'|'.join(names)}"
        )
    for table in found:
        if table.data == data:
            return table
    raise InvalidValueError(f"there are no predictions of {data!r}; " + nearest(data, names))


def of_one(store: Store, record: RunRecord, data: str | None) -> Table:
    """The predictions of one model, or of one candidate: the best one of a search.

    Raises
    ------
    ArtifactNotFoundError, InvalidValueError
        As :func:`table_of`.
    """
    table = table_of(store, record, data)
    if record.kind == "search" and CANDIDATE in table.columns:
        number = int(record.metrics.get("best_index", -1))
        known = np.unique(table.columns[CANDIDATE])
        if number not in known:
            raise InvalidValueError(
                "the search has named no best candidate; choose one by run.select(), or its "
                "run_id in run.children()"
            )
        return table.where(table.columns[CANDIDATE] == number)
    return table


def candidate_ids(store: Store, run_id: str) -> dict[int, tuple[str, str]]:
    """Run id and name of each candidate of a search, by its number."""
    rows = store.search(Query(parent_id=run_id, kinds=("candidate",), order_by=("start_time",)))
    return {
        int(row.metrics["index"]): (row.run_id, row.name) for row in rows if "index" in row.metrics
    }


def named_metric(
    metric: Any, options: Mapping[str, Any], response: str | None, name: str | None
) -> Metric:
    """The metric that a user means, by the name they give it."""
    found = metric_of(metric, options, response)
    return found if name is None else replace(found, name=name)


def frame(tables: Sequence[Table]) -> pd.DataFrame:
    """A row a prediction: see :meth:`autotrack.Run.predictions`."""
    import pandas as pd

    frames = [
        pd.DataFrame({"data": pd.Series([t.data] * len(t), dtype="object"), **t.columns})
        for t in tables
    ]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _table(name: str, kept: Kept) -> Table:
    return Table(name, dict(kept.columns), kept.classes)
