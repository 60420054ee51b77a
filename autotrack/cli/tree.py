"""Runs with what lies below them, as a tree."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Mapping, Sequence

from rich.tree import Tree

from autotrack.cli.printing import escape
from autotrack.cli.tables import ID, status, with_error
from autotrack.printable import described
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store

# So many params are shown where fewer differ, so many metrics, and so many candidates of a search.
_PARAMS = 4
_METRICS = 4
_CANDIDATES = 5
_LONGEST = 24


def run_tree(store: Store, rows: Sequence[RunRow]) -> Tree:
    """The runs of `rows`, the oldest first, each with its children.

    Params in which a run differs from others of its kind beside it are all shown, of the rest a
    few.
    """
    tree = Tree("runs", hide_root=True, guide_style="dim")
    swept = _swept(rows)
    codes = store.codes_found(row.run_id for row in rows)
    for row in reversed(rows):
        _grow(tree, store, row, swept, codes)
    return tree


def _grow(
    tree: Tree,
    store: Store,
    row: RunRow,
    swept: Container[tuple[str, str]],
    codes: Mapping[str, Sequence[str]],
) -> None:
    found = ", ".join(codes.get(row.run_id, ()))
    branch = tree.add(_line(row, swept) + (f"  [yellow]{found}[/yellow]" if found else ""))
    children = store.search(Query(parent_id=row.run_id, order_by=("start_time",)))
    candidates = [child for child in children if child.kind == "candidate"]
    swept_below = _swept(children)
    further = [child for child in children if child.kind != "candidate"]
    codes_below = store.codes_found(child.run_id for child in further) if further else {}
    for child in further:
        _grow(branch, store, child, swept_below, codes_below)
    for child in sorted(candidates, key=_rank)[:_CANDIDATES]:
        branch.add(_line(child, swept_below))
    if len(candidates) > _CANDIDATES:
        branch.add(f"[dim]and {len(candidates) - _CANDIDATES} more candidates[/dim]")


def _swept(rows: Sequence[RunRow]) -> set[tuple[str, str]]:
    """Kind and key of the params whose values differ among the runs of a kind that have them."""
    values: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for key, value in row.params.items():
            values.setdefault((row.kind, key), set()).add(described(value, sys.maxsize))
    return {swept for swept, found in values.items() if len(found) > 1}


def _rank(row: RunRow) -> float:
    ranks = [v for key, v in row.metrics.items() if key.startswith("rank_test_")]
    return ranks[0] if ranks else float("inf")


def _line(row: RunRow, swept: Container[tuple[str, str]]) -> str:
    is_candidate = row.kind == "candidate"
    first = [key for key in row.params if is_candidate or (row.kind, key) in swept]
    # Last what a pipeline's name says as well: the classes of its steps.
    steps = row.name.split(" > ")
    rest = sorted((key for key in row.params if key not in first), key=_is_in(row.params, steps))
    params = first + rest[: max(0, _PARAMS - len(first))]
    said = [f"{escape(key)}={escape(_short(row.params[key]))}" for key in params]
    about = f"[dim]{escape(row.kind)} {escape(row.run_id[:ID])}[/dim]"
    if is_candidate and said:  # whose name is made of its params
        parts = [f"[bold]{', '.join(said)}[/bold]", about]
    else:
        parts = [f"[bold]{escape(row.name)}[/bold]", about, *said]
    if row.status != "FINISHED":
        parts.insert(2, status(row.status))
    if len(params) < len(row.params):
        parts.append(f"[dim]+{len(row.params) - len(params)}[/dim]")
    metrics = _telling(row)
    if metrics:
        scores = [f"{escape(key)} [cyan]{with_error(row.metrics, key)}[/cyan]" for key in metrics]
        parts.append("· " + "  ".join(scores[:_METRICS]))
    if len(metrics) > _METRICS:
        parts.append(f"[dim]+{len(metrics) - _METRICS}[/dim]")
    return "  ".join(parts)


def _is_in(params: Mapping[str, object], names: Sequence[str]) -> Callable[[str], bool]:
    return lambda key: params[key] in names


def _short(value: object) -> str:
    text = described(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _telling(row: RunRow) -> list[str]:
    """The keys of the metrics, those that say how good it was before times and single splits."""
    means = [key for key in row.metrics if key.startswith("mean_test_")]
    times = [key for key in row.metrics if key.endswith("_time")]
    summed = {key.removeprefix("mean_") for key in means}
    summed |= {f"split_{key}" for key in summed}
    rest = [key for key in row.metrics if key not in {*means, *times, *summed}]
    if means:
        # Runs of before the number of splits was kept have the error beside the mean.
        lone = {key for key in means if f"n_{key.removeprefix('mean_')}" not in row.metrics}
        return means + [key for key in rest if key.replace("se_", "mean_", 1) in lone]
    return rest
