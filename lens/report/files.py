"""The files of a table or figure: tidy CSVs, pages to read, and its settings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from lens.files import artifacts
from lens.report import paper_comparison
from lens.report.examples import Example
from lens.report.render import escape_markdown, html_page, html_table, latex_table, markdown_table

PLAIN = re.compile(r"[-+0-9.,x%* ()\[\]]*")


@dataclass(frozen=True)
class Printed:
    """A table for readers: `blocks` are (title, rows); `note` explains the columns."""

    header: Sequence[str]
    blocks: Sequence[tuple[str, Sequence[Sequence[str]]]]
    note: str

    def markdown(self) -> str:
        parts = [
            f"**{escape_markdown(title)}**\n\n" + markdown_table(self.header, _escaped(rows))
            for title, rows in self.blocks
        ]
        return "\n".join([*parts, self.note + "\n"])

    def latex(self) -> str:
        return latex_table(self.header, self.blocks, self.note)

    def html(self) -> str:
        """The table as HTML for the body of a page."""
        return "\n".join(html_table(self.header, rows, title) for title, rows in self.blocks)


def _escaped(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[c if PLAIN.fullmatch(c) else escape_markdown(c) for c in row] for row in rows]


def publish(
    out_dir: str | Path,
    name: str,
    *,
    table: pd.DataFrame,
    observations: pd.DataFrame,
    settings: Mapping[str, object],
    inputs: Mapping[str, str | Path],
    parts: Sequence[Printed] = (),
    latex: bool = True,
    compared: pd.DataFrame | None = None,
    examples: Sequence[Example] = (),
) -> None:
    """Writes the files of a table or figure: NAME.csv, NAME_observations.csv and, last,
    NAME_settings.json. With `compared` (from `paper_comparison.verdicts`) also NAME_paper.csv. With
    `parts` also NAME.md, NAME.html and (if `latex`) NAME.tex, which end with the examples."""
    out = Path(out_dir)
    artifacts.write_table(out / f"{name}.csv", table)
    if parts and latex:
        latexed = [part.latex() for part in parts] + [example.latex() for example in examples]
        artifacts.write_text(out / f"{name}.tex", "\n".join(latexed))
    if parts:
        write_page(out, name, parts, compared, examples)
    artifacts.write_table(out / f"{name}_observations.csv", observations)
    if compared is not None:
        artifacts.write_table(out / f"{name}_paper.csv", compared)
    artifacts.write_metrics(out / f"{name}_settings.json", settings, inputs, {})


def write_page(
    out_dir: str | Path,
    name: str,
    parts: Sequence[Printed],
    compared: pd.DataFrame | None = None,
    examples: Sequence[Example] = (),
) -> None:
    """Writes NAME.md and NAME.html: the tables, the comparison with the paper (numbers that cannot
    be compared are counted in Markdown and listed in HTML), then the examples."""
    out = Path(out_dir)
    short, long = (_paper_table(compared, every=every) for every in (False, True))
    texts = [part.markdown() for part in (*parts, *short)]
    texts += [example.markdown() for example in examples]
    artifacts.write_text(out / f"{name}.md", "\n".join(texts))
    bodies = [f"{part.html()}<p class='note'>{escape(part.note)}</p>" for part in [*parts, *long]]
    body = "\n".join([*bodies, *(example.html() for example in examples)])
    artifacts.write_text(out / f"{name}.html", html_page(name.replace("_", " ").capitalize(), body))


def _paper_table(compared: pd.DataFrame | None, *, every: bool) -> list[Printed]:
    rows = [] if compared is None else paper_comparison.printed(compared, every=every)
    title = "Comparison with the paper"
    return [Printed(paper_comparison.HEADER, [(title, rows)], paper_comparison.NOTE)] * bool(rows)
