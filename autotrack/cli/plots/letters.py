"""Numbers as letters: a line of blocks, a curve of half blocks, a matrix with shades."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"


def spark(values: Sequence[float], width: int) -> str:
    """One line that goes up and down with the values; of many, each letter is a mean of some."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    lowest, span = min(known), max(known) - min(known)
    letters = []
    for part in _parts(values, width):
        finite = [value for value in part if math.isfinite(value)]
        if not finite:
            letters.append(" ")
            continue
        mean = sum(value / len(finite) for value in finite)
        share = (mean - lowest) / span if 0 < span < math.inf else 0.5
        letters.append(_BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)])
    return "".join(letters)


def _parts(values: Sequence[float], width: int) -> list[Sequence[float]]:
    if len(values) <= width:
        return [[value] for value in values]
    ends = [round(place * len(values) / width) for place in range(width + 1)]
    return [values[start:end] for start, end in itertools.pairwise(ends)]


def curve(
    places: Sequence[tuple[float, float]], x_name: str, y_name: str, width: int, height: int
) -> list[str]:
    """A curve in the unit square, through the places given by x and y, as lines of text."""
    inside = [(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)) for x, y in places
              if math.isfinite(x) and math.isfinite(y)]  # fmt: skip
    if len(inside) < 2:
        return []
    rows = 2 * height
    dots: set[tuple[int, int]] = set()
    for (x1, y1), (x2, y2) in itertools.pairwise(inside):
        steps = max(1, round(max(abs(x2 - x1) * width, abs(y2 - y1) * rows)))
        for step in range(steps + 1):
            x, y = x1 + (x2 - x1) * step / steps, y1 + (y2 - y1) * step / steps
            dots.add((min(int(x * width), width - 1), min(int(y * rows), rows - 1)))
    lines = [f"{y_name}"]
    for row in reversed(range(height)):
        letters = "".join(
            {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}[
                ((column, 2 * row + 1) in dots, (column, 2 * row) in dots)
            ]
            for column in range(width)
        )
        edge = "1" if row == height - 1 else "0" if row == 0 else " "
        lines.append(f"{edge}│{letters.rstrip()}")
    lines.append(f" └{'─' * width}")
    lines.append(f"  0{x_name:^{width - 2}}1")
    return lines


def matrix(labels: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Counts by true class (a line each) and predicted class, shaded by their share of the line."""
    try:
        counts = [[float(cell) for cell in row[1:]] for row in rows]
    except ValueError:
        return []
    if not counts or any(len(line) != len(labels) for line in counts):
        return []
    texts = [[f"{count:g}" for count in line] for line in counts]
    longest = max(len(text) for line in texts for text in line)
    cell = max(longest + 2, min(12, max(map(len, labels)) + 1))
    name = min(16, max(len(row[0]) for row in rows))
    if name + 3 + cell * len(labels) > width:
        return []
    lines = [" " * (name + 3) + "".join(f"{label[: cell - 1]:>{cell}}" for label in labels)]
    for row, line, shown in zip(rows, counts, texts, strict=True):
        total = sum(line)
        cells = [
            f"{text}{_SHADES[math.ceil((count / total if total else 0) * (len(_SHADES) - 1))]}"
            for count, text in zip(line, shown, strict=True)
        ]
        lines.append(f"{row[0][:name]:<{name}} │ " + "".join(f"{each:>{cell}}" for each in cells))
    return lines
