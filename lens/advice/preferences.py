"""A user's preference pairs, read from where they lie."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lens.core.errors import LensError, printable
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs, sample_rows
from lens.data.reading.explained import unused_warning
from lens.data.soft_labels import label_counts, settled
from lens.data.sources import read_source
from lens.data.texts.cures import keeping_columns


@dataclass
class Preferences:
    """Pairs with columns id, prompt (JSON messages), chosen, rejected, group; `report` says where
    they came from and what was dropped."""

    table: pd.DataFrame
    report: dict

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"<{summary(self)}>"


def read_pairs(
    source: str | Path | pd.DataFrame | Iterable,
    *,
    split: str = "train",
    revision: str | None = None,
    columns: dict[str, str] | None = None,
    pair_rule: str = "all",
    group_by: str = "prompt",
    max_pairs: int | None = None,
    labels: str = "hard",
) -> Preferences:
    """Pairs from a local file, a Hub dataset, a data frame or an iterable of rows (dicts).

    Reads pairs, ratings and rankings in the forms of `lens.data.forms`. Unusable rows and ties are
    dropped and counted; with `labels` "soft" ties are kept, and the table has a column `label`
    (`lens.data.soft_labels`). `columns` renames, {"ours": "theirs"}; `max_pairs` takes a random
    sample, always the same. Warns of unused columns that may matter. Raises LensError if no usable
    pair is left or a row has another form.
    """
    if source is None or isinstance(source, dict):
        raise LensError("pairs are a path, a Hub id, a data frame, or a list with a dict a row.")
    if isinstance(source, str | Path):
        rows, name = read_source(str(source), split=split, revision=revision), str(source)
    else:
        rows, name = _rows(source), "rows given"
    with keeping_columns(columns or {}):
        pairs, form = to_pairs(rows, pair_rule=pair_rule, columns=columns, graded=True)
        used = settled(pairs, labels)
        table, report = normalise_pairs(used, group_by=group_by, invalid_rows="drop")
    for warning in (unused_warning([*form.telling, *form.inside]), form.overruled):
        if warning:
            warnings.warn(printable(f"{name}: {warning}"), stacklevel=2)
    usable = len(table)
    if max_pairs is not None and max_pairs < usable:
        table = table.iloc[sample_rows(usable, max_pairs, 0)].reset_index(drop=True)
    return Preferences(
        table,
        {
            "source": name,
            "rows": len(rows),
            "form": asdict(form),
            "usable_pairs": usable,
            "pairs": len(table),
            "prompts": int(table["group"].nunique()),
            "dropped": dict(report.dropped),
            "first_dropped": report.first_dropped,
            **({"label_counts": counts} if (counts := label_counts(pairs)) else {}),
            **({"labels": labels} if labels != "hard" else {}),
        },
    )


def decided(table: pd.DataFrame) -> np.ndarray:
    """Which pairs [N] of a table are no ties."""
    if "label" not in table:
        return np.ones(len(table), bool)
    return (table["label"] != 0.5).to_numpy()


def summary(pairs: Preferences) -> str:
    """One line on what was read and what was left out."""
    report, form = pairs.report, pairs.report["form"]
    ties = form["ties"] if report.get("labels", "hard") == "hard" else 0
    left_out = {"ties": ties, "responses without a rating": form["unrated"]}
    left_out |= {"rows that nobody judged": form["unjudged"]}
    left_out |= {reason.replace("_", " "): count for reason, count in report["dropped"].items()}
    named = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
    unread = f" Columns not read: {', '.join(form['unread'])}." if form["unread"] else ""
    warning = unused_warning([*form["telling"], *form["inside"]])
    sampled = f" (a sample of {report['usable_pairs']:,})"
    return printable(
        f"{report['source']}: {report['pairs']:,} pairs"
        f"{sampled if report['pairs'] < report['usable_pairs'] else ''} with "
        f"{report['prompts']:,} prompts from {report['rows']:,} rows; left out: {named or 'none'}."
        f"{unread}{f' Warning: {warning}' if warning else ''}"
    )


def _rows(source: Iterable | pd.DataFrame) -> list[tuple[str, dict]]:
    if isinstance(source, pd.DataFrame):
        twice = source.columns[source.columns.duplicated()]
        if len(twice):
            raise LensError(f"the data frame has the column {twice[0]!r} twice. Rename one.")
        source = source.to_dict("records")
    rows = []
    for number, row in enumerate(source, 1):
        if not isinstance(row, Mapping):
            raise LensError(f"row {number}: a dict is needed, not {type(row).__name__}.")
        rows.append((f"row {number}", _plain(dict(row))))
    return rows


def _plain(value: Any) -> Any:
    """Arrays as lists and missing values as None, inside and out, as data frames hold them."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is pd.NA or value is pd.NaT or value != value else value
