"""CSV with a header line -> its cells, read line by line, so that odd widths cost nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from autotrack.serving.requests.input_errors import BadInputError

#: Columns that a header may have beyond those that the model takes, which are passed over.
MOST_MORE = 1000

# A text may be as long as a body is; the size of those is bounded.
_LONGEST_CELL = 1 << 30
#: What means a missing value, as in `pandas.read_csv`.
_MISSING = frozenset(
    [
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
        *("1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    ]
)

# A line this long (characters) is looked at before its values are made.
_LONG_LINE = 10_000

Row = list[str | None]


def read_table(body: bytes, most_columns: int) -> tuple[list[str], list[Row]]:
    """Header and rows of a CSV text; a missing value is None.

    Raises
    ------
    BadInputError
        If it is no such text, or not each of its rows is as wide as the header, or that has more
        than `most_columns`.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid(str(error)) from None
    csv.field_size_limit(_LONGEST_CELL)
    texts: Iterable[str] = io.StringIO(text, newline="")
    if '"' not in text:
        texts = _not_too_wide(texts, most_columns)
    lines = csv.reader(texts, strict=True)
    try:
        header = next(lines, None)
        while header == []:
            header = next(lines, None)
        if header is None:
            raise _invalid("it is empty")
        if len(header) > most_columns:
            raise _too_many(len(header), most_columns)
        return header, list(_rows(lines, len(header)))
    except csv.Error as error:
        raise _invalid(f"line {lines.line_num}: {error}") from None


def _not_too_wide(texts: Iterable[str], most_columns: int) -> Iterator[str]:
    """The lines of a text without quotes, until one is long and has far too many values.

    They are counted, which takes a hundredth of the time that making them takes: in that time no
    other request is answered, whichever thread it is done in.
    """
    width, number = None, 0
    for text in texts:
        count = text.count(",") + 1 if len(text) > _LONG_LINE or width is None else 0
        if count > most_columns:
            raise (
                _too_many(count, most_columns) if width is None else _uneven(count, width, number)
            )
        if text.strip("\r\n"):
            number += width is not None
            width = width or count
        yield text


def _rows(lines: Iterator[list[str]], width: int) -> Iterator[Row]:
    number = 0
    for line in lines:
        if not line:  # a blank line, as at the end
            continue
        if len(line) != width:
            raise _uneven(len(line), width, number)
        yield [None if cell in _MISSING else cell for cell in line]
        number += 1


def _too_many(columns: int, most: int) -> BadInputError:
    return _invalid(f"the header has {columns:,} columns, and this model takes at most {most:,}")


def _uneven(values: int, width: int, number: int) -> BadInputError:
    return BadInputError.single(
        f"the row has {values:,} values, and the header {width:,}",
        ("rows", number),
        "csv_invalid",
    )


def _invalid(problem: str) -> BadInputError:
    return BadInputError.single(f"this is no CSV with a header line: {problem}", (), "csv_invalid")
