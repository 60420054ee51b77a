"""Runs with what lies below them, as a tree."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from rich.tree import Tree

from autotrack.analysis import alike, words
from autotrack.cli.printing import escape
from autotrack.cli.tables import ID, number, status, with_error
from autotrack.printable import described
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store

# So many params are shown where fewer differ, so many metrics, and so many candidates of a search.
_PARAMS = 4
_METRICS = 4
_CANDIDATES = 5
_LONGEST = 24
# A formula says several params at once.
_LONGEST_FORMULA = 90


def run_tree(store: Store, rows: Sequence[RunRow]) -> Tree:
    """The runs of `rows`, the oldest first, each with its children.

    Params in which a run differs from others of its kind beside it are all shown, of the rest a
    few. Children that are alike, as those of a loop by hand, are one line.
    """
    tree = Tree("runs", hide_root=True, guide_style="dim")
    swept = words.swept(rows)
    codes = store.codes_found(row.run_id for row in rows)
    for row in reversed(rows):
        _grow(tree, store, row, swept, codes)
    return tree


def _grow(
    tree: Tree,
    store: Store,
    row: RunRow,
    swept: Collection[tuple[str, str]],
    codes: Mapping[str, Sequence[str]],
) -> None:
    found = ", ".join(codes.get(row.run_id, ()))
    line = _line(store, row, swept)
    branch = tree.add(line + (f"  [yellow]{found}[/yellow]" if found else ""))
    children = store.search(Query(parent_id=row.run_id, order_by=("start_time",)))
    candidates = [child for child in children if child.kind == "candidate"]
    swept_below = words.swept(children)
    further = [child for child in children if child.kind != "candidate"]
    codes_below = store.codes_found(child.run_id for child in further) if further else {}
    for child in alike.folded(further):
        if isinstance(child, alike.Fold):
            held = {code for each in child.rows for code in codes_below.get(each.run_id, ())}
            found = ", ".join(sorted(held))
            branch.add(_fold_line(child) + (f"  [yellow]{found}[/yellow]" if found else ""))
        else:
            _grow(branch, store, child, swept_below, codes_below)
    for child in sorted(candidates, key=_rank)[:_CANDIDATES]:
        branch.add(_line(store, child, swept_below))
    if len(candidates) > _CANDIDATES:
        branch.add(f"[dim]and {len(candidates) - _CANDIDATES} more candidates[/dim]")


def _rank(row: RunRow) -> tuple[float, float]:
    """The last iteration of a halving search first; within it by rank."""
    ranks = [v for key, v in row.metrics.items() if key.startswith("rank_test_")]
    return -row.metrics.get("iter", 0.0), ranks[0] if ranks else float("inf")


def _line(store: Store, row: RunRow, swept: Collection[tuple[str, str]]) -> str:
    is_candidate = row.kind == "candidate"
    params = words.ordered_params(row, swept)
    differing = [key for key in params if is_candidate or (row.kind, key) in swept]
    shown = list(params)[: max(_PARAMS, len(differing))]
    said = [f"{escape(key)}={escape(_short(params[key]))}" for key in shown]
    about = f"[dim]{escape(row.kind)} {escape(row.run_id[:ID])}[/dim]"
    if is_candidate and said:  # whose name is made of its params
        iteration = row.metrics.get("iter")
        told = "" if iteration is None else f"  iteration {iteration:g}"
        parts = [f"[bold]{', '.join(said)}[/bold]{told}", about]
    else:
        parts = [f"[bold]{escape(words.title(row))}[/bold]", about, *said]
    if row.status != "FINISHED":
        parts.insert(2, status(row.status))
    if len(shown) < len(params):
        parts.append(f"[dim]+{len(params) - len(shown)}[/dim]")
    return "  ".join([*parts, *_scores(store, row)])


def _scores(store: Store, row: RunRow) -> list[str]:
    best = words.best_point(row, partial(history, store, row.run_id))
    spreads, metrics = alike.folded_metrics(row.metrics if best is None else best.metrics)
    told = [_spread(key, spread) for key, spread in spreads.items()]
    keys = words.telling(metrics)
    # Places and times only where there is nothing else to say.
    first = [key for key in keys if not words.is_behind(key)]
    told += [
        f"{escape(key)} [cyan]{with_error(metrics, key)}[/cyan]"
        for key in (first if first or told else keys)
    ]
    if not told:
        return []
    if best is not None and best.where:
        told[0] += f" {escape(best.where)}"
    hidden = len(spreads) + len(keys) - len(told[:_METRICS])
    return ["· " + "  ".join(told[:_METRICS]), *([f"[dim]+{hidden}[/dim]"] if hidden else [])]


def history(store: Store, run_id: str, key: str) -> list[float]:
    """The values that a metric of a run has had."""
    return [metric.value for metric in store.metric_history(run_id, key)]


def with_best_points(store: Store, rows: Sequence[RunRow]) -> list[RunRow]:
    """The runs, of curves with their best point for the last one."""
    found = []
    for row in rows:
        best = words.best_point(row, partial(history, store, row.run_id))
        found.append(row if best is None else replace(row, metrics=best.metrics))
    return found


def _fold_line(fold: alike.Fold) -> str:
    parts = [f"[bold]{len(fold.rows):,} x {escape(fold.title)}[/bold]"]
    for key, values in fold.varied.items():
        count = f" ({len(values):,} values)" if len(values) < len(fold.rows) else ""
        parts.append(f"{escape(key)} {escape(alike.span_of(values))}{count}")
    same = [f"{escape(key)}={escape(_short(value))}" for key, value in fold.same.items()]
    parts += same[:_PARAMS]
    if len(same) > _PARAMS:
        parts.append(f"[dim]+{len(same) - _PARAMS}[/dim]")
    told = [_spread(key, spread) for key, spread in fold.metrics.items()]
    if told:
        parts.append("· " + "  ".join(told[:_METRICS]))
    return "  ".join(parts)


def _spread(key: str, spread: alike.Spread) -> str:
    std = "" if spread.count < 2 else f" sd {spread.std:.2g}"
    ends = f"{number(spread.least)} to {number(spread.most)}"
    mean = f"[cyan]{number(spread.mean)}{std}[/cyan]"
    return f"{escape(key)} {mean} ({spread.count:,}: {ends})"


def _short(value: Any) -> str:
    text = described(value, 1000)
    longest = _LONGEST_FORMULA if isinstance(value, words.Formula) else _LONGEST
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
