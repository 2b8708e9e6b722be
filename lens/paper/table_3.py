"""Table 3: what language models are worth that were trained on a reward model's picks."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.intervals import Interval, crossed_interval, crossed_p_value, holm
from lens.paper.cells import CONTROLS
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.render import number, with_interval
from lens.report.reported import reported
from lens.textspace.judging import WON

PAPER = {  # the reward models of the paper's Table 3
    "latent": {"method": "lens", "scale": 4},
    "textual": {"method": "full_finetune", "scale": 4},
}
HEADER = [
    "picked by",
    "method",
    "scale",
    "gold reward",
    "vs repeat",
    "paper",
    "judge prefers %",
    "paper",
]
NOTE = (
    "Mean [95 % interval over seeds and test prompts] of the gold reward of one fresh answer to "
    "each test prompt, by a model fine-tuned (SFT) on the response that the named reward model "
    "picked among a held-out prompt's. vs repeat: paired difference to the picks of a reward "
    "model trained in the same way on repeated original pairs; * if told from 0 after Holm's "
    "correction over the column (5 %). judge prefers: share of pairs of "
    "answers in which the judge prefers this one to the other of the two that it was shown, each "
    "pair in both orders, ties one half. paper: in another world or with another gold model or "
    "judge it can be compared in direction, not in size."
)


def table_3(
    gold: Mapping[str, np.ndarray],
    untrained: np.ndarray,
    about: Mapping[str, Mapping],
    compared: tuple[str, str],
    verdicts: pd.DataFrame,
    paper: bool,
) -> pd.DataFrame:
    """A row for the language model before SFT and one for each reward model.

    `gold` holds gold rewards [seeds, prompts] by the name of what picked, `untrained` [prompts]
    those of the model before SFT, `about` each one's method and scale. `verdicts` are on answers of
    the two `compared`, seed by seed on the same prompts. `paper`: whether dataset, model and N are
    the paper's; its numbers stand beside the reward models that it had.
    """
    controls = {about[name]["method"]: name for name in gold}
    rates = win_rates(verdicts)
    first = {"picked_by": "none", "method": "before SFT", "scale": None}
    rows = [first | _level(crossed_interval(untrained[None]))]
    for name, values in gold.items():
        row = {"picked_by": name, **about[name]} | _level(crossed_interval(values))
        control = controls.get(CONTROLS.get(about[name]["method"], "repeat"))
        if control and name != control:
            gap = values - gold[control]
            row |= _level(crossed_interval(gap), "difference_to_repeat", "difference_")
            row["p_value"] = crossed_p_value(gap)
        if name in compared and rates.size:
            won = rates if name == compared[0] else 1 - rates
            row |= _level(_within(crossed_interval(won)), "win_rate", "win_")
        if paper and about[name] == PAPER.get(name):
            row["reported"] = reported()["table3"][name]["reward"]
            row["reported_win_rate"] = reported()["table3"][name]["judge_win_rate"]
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["corrected_p_value"] = holm(table["p_value"].astype("float64"))
    return table


COLUMNS = [
    "picked_by",
    "method",
    "scale",
    "mean",
    "low",
    "high",
    "difference_to_repeat",
    "difference_low",
    "difference_high",
    "reported",
    "win_rate",
    "win_low",
    "win_high",
    "reported_win_rate",
    "p_value",
    "corrected_p_value",
]


def _within(interval: Interval) -> Interval:
    """A share's interval, no wider than shares are."""
    return Interval(interval.mean, max(0.0, interval.low), min(1.0, interval.high))


def _level(interval: Interval, mean: str = "mean", prefix: str = "") -> dict[str, float]:
    return {mean: interval.mean, f"{prefix}low": interval.low, f"{prefix}high": interval.high}


def win_rates(verdicts: pd.DataFrame) -> np.ndarray:
    """[seeds, prompts]: 1 where a is preferred, 0 where b is, 0.5 for a tie. Prompts that lack a
    verdict at any seed are left out; [seeds, 0] where none is left."""
    won = verdicts["preferred"].map(WON)
    wide = verdicts.assign(won=won).pivot(index="candidate", columns="prompt_id", values="won")
    return wide.dropna(axis="columns").to_numpy()


def against_paper(
    gold: Mapping[str, np.ndarray],
    about: Mapping[str, Mapping],
    compared: tuple[str, str],
    verdicts: pd.DataFrame,
    paper: bool,
    comparable: bool,
) -> pd.DataFrame:
    """The paper's numbers, and its claim that picks by LENS are worth more, for the gold model and
    for the judge. Arguments as for `table_3`."""
    there = [name for name in PAPER if paper and about.get(name) == PAPER[name]]
    values = reported()["table3"]
    rows = [
        paper_comparison.number(
            f"gold reward, {name}", values[name]["reward"], crossed_interval(gold[name])
        )
        for name in there
    ]
    if set(there) == set(PAPER):
        gap = gold["latent"] - gold["textual"]
        claimed = values["latent"]["reward"] - values["textual"]["reward"]
        rows.append(paper_comparison.claim("latent above textual, gold reward", gap, claimed))
        won = win_rates(verdicts)
        if set(compared) == set(PAPER) and won.size:
            won = won if compared[0] == "latent" else 1 - won
            rate = values["latent"]["judge_win_rate"]
            rows.append(
                paper_comparison.number("judge prefers latent", rate, crossed_interval(won))
            )
            rows.append(
                paper_comparison.claim("latent preferred by the judge", won - 0.5, rate - 0.5)
            )
    return paper_comparison.beside("table_3", rows, comparable=comparable)


def printed(title: str, table: pd.DataFrame) -> Printed:
    rows = [
        [
            row.picked_by,
            row.method.replace("_", " "),
            "-" if row.scale != row.scale else f"{int(row.scale)}x",
            with_interval(row.mean, row.low, row.high, 3),
            with_interval(
                row.difference_to_repeat, row.difference_low, row.difference_high, 3, sign=True
            )
            + ("*" if row.corrected_p_value < paper_comparison.LEVEL else ""),
            number(row.reported, 2),
            with_interval(100 * row.win_rate, 100 * row.win_low, 100 * row.win_high, 1),
            number(100 * row.reported_win_rate, 0),
        ]
        for row in table.itertuples()
    ]
    return Printed(HEADER, [(title, rows)], NOTE)


def title(labels: Mapping, facts: Mapping, judge: Mapping) -> str:
    """What the rows have in common, and how the judge stands when answers change places."""
    counts = judge["preferred"]
    text = (
        f"{labels['dataset']}, {labels['model']}: SFT on {facts['sft_prompts']} prompts, judged on "
        f"{facts['test_prompts']}; {facts['seeds']} seeds. Judge: {judge['pairs']} pairs in both "
        f"orders, {counts['tie']} ties, {counts['none']} without a verdict"
    )
    if judge["position_bias"] is not None:
        text += f"; the same place won both times in {100 * judge['position_bias']:.0f} %"
    return text
