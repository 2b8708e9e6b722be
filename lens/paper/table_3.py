"""Table 3: how good language models are that were trained on a reward model's picks."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lens.core.intervals import crossed_interval
from lens.paper.cells import CONTROLS, EXPLAINED, EXPLAINS, corrected
from lens.report import paper_comparison
from lens.report.files import Printed
from lens.report.measured import difference, level, of_seeds, p_value, shown, shown_difference
from lens.report.render import number
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
    EXPLAINED,
]
NOTE = (
    "Mean [95 % interval over seeds and test prompts] of the gold reward of one new answer per "
    "test prompt, by a model that was fine-tuned (SFT) on the responses that the named reward "
    "model picked for held-out prompts. vs repeat: paired difference to the picks of a reward "
    "model trained in the same way on repeated original pairs. * marks a significant difference "
    "(5 %, Holm-corrected over the column). judge prefers: share of pairs of answers in which the "
    "judge prefers this answer to the other one, each pair in both orders, ties one half. paper: "
    "the paper's value. On other data or with another gold model or judge, compare it only in "
    "direction." + EXPLAINS
)


def table_3(
    gold: Mapping[str, np.ndarray],
    untrained: np.ndarray,
    about: Mapping[str, Mapping],
    compared: tuple[str, str],
    verdicts: pd.DataFrame,
    paper: bool,
    explained: Mapping[str, float | None],
) -> pd.DataFrame:
    """One row for the language model before SFT and one per reward model.

    `gold` holds gold rewards [seeds, prompts] by the name of what picked, `untrained` [prompts]
    those of the model before SFT, `about` each one's method and scale. `verdicts` are on answers of
    the two `compared`, seed by seed on the same prompts. `paper`: whether dataset, model and N are
    the paper's; its numbers are shown next to the reward models that it had. `explained` is the
    share of held-out variance that a reward model's VAE explains.
    """
    controls = {about[name]["method"]: name for name in gold}
    rates = win_rates(verdicts)
    rows = []
    for name, values in {"none": untrained[None], **gold}.items():
        labels: Mapping = {"method": "before SFT", "scale": None} if name == "none" else about[name]
        control = controls.get(CONTROLS.get(labels["method"], "repeat")) if name in gold else None
        pair = (values, gold[control] if control and name != control else None)
        won = (rates if name == compared[0] else 1 - rates) if name in compared else None
        printed = reported()["table3"][name] if paper and labels == PAPER.get(name) else {}
        rows.append(
            {"picked_by": name, **labels}
            | level(values)
            | difference(*pair)
            | {"reported": printed.get("reward", np.nan)}
            | level(won if rates.size else None, "win_rate", "win_", within=(0.0, 1.0))
            | {
                "reported_win_rate": printed.get("judge_win_rate", np.nan),
                "p_value": p_value(*pair),
                "vae_variance_explained": explained.get(name),
            }
        )
    return corrected(pd.DataFrame(rows).astype({"vae_variance_explained": "float64"}))


def win_rates(verdicts: pd.DataFrame) -> np.ndarray:
    """Wins of a [seeds, prompts]: 1, or 0 if b is preferred, 0.5 for a tie. Prompts without a
    verdict for any seed are left out; the result may be [seeds, 0]."""
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
    """The paper's numbers, and its claim that picks by LENS are better, for the gold model and for
    the judge. Arguments as for `table_3`."""
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
    return paper_comparison.verdicts("table_3", rows, comparable=comparable)


def printed(title: str, table: pd.DataFrame, seeds: int) -> Printed:
    rows = [
        [
            row.picked_by,
            row.method.replace("_", " "),
            "-" if row.scale != row.scale else f"{int(row.scale)}x",
            shown(row, 3),
            shown_difference(row, 3),
            number(row.reported, 2),
            shown(row, 1, "win_rate", "win_", factor=100),
            number(100 * row.reported_win_rate, 0),
            number(100 * row.vae_variance_explained, 1),
        ]
        for row in table.itertuples()
    ]
    return Printed(HEADER, [(title, rows)], of_seeds(NOTE, seeds))


def title(labels: Mapping, facts: Mapping, judge: Mapping) -> str:
    """The title of the rows, with the judge's ties and position bias."""
    counts = judge["preferred"]
    text = (
        f"{labels['dataset']}, {labels['model']}: SFT on {facts['sft_prompts']} prompts, judged on "
        f"{facts['test_prompts']}; {facts['seeds']} seeds. Judge: {judge['pairs']} pairs in both "
        f"orders, {counts['tie']} ties, {counts['none']} without a verdict"
    )
    if judge["position_bias"] is not None:
        text += f"; the same position won both times in {100 * judge['position_bias']:.0f} %"
    return text
