"""Charts of the params of many runs: threads through all of them, and how much each matters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from autotrack.analysis.statistics.correlation_ratio import correlation_ratio
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages
from autotrack.web.drawing import svg
from autotrack.web.drawing.recorded import bars
from autotrack.web.reading.found import Found, Reader
from autotrack.web.rendering import cut, value

MOST_PARAMS = 12
#: Of more runs than this, so many are taken at even distances: what is drawn is the same.
MOST_RUNS = 10_000
_FEWEST = 3
_MOST_TRIED = 24
_MOST_AXES = 7
# Up to so many runs have a thread each; of more, threads that lie together are counted.
_MOST_THREADS = 500
_LEVELS = 24
_SHADES = 4
_LOW, _HIGH = svg.HEIGHT - 40, 22


@dataclass(frozen=True, slots=True)
class Swept:
    """Runs with a finite score. `params` has for each key the value of each run, or None.

    Of very many runs some are taken at even distances from `taken_from`, which is 0 otherwise.
    """

    metric: str
    runs: Sequence[int]
    scores: NDArray[np.float64]
    params: dict[str, list[Any]]
    taken_from: int


def read_swept(reader: Reader, found: Found, y: str) -> Swept | None:
    """The runs of a view with their params; None where there is nothing to compare.

    Parameters
    ----------
    reader : Reader
    found : Found
    y : str
        ``metrics.<key>``.
    """
    key = y.removeprefix("metrics.")
    varied = [k.key for k in found.keys if k.family == "params" and _varies(k, found)]
    varied = varied[:_MOST_TRIED]
    if not key or not varied:
        return None
    numbers = sorted(found.matches)
    matches = len(numbers)
    if matches > MOST_RUNS:
        places = np.linspace(0, matches - 1, MOST_RUNS).round().astype(int)
        numbers = [numbers[place] for place in places]
    with reader.store.reading() as connection:
        scored = [p for p in pages.points(connection, numbers, "started", key)
                  if math.isfinite(p[2])]  # fmt: skip
        runs = [p[0] for p in scored]
        if len(runs) < _FEWEST:
            return None
        params: dict[str, list[Any]] = {}
        for name in varied:
            held = {p[0]: p[1] for p in pages.points(connection, runs, f"params.{name}", key)}
            # A param of other models than those with this score says nothing of it.
            if len(held) * 2 >= len(runs) and len({*map(held.get, runs)}) > 1:
                params[name] = [held.get(run) for run in runs]
            if len(params) == MOST_PARAMS:
                break
    scores = np.array([p[2] for p in scored], float)
    return Swept(key, runs, scores, params, matches if matches > MOST_RUNS else 0)


def _varies(key: pages.Key, found: Found) -> bool:
    return key.values > 1 or key.runs < found.sample


def coordinates(swept: Swept) -> Markup | None:
    """Parallel coordinates: a line for each run through its params and its score.

    The params that matter most stand nearest to the score. Runs that lack one of them are left
    out, and the label says how many are drawn.
    """
    names = _ranked(swept)[:_MOST_AXES]
    if not names:
        return None
    names.reverse()
    whole = [
        place
        for place in range(len(swept.runs))
        if all(swept.params[name][place] is not None for name in names)
    ]
    if len(whole) < 2:
        return None
    axes: list[tuple[svg.Axis, list[float], str]] = []
    for name in names:
        held = [swept.params[name][place] for place in whole]
        if any(isinstance(each, str) for each in held):
            texts = [value(each, 40) for each in held]
            axis, order = svg.categories(texts, _LOW, _HIGH)
            axes.append((axis, [axis.place(order[text]) for text in texts], name))
        else:
            axis = svg.numeric(map(float, held), _LOW, _HIGH, may_be_log=True)
            axes.append((axis, [axis.place(float(each)) for each in held], name))
    scores = [float(swept.scores[place]) for place in whole]
    axis = svg.numeric(scores, _LOW, _HIGH)
    axes.append((axis, [axis.place(score) for score in scores], swept.metric))
    step = (svg.WIDTH - 130) / max(1, len(axes) - 1)
    xs = [50 + place * step for place in range(len(axes))]
    places = [held for _, held, _ in axes]
    many = len(whole) > _MOST_THREADS
    content = _bundles(xs, places) if many else _threads(xs, places, scores)
    for x, (axis, _, name) in zip(xs, axes, strict=True):
        content.append(
            Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                round(x, 1), _HIGH, _LOW
            )
        )
        content += [svg.text(x + 5, axis.place(v) + 4, w, "tick", "start") for v, w in axis.ticks]
        content.append(svg.text(x, svg.HEIGHT - 14, cut(name.rpartition("__")[2], 16), "axis"))
    label = f"params and {swept.metric} of {len(whole):,} runs"
    if swept.taken_from:
        label += f", taken evenly from {swept.taken_from:,}"
    return svg.chart(Markup("").join(content), label)


def _threads(
    xs: Sequence[float], places: Sequence[Sequence[float]], scores: Sequence[float]
) -> list[Markup]:
    """A thread for each; the larger the score, the later it is drawn, and the darker."""
    order = np.argsort(scores)
    shades = {int(run): _SHADES * place // len(order) for place, run in enumerate(order)}
    return [
        svg.line([(round(x, 1), held[run]) for x, held in zip(xs, places, strict=True)],
                 f"thread tone{shades[run]}")
        for run in map(int, order)
    ]  # fmt: skip


def _bundles(xs: Sequence[float], places: Sequence[Sequence[float]]) -> list[Markup]:
    """Threads that lie together between two axes as one, the darker the more they are."""
    height = (_LOW - _HIGH) / (_LEVELS - 1)
    levels = [np.round((np.array(held) - _HIGH) / height).astype(int) for held in places]
    found: list[Markup] = []
    for left in range(len(xs) - 1):
        counts = Counter(zip(levels[left].tolist(), levels[left + 1].tolist(), strict=True))
        most = max(counts.values())
        shades: list[list[str]] = [[] for _ in range(_SHADES)]
        for (a, b), count in counts.items():
            shade = min(_SHADES - 1, int(_SHADES * np.log1p(count) / np.log1p(most)))
            ya, yb = round(_HIGH + a * height, 1), round(_HIGH + b * height, 1)
            shades[shade].append(f"M{xs[left]:.1f} {ya}L{xs[left + 1]:.1f} {yb}")
        found += [
            Markup('<path class="thread tone{}" d="{}"/>').format(index, "".join(path))
            for index, path in enumerate(shades)
            if path
        ]
    return found


def importances(swept: Swept) -> Markup | None:
    """A bar for each param that varies: how much of the order of the scores goes with it."""
    found = [(name, share, 0.0) for name, share in _shares(swept)]
    if not found:
        return None
    label = (
        f"how much of the order of {swept.metric} goes with each param, {len(swept.runs):,} runs"
    )
    return bars(found, label)


def _shares(swept: Swept) -> list[tuple[str, float]]:
    shares: list[tuple[str, float]] = []
    for name, values in swept.params.items():
        share = correlation_ratio(values, swept.scores)
        if share is not None:
            shares.append((name, share))
    return sorted(shares, key=_share, reverse=True)


def _share(pair: tuple[str, float]) -> Any:
    return pair[1]


def _ranked(swept: Swept) -> list[str]:
    """The params, those that matter most first."""
    known = [name for name, _ in _shares(swept)]
    return known + [name for name in swept.params if name not in known]
