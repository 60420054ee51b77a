"""A model card: each statement with the run it comes from, each gap as a gap."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autotrack._version import __version__
from autotrack.analysis.explaining.reforms import ITEMS
from autotrack.printable import described, printable
from autotrack.runtime.dataclass import dataclass

SECTIONS = (
    "Model",
    "Data",
    "Split",
    "Preprocessing",
    "Params",
    "Selection",
    "Scores",
    "Contract",
    "Versions",
    "Licence and use",
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of a card.

    Attributes
    ----------
    section, name : str
    value : object
        None in a gap.
    run_id : str
        The run whose record says so; empty in a gap.
    gap : str
        Why nothing can be said; empty otherwise.
    items : tuple of str
        The items of REFORMS that it answers, or answers in part.
    """

    section: str
    name: str
    value: Any
    run_id: str = ""
    gap: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A model card. Printed, it is Markdown; `to_dict` has it as plain values, for JSON.

    Items of the REFORMS checklist are ticked where the record has evidence of them. Whether that
    suffices is for the author to judge: a record knows what was done, and not why.

    Attributes
    ----------
    title : str
    run_id : str
    statements : tuple
        Of each: ``section``, ``name``, ``value``, ``run_id``, ``gap`` and ``items``.

    References
    ----------
    S. Kapoor et al., "REFORMS: Consensus-based Recommendations for Machine-learning-based Science",
    Science Advances 10, eadk3452 (2024). https://doi.org/10.1126/sciadv.adk3452
    """

    title: str
    run_id: str
    statements: tuple[Statement, ...]

    @property
    def gaps(self) -> tuple[str, ...]:
        """What the record does not say, as ``Section: name``."""
        return tuple(f"{s.section}: {s.name}" for s in self.statements if s.gap)

    def evidence(self) -> dict[str, list[Statement]]:
        """The statements that answer each item of REFORMS, by its number."""
        found: dict[str, list[Statement]] = {item: [] for item in ITEMS}
        for statement in self.statements:
            for item in statement.items if not statement.gap else ():
                found[item].append(statement)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values."""
        return {
            "title": self.title,
            "run_id": self.run_id,
            "autotrack": __version__,
            "statements": [
                {
                    "section": s.section,
                    "name": s.name,
                    "value": _plain(s.value),
                    "run_id": s.run_id or None,
                    "gap": s.gap or None,
                }
                for s in self.statements
            ],
            "reforms": [
                {
                    "item": item,
                    "asks_for": ITEMS[item],
                    "evidence": [f"{s.section}: {s.name}" for s in statements],
                }
                for item, statements in self.evidence().items()
            ],
        }

    def to_markdown(self) -> str:
        """The card as Markdown."""
        lines = [f"# {_text(self.title)}", "", f"Drawn from run `{self.run_id}`.", ""]
        for section in SECTIONS:
            lines += [f"## {section}", ""]
            lines += [_line(s) for s in self.statements if s.section == section]
            lines.append("")
        lines += [
            "## REFORMS",
            "",
            "Ticked are the items of the checklist of Kapoor et al. (2024) that the record has "
            "evidence of, be it in part.",
            "",
        ]
        for item, statements in self.evidence().items():
            told = ", ".join(dict.fromkeys(f"{s.section}: {_text(s.name)}" for s in statements))
            mark = "x" if told else " "
            lines.append(f"- [{mark}] {item}: {ITEMS[item]}" + (f" ({told})" if told else ""))
        return "\n".join(lines) + "\n"

    def save(self, path: str | Path) -> Path:
        """Write it to a file: JSON if that is called ``.json``, else Markdown."""
        target = Path(path).expanduser()
        as_json = target.suffix == ".json"
        text = json.dumps(self.to_dict(), indent=2) + "\n" if as_json else self.to_markdown()
        target.write_text(text, encoding="utf-8")
        return target

    def __str__(self) -> str:
        return self.to_markdown()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _line(statement: Statement) -> str:
    name = _text(statement.name)
    if statement.gap:
        return f"- **{name}**: *gap: {_text(statement.gap)}*"
    said = statement.value if isinstance(statement.value, str) else described(statement.value)
    run = f" (run `{statement.run_id[:8]}`)" if statement.run_id else ""
    return f"- **{name}**: {_text(said)}{run}"


def _text(text: str) -> str:
    """A recorded text in Markdown, where it must not make links, pictures or tags."""
    shown = printable(text)
    for mark in "\\`*<>[]|":
        shown = shown.replace(mark, f"\\{mark}")
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | str) else repr(value)
