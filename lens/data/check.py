"""Checks a set of preferences before anything runs: its contents and its problems."""

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field

import pandas as pd

from lens.core.errors import printable
from lens.data.beware import (
    LENGTH_BIAS,
    Share,
    duplicates,
    first_answer_wins,
    is_biased,
    longer_wins,
)
from lens.data.form_report import FormReport
from lens.data.forms import to_pairs
from lens.data.near_duplicates import THRESHOLD, WIDTH, repeated
from lens.data.pairs import normalise_pairs
from lens.data.reading.explained import meanings, roles, unused_warning
from lens.data.soft_labels import label_counts, settled
from lens.data.sources import Row
from lens.data.splits import contradicting_pairs
from lens.data.texts.cures import keeping_columns

FEW_PAIRS = 50
LARGE_SHARE = 0.2
MARK = re.compile(
    r"<\|[^\s|<>]+\|>|<extra_id_\d+>|<(?:start|end)_of_turn>|\[/?INST\]|<[A-Z]+_TOKEN>"
)


@dataclass
class DataCheck:
    """Counts over one set of preferences; shares are from 0 to 1, lengths are in characters.

    `dropped` counts unusable pairs by reason. Prompts count as one as `group_by` says.
    `near_duplicates` are prompts that are near duplicates of an earlier one (`near_duplicates`),
    `duplicates` are exact copies of earlier pairs, `contradicting_pairs` those whose two answers
    stand elsewhere the other way round; in `longer_answer_wins` equal lengths count 1/2.
    `first_answer_wins` is None where sides are not known; `labels` counts pairs with a label below
    1 (`graded`) and those of 1/2 (`ties`), None where all are 1. In `prompt_repeated` pairs both
    answers begin with what is asked; `marks_left` counts pairs with a mark of a chat template that
    was not read as one. `ties_kept` says whether ties are among the pairs.
    """

    form: FormReport
    pair_rule: str
    rows: int
    pairs_made: int
    pairs: int
    dropped: dict[str, int]
    first_dropped: dict[str, list[str]]
    prompts: int
    most_pairs_per_prompt: int
    near_duplicates: int
    duplicates: int
    contradicting_pairs: int
    single_turn: int
    multi_turn: int
    characters: dict[str, dict[str, float]]
    longer_answer_wins: float
    example: dict[str, str]
    first_answer_wins: Share | None
    labels: dict[str, int] | None
    ties_kept: bool
    prompt_repeated: int = 0
    marks_left: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict:
        return {**asdict(self), "warnings": warnings(self)}


def check_data(
    rows: list[Row],
    *,
    pair_rule: str = "all",
    group_by: str = "prompt",
    columns: dict[str, str] | None = None,
    labels: str = "hard",
) -> DataCheck:
    """Makes pairs of rows in any form, drops unusable ones, and counts them.

    Raises LensError if the form is unknown or no usable pair is left.
    """
    with keeping_columns(columns or {}):
        all_pairs, form = to_pairs(rows, pair_rule=pair_rule, columns=columns, graded=True)
        settled_pairs = settled(all_pairs, labels)
        table, report = normalise_pairs(settled_pairs, group_by=group_by, invalid_rows="drop")
    messages = table["prompt"].map(json.loads)
    turns = messages.map(lambda chat: sum(message["role"] == "user" for message in chat))
    lengths = {
        "prompt": messages.map(lambda chat: sum(len(message["content"]) for message in chat)),
        "chosen": table["chosen"].str.len(),
        "rejected": table["rejected"].str.len(),
    }
    first = table.iloc[0]
    return DataCheck(
        form=form,
        pair_rule=pair_rule,
        ties_kept=labels == "soft",
        rows=len(rows),
        pairs_made=report.read,
        pairs=report.kept,
        dropped=dict(report.dropped),
        first_dropped=report.first_dropped,
        prompts=table["group"].nunique(),
        most_pairs_per_prompt=int(table["group"].value_counts().max()),
        near_duplicates=len(repeated(table["group"].unique())),
        duplicates=duplicates(table),
        contradicting_pairs=contradicting_pairs(table),
        single_turn=int((turns == 1).sum()),
        multi_turn=int((turns > 1).sum()),
        characters={
            name: {"median": float(length.median()), "max": int(length.max())}
            for name, length in lengths.items()
        },
        longer_answer_wins=longer_wins(table),
        example={
            "place": report.where_by_id[first["id"]],
            "prompt": "\n\n".join(
                f"{message['role']}: {message['content']}" for message in messages[0]
            ),
            "chosen": first["chosen"],
            "rejected": first["rejected"],
        },
        first_answer_wins=first_answer_wins(table),
        labels=label_counts(all_pairs),
        marks_left=_marks_left(table),
        prompt_repeated=sum(map(_repeats, messages, table["chosen"], table["rejected"])),
    )


def _marks_left(table: pd.DataFrame) -> dict[str, int]:
    """{mark: the pairs whose texts hold it}, the most frequent ones first."""
    texts = table["prompt"] + table["chosen"] + table["rejected"]
    return dict(
        Counter(mark for text in texts for mark in dict.fromkeys(MARK.findall(text))).most_common(3)
    )


