"""Scores of one name that are compared, and are not of the same data or not the same metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from autotrack.analysis.evidence.catalogue import finding
from autotrack.analysis.names import SCORE_METRIC_TAG
from autotrack.entities import Finding
from autotrack.store.store import Store
from autotrack.store.tables.held_out import Measured

CODE = "AT302"
# Children of a run that are looked at when it ends.
_MOST_CHILDREN = 200


def is_wanted(checks: bool | tuple[str, ...]) -> bool:
    """Whether the setting asks for this kind of finding."""
    return CODE in checks if isinstance(checks, tuple) else checks


def compared(
    store: Store,
    metric: str,
    *,
    run_ids: Iterable[str] | None = None,
    experiment_id: str | None = None,
    best: str | None = None,
) -> list[Finding]:
    """What is to be said of putting the runs with a metric in order, if there is something.

    Parameters
    ----------
    store : Store
    metric : str
    run_ids : iterable of str, optional
        The runs; by default all with the metric, candidates aside.
    experiment_id : str, optional
        Only those of this experiment.
    best : str, optional
        The run that is the best of them.
    """
    found = store.measured(metric, SCORE_METRIC_TAG, run_ids=run_ids, experiment_id=experiment_id)
    return _findings(metric, found, best)


def _findings(metric: str, found: Sequence[Measured], best: str | None = None) -> list[Finding]:
    findings: list[Finding] = []
    data = Counter(one.held_out_set for one in found if one.held_out_set is not None)
    name = next((one.data for one in found if one.data), "")
    if len(data) > 1:
        runs = data.total()
        text = f"{metric} of {runs:,} runs was computed on {len(data):,} different data sets"
        evidence = {"metric": metric, "runs": runs, "data_sets": len(data)}
        own = next((one.held_out_set for one in found if one.run_id == best), None)
        if own is not None:
            evidence["runs_on_data_of_best"] = data[own]
            text += f", {data[own]:,} of them on that of the best"
        findings.append(finding(CODE, name, text, evidence))
    metrics = Counter(one.metric for one in found if one.metric)
    if len(metrics) > 1:
        named = " and ".join(f"{name} ({count:,})" for name, count in metrics.most_common(4))
        text = f"{metric} of {metrics.total():,} runs is not one metric: {named}"
        evidence = {"metric": metric, "runs": metrics.total(), "metrics": ", ".join(metrics)}
        if findings:
            findings = [finding(CODE, name, f"{findings[0].text}; {text}", evidence)]
        else:
            findings = [finding(CODE, name, text, evidence)]
    return findings


def compared_children(store: Store, run_id: str) -> list[Finding]:
    """What is to be said of the children of a run that have scores of one name.

    Those that were trained on the same data stand beside each other to be compared; what was
    trained on other data may well be another task.
    """
    children = store.fitted_below(run_id, _MOST_CHILDREN)
    alike: dict[str, list[str]] = {}
    for child, trained in children:
        if trained:
            alike.setdefault(trained, []).append(child)
    for runs in alike.values():
        if len(runs) < 2:
            continue
        for metric in store.common_metrics(runs):
            found = compared(store, metric, run_ids=runs)
            if found:
                return found
    return []
