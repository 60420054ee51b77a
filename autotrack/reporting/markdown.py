"""Runs as Markdown, as a pull request shows it: what was best, how sure that is, what to mind.

What was recorded stands in code spans, or is escaped: it makes no markup, no link and no mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from autotrack.analysis.explaining.noise import Comparison as NoiseOfScores
from autotrack.entities import Experiment
from autotrack.printable import printable
from autotrack.store.store import Store
from autotrack.web.reading.compare import MOST, compare
from autotrack.web.reading.found import Reader
from autotrack.web.reading.glance import Glance, glances
from autotrack.web.reading.kinds import TITLES, error_of
from autotrack.web.reading.run import RunPage, Score, read_run
from autotrack.web.reading.search import SearchPage, read_search
from autotrack.web.reading.view import View
from autotrack.web.rendering import cut, number, span, value

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
# What makes a mention, the number of an issue, or an address.
_LINKING = re.compile(r"(@|#|:|\bwww(?=\.))", re.IGNORECASE)
_MOST_CANDIDATES = 10
_MOST_RUNS = 20
_MOST_ROWS = 60


def text(shown: object, longest: int = 300) -> str:
    """A text as words of a line: nothing in it is markup, a link or a mention."""
    plain = " ".join(printable(cut(shown, longest)).split())
    safe = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An empty comment parts what would become a link.
    return _LINKING.sub(r"\1<!-- -->", _SPECIAL.sub(r"\\\1", safe))


def code(shown: object, longest: int = 80) -> str:
    """A text as a code span, which may stand in a table."""
    plain = " ".join(printable(cut(shown, longest)).split())
    if not plain:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    inner = plain.replace("|", "\\|")
    if plain.startswith("`") or plain.endswith(("`", "\\")):
        inner = f" {inner} "
    return f"{fence}{inner}{fence}"


def run_markdown(store: Store, run_id: str) -> str:
    """A run, or a search with the first of its candidates."""
    reader = Reader(store)
    page = read_run(reader, run_id)
    record = page.record
    took = f", {span(record.end_time - record.start_time)}" if record.end_time else ""
    lines = [
        f"### {code(record.name, 120) or 'A run'}",
        "",
        f"{record.kind} {code(record.run_id)} of {code(record.experiment)}, "
        f"{record.status.lower()}{took}",
    ]
    if record.error is not None:
        lines += ["", f"**{text(record.error.type)}**: {text(record.error.message, 600)}"]
    lines += _scores(page)
    if record.kind == "search":
        lines += _leaderboard(read_search(reader, record.run_id))
    lines += _findings(page)
    params = [
        (code(key), code(value(held, 120), 120)) for key, held in sorted(record.params.items())
    ]
    lines += _folded("Params", _table(("param", "value"), params[:_MOST_ROWS]), len(params))
    lines += _origin(page)
    return "\n".join(lines) + "\n"


def comparison_markdown(store: Store, run_ids: Sequence[str]) -> str:
    """Two and more runs beside each other: what differs, and of two whether it is noise."""
    found = compare(Reader(store), run_ids[:MOST])
    names = [f"{code(line.name, 60)} {code(line.run_id[:8])}" for line in found.runs]
    lines = [f"### {len(found.runs)} runs compared", ""]
    if found.explanation is not None and found.explanation.comparisons:
        lines += [f"- {_noise(score)}" for score in found.explanation.comparisons[:5]] + [""]
    same: list[str] = []
    for title, rows in found.sections:
        differing = [
            (
                code(row.name),
                *(
                    _best(code(value(v.value, 60)) + _error(v.error), v.best) if v.known else ""
                    for v in row.values
                ),
            )
            for row in rows
            if row.differs
        ]
        if not differing:
            same.append(title.lower())
            continue
        lines += [f"**{title}**", "", *_table(("", *names), differing[:_MOST_ROWS]), ""]
    if same:
        lines.append(f"The same: {', '.join(same)}.")
    changed = found.explanation.changes if found.explanation is not None else ()
    for change in changed:
        if change.section == "code" and change.detail:
            lines += _folded(f"Code: {text(change.key)}", _block(change.detail, "diff"), 1)
    return "\n".join(lines) + "\n"


def experiment_markdown(store: Store, experiment: Experiment) -> str:
    """An experiment: the best by cross-validation, the second, held-out data, what to mind."""
    reader = Reader(store)
    asked = experiment.experiment_id
    glance = next((g for g in glances(reader, [asked]) if str(g.experiment_id) == asked), None)
    lines = [f"### {code(experiment.name, 120)}", ""]
    if glance is None:
        return "\n".join([*lines, "No runs."]) + "\n"
    lines += [", ".join(f"{n:,} {status.lower()}" for status, n in glance.counts.items()), ""]
    lines += _answers(glance)
    found = reader.found(View(experiments=(asked,)))
    rows = []
    kinds = reader.kinds()
    for line in reader.lines(found.roots[:_MOST_RUNS]):
        shown = dict.fromkeys(("cv", "held"), "")
        for key, held in line.metrics.items():
            kind = kinds.of_key(key)
            if kind in shown and not shown[kind]:
                error = line.metrics.get((error_of(key) or ("", ""))[0])
                shown[kind] = f"{code(key)} {number(held)}{_error(error)}"
        codes = " ".join(found_code for found_code, *_ in line.findings)
        rows.append(
            (
                code(line.name, 60),
                code(line.run_id[:8]),
                line.status.lower(),
                *shown.values(),
                codes,
            )
        )
    heading = ("run", "id", "status", "cross-validated", "held out", "findings")
    lines += _folded(f"Runs: {len(found.roots):,}", _table(heading, rows), len(found.roots))
    return "\n".join(lines) + "\n"


def _answers(glance: Glance) -> list[str]:
    lines = []
    if glance.best is None:
        lines.append("- **Best by cross-validation**: nothing was cross-validated")
    else:
        best = glance.best
        lines.append(
            f"- **Best by cross-validation**: {number(best.mean)}{_error(best.error)} "
            f"{code(glance.metric)} ({best.splits} splits), {code(best.line.name)}, of "
            f"{glance.compared:,} that were compared"
        )
    if glance.second is not None:
        second = glance.second
        differ = ", ".join(
            f"{code(name)} {code(value(theirs, 40))} instead of {code(value(ours, 40))}"
            for name, ours, theirs in glance.differences
        )
        tied = "; tied: within one standard error of the best" if glance.tied else ""
        lines.append(
            f"- **The second best**: {number(second.mean)}{_error(second.error)}, "
            f"{differ or 'with the same params'}{tied}"
        )
    held = [
        f"{number(score)} {code(key)}"
        + (f" ({number(unseen)} on rows not in training)" if unseen is not None else "")
        for key, score, unseen, _ in glance.held
    ]
    whose = "That one on held-out data" if glance.best else "The newest run on held-out data"
    lines.append(f"- **{whose}**: {', '.join(held) or 'it was not scored on any'}")
    careful = [
        f"{found} {text(title)} in {runs:,} run{'s' if runs != 1 else ''}"
        for found, _, title, runs in glance.findings
    ]
    lines.append(f"- **What to be careful about**: {'; '.join(careful) or 'nothing was found'}")
    return [*lines, ""]


def _scores(page: RunPage) -> list[str]:
    rows = [
        (
            title.lower(),
            code(score.key),
            _best(number(score.value) + _error(score.error), kind == "cv"),
            _beside(score),
        )
        for kind, title in TITLES.items()
        for score in page.scores.get(kind) or ()
    ]
    shown = _table(("", "score", "value", ""), rows[:_MOST_ROWS])
    return ["", *shown] if rows else []


def _beside(score: Score) -> str:
    said = []
    if score.unseen is not None:
        said.append(f"{number(score.unseen)} on rows not in training")
    if score.splits > 1:
        said.append(f"{score.splits} splits")
    if score.judged:
        said.append(text(score.judged))
    return "; ".join(said)


def _leaderboard(found: SearchPage) -> list[str]:
    rows = [
        (
            str(row.rank or ""),
            code(row.line.name, 100),
            (number(row.mean) if row.mean is not None else row.line.status.lower())
            + _error(row.error),
            "tied" if row.tied else "",
        )
        for row in found.candidates[:_MOST_CANDIDATES]
    ]
    count = len(found.candidates) + found.further
    heading = ("rank", "candidate", f"mean of {code(found.metric)}", "")
    return (
        ["", f"**The first of {count:,} candidates**", "", *_table(heading, rows)] if rows else []
    )


def _findings(page: RunPage) -> list[str]:
    if not page.findings:
        return []
    lines = ["", "**What to be careful about**", ""]
    for finding, grade, _ in page.findings:
        lines.append(
            f"- **{finding.code}** {text(finding.text, 600)} (in {code(finding.data)}; {grade}). "
            f"{text(finding.remedy, 600)}"
        )
    return lines


def _origin(page: RunPage) -> list[str]:
    source = page.record.source
    if source is None:
        return []
    facts = []
    if source.git_commit:
        changed = " with changes" if source.git_dirty else ""
        facts.append(f"commit {code(source.git_commit[:12])}{changed}")
    facts.append(f"Python {text(source.python)}")
    return ["", f"Recorded by autotrack: {', '.join(facts)}."]


def _noise(score: NoiseOfScores) -> str:
    told = {True: "within the noise", False: "**more than noise**", None: "unknown"}
    why = f" ({text(score.reason)})" if score.reason else ""
    return (
        f"{code(score.metric)}: {number(score.a)} → {number(score.b)}, "
        f"{told[score.within_noise]}{why}"
    )


def _error(error: float | None) -> str:
    return f" ± {number(error, 2)}" if error is not None else ""


def _best(shown: str, is_best: bool) -> str:
    return f"**{shown}**" if is_best and shown else shown


def _table(heading: Iterable[str], rows: Sequence[Sequence[str]]) -> list[str]:
    heading = list(heading)
    lines = [heading, ["---"] * len(heading), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _folded(title: str, lines: Sequence[str], count: int) -> list[str]:
    if not count:
        return []
    return ["", "<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"]


def _block(shown: str, language: str) -> list[str]:
    lines = printable(shown, lines=True).splitlines()[:400]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]