def _repeats(messages: list[dict], *answers: str) -> bool:
    """Whether all answers begin with the last turn of their prompt."""
    return all(answer.startswith(messages[-1]["content"]) for answer in answers)


def warnings(check: DataCheck) -> list[str]:
    """What may spoil results or mislead, each in a sentence or two."""
    texts = []
    if check.pairs < FEW_PAIRS:
        texts.append(f"Few pairs ({check.pairs}): intervals will be wide.")
    share = check.most_pairs_per_prompt / check.pairs
    if check.prompts == 1:
        texts.append("All pairs share one prompt, so none can be held out for a test.")
    elif share > LARGE_SHARE:
        texts.append(
            f"One prompt holds {share:.0%} of the pairs: pairs of one prompt stay on one side of "
            "a split, and it dominates what is learned."
        )
    longer = check.longer_answer_wins
    if not LENGTH_BIAS[0] <= longer <= LENGTH_BIAS[1]:
        texts.append(
            f"The longer answer wins in {longer:.0%} of the pairs: a model may learn length "
            "rather than quality."
        )
    if is_biased(check.first_answer_wins):
        texts.append(
            f"The first answer wins in {check.first_answer_wins}: annotators may lean to a side. "
            "Show the answers in random order, and look at the labels."
        )
    if check.form.contradictions:
        texts.append(
            f"In {check.form.contradictions} pairs the chosen answer is scored below the rejected "
            "one; the label was kept."
        )
    if check.prompt_repeated > check.pairs / 2:
        texts.append(
            f"In {check.prompt_repeated:,} pairs both answers begin with the text of the prompt, "
            "and are read as they stand. If it is not part of the answers, cut it off."
        )
    if any(count > check.pairs / 2 for count in check.marks_left.values()):
        texts.append(
            f"Texts hold marks of a chat template that is not known ({', '.join(check.marks_left)})"
            " and are read as they stand. Remove the marks, or write messages with roles."
        )
    texts += [check.form.overruled] if check.form.overruled else []
    if warning := unused_warning([*check.form.telling, *check.form.inside]):
        texts.append(warning)
    if check.contradicting_pairs:
        texts.append(
            f"{check.contradicting_pairs} pairs contradict one another: the same two answers to "
            "the same prompt, labelled both ways."
        )
    if check.near_duplicates:
        texts.append(
            f"{check.near_duplicates:,} of {check.prompts:,} prompts are near duplicates of an "
            f"earlier one (Jaccard {THRESHOLD} or more of {WIDTH}-character pieces). A split keeps "
            "equal prompts on one side, but not near duplicates: accuracy may be too high."
        )
    if check.duplicates:
        texts.append(f"{check.duplicates} pairs are exact copies of earlier ones.")
    return texts


def render(check: DataCheck) -> str:
    """The check as plain text for a terminal, warnings last."""
    form = check.form
    lines = {
        "form": f"{form.form}: {form.description}",
        "not read": ", ".join(form.unread) or "-",
        "rows": f"{check.rows:,} ({form.responses:,} responses, {form.unrated:,} unrated)",
        "pairs": (
            f"{check.pairs:,} usable of {check.pairs_made:,} made; {form.ties:,} ties "
            f"{'kept' if check.ties_kept else 'dropped'}, "
            f"{form.prompts_without_pair:,} prompts without a pair"
            + (f", {form.unjudged:,} rows that nobody judged" if form.unjudged else "")
        ),
        "dropped": "; ".join(
            f"{count:,} {reason.replace('_', ' ')} ({_rows_of(check.first_dropped[reason], count)})"
            for reason, count in check.dropped.items()
        ),
        "columns": roles(form.columns),
        "labels": meanings(form.meanings),
        "prompts": (
            f"{check.prompts:,} distinct, most pairs of one {check.most_pairs_per_prompt:,}; "
            f"pairs with one turn {check.single_turn:,}, with more {check.multi_turn:,}"
        ),
        "characters": "; ".join(
            f"{name} {length['median']:,.0f} (median), {length['max']:,} (longest)"
            for name, length in check.characters.items()
        ),
        "longer wins": f"{check.longer_answer_wins:.0%} of pairs",
        "first wins": str(check.first_answer_wins or ""),
        "judgements": ", ".join(f"{count:,} {what}" for what, count in form.judgements.items()),
        "soft labels": _about_labels(check),
        "example": check.example["place"],
        "  prompt": printable(check.example["prompt"], 300),
        "  chosen": printable(check.example["chosen"], 300),
        "  rejected": printable(check.example["rejected"], 300),
    }
    text = [f"{name:<13}{printable(line)}" for name, line in lines.items() if line]
    return "\n".join([*text, *(f"Warning: {printable(warning)}" for warning in warnings(check))])


def _about_labels(check: DataCheck) -> str:
    if check.labels is None:
        return ""
    graded, pairs, ties = (check.labels[name] for name in ("graded", "pairs", "ties"))
    return f"{graded:,} of {pairs:,} below 1, {ties:,} ties (--labels soft trains on them)"


def _rows_of(first_dropped: list[str], count: int) -> str:
    rows = [re.sub(r"^.*?, (?=row \d)", "", where) for where in first_dropped]  # the file is known
    return "; ".join(rows + ["..."] * (count > len(rows)))
