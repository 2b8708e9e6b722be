"""The offline world in numbers, by its true reward."""

import json

import numpy as np
import pandas as pd

from lens.paper.curves import learning_printed
from lens.report.files import Printed
from lens.world.texts import true_reward


def gold_against_truth(kind: str, scored: pd.DataFrame) -> dict:
    """Agreement of gold scores with the true reward on sampled answers.

    `order_agreement` is the share of pairs of answers to one prompt with different true rewards
    (in points) that gold scores put in the same order; best and mean are over a prompt's answers.
    """
    truth = np.array(
        [
            true_reward(kind, json.loads(prompt)[-1]["content"], response)
            for prompt, response in zip(scored["prompt"], scored["response"], strict=True)
        ]
    )
    agreements, count = 0.0, 0
    table = scored.assign(truth=truth)
    for _, answers in table.groupby("prompt_id"):
        first, second = np.triu_indices(len(answers), 1)
        gap = answers["truth"].to_numpy()[first] - answers["truth"].to_numpy()[second]
        gold_gap = answers["gold"].to_numpy()[first] - answers["gold"].to_numpy()[second]
        different = gap != 0
        agreements += ((np.sign(gap * gold_gap)[different] + 1) / 2).sum()
        count += int(different.sum())
    by_prompt = table.groupby("prompt_id")["truth"]
    return {
        "order_agreement": agreements / count,
        "pairs_compared": count,
        "correlation": float(np.corrcoef(truth, scored["gold"])[0, 1]),
        "mean_true_reward": float(truth.mean()),
        "best_true_reward": float(by_prompt.max().mean()),
    }


def printed(truth: dict, sampled: dict[str, dict], curve: pd.DataFrame) -> list[Printed]:
    """The world card: labels, gold model, and reward models by N."""
    header = [
        "set",
        "Bayes accuracy of labels %",
        "gold orders sampled answers rightly %",
        "correlation of gold and true reward",
        "true reward: mean / best of samples",
    ]
    rows = [
        [
            kind,
            f"{100 * truth[kind]['bayes_accuracy']:.1f}",
            f"{100 * agreement['order_agreement']:.1f}",
            f"{agreement['correlation']:.3f}",
            f"{agreement['mean_true_reward']:.2f} / {agreement['best_true_reward']:.2f}",
        ]
        for kind, agreement in sampled.items()
    ]
    note = "No reward model can pass the Bayes accuracy on held-out labels."
    return [Printed(header, [("The offline world", rows)], note), learning_printed(curve)]
