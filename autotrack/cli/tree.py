"""Runs with what lies below them, as a tree."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.tree import Tree

from autotrack.cli.tables import ID, number, status
from autotrack.store.database import Store
from autotrack.store.search import Query, RunRow

# What is said of each run in its line, and of a search no more candidates than these.
_PARAMS = 4
_METRICS = 4
_CANDIDATES = 5
_LONGEST = 24


def run_tree(store: Store, rows: Sequence[RunRow]) -> Tree:
    """The runs of `rows`, the oldest first, each with its children."""
    tree = Tree("runs", hide_root=True, guide_style="dim")
    for row in reversed(rows):
        _grow(tree, store, row)
    return tree


def _grow(tree: Tree, store: Store, row: RunRow) -> None:
    branch = tree.add(_line(row))
    children = store.search(Query(parent_id=row.run_id, order_by=("start_time",)))
    candidates = [child for child in children if child.kind == "candidate"]
    for child in children:
        if child.kind != "candidate":
            _grow(branch, store, child)
    for child in sorted(candidates, key=_rank)[:_CANDIDATES]:
        branch.add(_line(child))
    if len(candidates) > _CANDIDATES:
        branch.add(f"[dim]and {len(candidates) - _CANDIDATES} more candidates[/dim]")


def _rank(row: RunRow) -> float:
    ranks = [v for key, v in row.metrics.items() if key.startswith("rank_test_")]
    return ranks[0] if ranks else float("inf")


def _line(row: RunRow) -> str:
    parts = [f"[bold]{escape(row.name)}[/bold]", f"[dim]{row.kind} {row.run_id[:ID]}[/dim]"]
    if row.status != "FINISHED":
        parts.append(status(row.status))
    # Not what the name says already: the classes of a pipeline's steps, a candidate's params.
    params = {
        key: value
        for key, value in row.params.items()
        if key not in row.name and str(value) not in row.name
    }
    parts += [escape(f"{key}={_short(value)}") for key, value in list(params.items())[:_PARAMS]]
    if len(params) > _PARAMS:
        parts.append(f"[dim]+{len(params) - _PARAMS}[/dim]")
    metrics = _telling(row)
    if metrics:
        said = [f"{escape(key)} [cyan]{number(row.metrics[key])}[/cyan]" for key in metrics]
        parts.append("· " + "  ".join(said[:_METRICS]))
    if len(metrics) > _METRICS:
        parts.append(f"[dim]+{len(metrics) - _METRICS}[/dim]")
    return "  ".join(parts)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _telling(row: RunRow) -> list[str]:
    """The keys of the metrics, those that say how good it was before times and single splits."""
    means = [key for key in row.metrics if key.startswith("mean_test_")]
    times = [key for key in row.metrics if key.endswith("_time")]
    summed = {key.removeprefix("mean_") for key in means}
    summed |= {f"split_{key}" for key in summed}
    rest = [key for key in row.metrics if key not in {*means, *times, *summed}]
    if means:
        return means + [key for key in rest if key.removeprefix("se_") in summed]
    return rest
