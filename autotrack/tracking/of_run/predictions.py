"""What a run says of the predictions that it has kept: methods of :class:`autotrack.Run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autotrack.entities import RunRecord
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from autotrack.analysis.predictions.intervals import Interval
    from autotrack.analysis.predictions.thresholds import Threshold


class RunPredictions:
    """The part of a run that needs nothing but kept predictions and scores."""

    _store: Store
    # The metric and mode that `best_run` found it by.
    _asked: tuple[str, str] | None = None

    def record(self) -> RunRecord:
        """Everything about the run as a frozen value, as it is now."""
        raise NotImplementedError

    def predictions(self, data: str | None = None) -> pd.DataFrame:
        """What was predicted for each row, where that was asked for.

        `enable(keep_predictions=True)`, or a block of `autotrack.keep_predictions`, has searches
        and validations keep what they predicted for the test part of each split, and scores what
        they were computed from. Only what was computed anyway is kept: probabilities if a score
        took them.

        Parameters
        ----------
        data : str, optional
            ``out_of_fold``, or what the held-out data is called; by default all.

        Returns
        -------
        DataFrame
            A row a prediction: data; of cross-validation candidate (of a search) and split; row
            (the position in the data), group (a number, if groups were given), y_true, and a column
            for each prediction (``predict``, ``predict_proba_<class>`` and so on).

        Raises
        ------
        ArtifactNotFoundError
            If none were kept.
        """
        from autotrack.analysis.predictions import reading

        record = self.record()
        if data is not None:
            return reading.frame([reading.table_of(self._store, record, data)])
        return reading.frame(reading.tables_of(self._store, record))

    def rescore(
        self,
        metric: Any,
        *,
        data: str | None = None,
        name: str | None = None,
        response: str | None = None,
        keep: bool = True,
        **options: Any,
    ) -> pd.DataFrame:
        """Compute another score from kept predictions, without fitting or predicting anything.

        It is kept as scores are: on each split with mean and error, of every candidate of a search
        (``leaderboard(metric)`` then ranks by it), or beside the score on held-out data. The run's
        tag ``autotrack.computed_later`` names it.

        Parameters
        ----------
        metric : str or callable
            The name of a function of `sklearn.metrics` or of one of its scorers, such a function,
            a scorer, or a function of truth and prediction.
        data : str, optional
            ``out_of_fold``, or what the held-out data is called, if there are several.
        name : str, optional
            What to call it; by default as the metric, with its options.
        response : str, optional
            What a function of your own takes: ``predict`` (the default), ``predict_proba``,
            ``predict_log_proba`` or ``decision_function``.
        keep : bool, default=True
            Whether to keep it.
        **options : object
            Passed to the metric. `sample_weight` has a value for each row of the data.

        Returns
        -------
        DataFrame
            A row a run (a candidate, in a search): run_id, name, data, metric, mean, std, se, n.

        Raises
        ------
        ArtifactNotFoundError
            If no predictions were kept.
        InvalidValueError
            If the metric takes what was not predicted, or another score has this name.
        """
        from autotrack.analysis.predictions import reading, rescoring

        record = self.record()
        table = reading.table_of(self._store, record, data)
        found = reading.named_metric(metric, options, response, name)
        later = rescoring.rescore(self._store, record, table, found, keep)
        return rescoring.frame(later, found.name)

    def threshold(
        self,
        metric: Any,
        *,
        data: str | None = None,
        mode: str | None = None,
        thresholds: int | Sequence[float] = 200,
        **options: Any,
    ) -> Threshold:
        """The threshold between two classes at which a metric is best, from kept predictions.

        Of a search it is that of the best candidate. The mean over the splits is looked at, as
        `TunedThresholdClassifierCV` does.

        Parameters
        ----------
        metric : str or callable
            As in :meth:`rescore`; it is given labels.
        data : str, optional
            ``out_of_fold``, or what the held-out data is called, if there are several.
        mode : {"max", "min"}, optional
            Which is best; by default the largest, and of losses and errors the smallest.
        thresholds : int or sequence of float, default=200
            How many to try, or which.
        **options : object
            Passed to the metric.

        Returns
        -------
        Threshold
            With ``threshold``, ``value``, ``se``, ``curve`` (a frame: threshold, mean, se) and
            ``unseen``: what the metric comes to where each split's threshold is chosen on the
            others. `value` was chosen on the rows it is measured on.

        Raises
        ------
        ArtifactNotFoundError
            If no predictions were kept.
        InvalidValueError
            If there are no probabilities or decisions between two classes.
        """
        from autotrack.analysis.predictions import reading
        from autotrack.analysis.predictions import thresholds as cutting

        if mode not in (None, "max", "min"):
            raise InvalidValueError(f"mode is 'max' or 'min', not {described(mode)}")
        table = reading.of_one(self._store, self.record(), data)
        found = reading.named_metric(metric, options, None, None)
        return cutting.best_threshold(table, found, mode, thresholds)

    def interval(
        self,
        metric: Any,
        *,
        data: str | None = None,
        groups: Any = None,
        level: float = 0.95,
        resamples: int = 1000,
        seed: int = 0,
        **options: Any,
    ) -> Interval:
        """A bootstrap confidence interval of a score, from kept predictions.

        Test rows, or groups of them, are drawn with replacement, over all splits together: what is
        drawn brings its predictions in each split (as in repeated cross-validation), and a split
        counts by how much of it was drawn. With a row or a group left out at a time, whole splits
        are drawn. It tells how the score depends on which rows were tested, given the trained
        models. Of a search it is that of the best candidate, which was chosen for being good on
        these rows. Where nothing can be told, as of a single group, the ends are NaN, and ``why``
        says the reason.

        Parameters
        ----------
        metric : str or callable
            As in :meth:`rescore`.
        data : str, optional
            ``out_of_fold``, or what the held-out data is called, if there are several.
        groups : bool or array-like, optional
            Draw groups: those that were given to the evaluation (True), or one for each row of the
            data. Rows of one group (a patient) are alike, and count for less than they are many.
        level : float, default=0.95
        resamples : int, default=1000
            How often to draw, at most. A metric that is no mean over rows is computed on some
            20,000 parts of splits, so that of 100 splits there are 200 draws, and never below 50.
            The interval's ``resamples`` says how many counted.
        seed : int, default=0
        **options : object
            Passed to the metric.

        Returns
        -------
        Interval
            With ``value``, ``low`` and ``high``.

        Raises
        ------
        ArtifactNotFoundError
            If no predictions were kept.
        InvalidValueError
            If the metric takes what was not predicted, or the groups do not fit.
        """
        from autotrack.analysis.predictions import intervals, reading
        from autotrack.analysis.predictions.scored_run import rows_of

        record = self.record()
        table = reading.of_one(self._store, record, data)
        found = reading.named_metric(metric, options, None, None)
        rows = rows_of(self._store, record, table.data)
        return intervals.interval(table, found, level, groups, resamples, seed, rows)

    def out_of_fold(self, *others: RunPredictions) -> pd.DataFrame:
        """Kept out-of-fold predictions as columns, to train a further model on (stacking).

        Parameters
        ----------
        *others : Run
            Further runs that evaluated the same rows, whose predictions stand beside.

        Returns
        -------
        DataFrame
            A row a row of the data, by its position: probabilities, else decisions, else predicted
            numbers, as `StackingClassifier` takes them (of two classes, those of the second), means
            where a row was tested more than once; and y_true. With several runs the columns begin
            with the place of their run: ``run_0__``.

        Raises
        ------
        ArtifactNotFoundError
            If one of them has kept none.
        InvalidValueError
            If they predicted other rows, or what they predicted is texts.
        """
        from autotrack.analysis.predictions import intervals, reading
        from autotrack.analysis.predictions.files import OUT_OF_FOLD

        runs = (self, *others)
        tables = [reading.of_one(run._store, run.record(), OUT_OF_FOLD) for run in runs]
        names = [f"run_{n}" for n, _ in enumerate(runs)] if others else [""]
        return intervals.stacked(tables, names)

    def ties(self, metric: str | None = None, *, mode: str = "max") -> pd.DataFrame:
        """Which other runs are as good, by what can be told of the same splits or rows.

        Parameters
        ----------
        metric : str, optional
            By default what `best_run` was asked for.
        mode : {"max", "min"}, default="max"
            Which is better; as `best_run` was asked, if it was.

        Returns
        -------
        DataFrame
            A row a run, the best first, itself aside: run_id, name, value, se, n, verdict
            (``tied``, ``differs``, ``not comparable``, ``unknown``), p_value, method, why. The best
            20 are compared. The tests are not corrected for their number.

        Raises
        ------
        InvalidValueError
            If no metric was named.
        """
        from autotrack.analysis.predictions import ranking

        asked = (metric, mode) if metric is not None else self._asked
        if asked is None:
            raise InvalidValueError("name the metric by which runs are compared: ties('...')")
        return ranking.ties(self._store, self.record(), *asked)
