"""Where an augmented reward model picks differently from the original, and whether that is
better."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lens.core.intervals import crossed_interval

JUDGES = ("original", "augmented", "control")
COMPARED = (("augmented", "original"), ("control", "original"), ("augmented", "control"))
PERCENTILES = (10, 50, 90)


@dataclass
class Picks:
    """What each judge picks: `place` {judge: [seeds, prompts]} among a prompt's candidates, and
    `tied`, whether a candidate with another text had the same highest reward.

    `gold` [prompts, candidates] and `texts`, alike; `prompts` [prompts] are JSON messages.
    """

    ids: np.ndarray
    prompts: np.ndarray
    texts: np.ndarray
    gold: np.ndarray
    seeds: list[int]
    place: dict[str, np.ndarray]
    tied: dict[str, np.ndarray]

    def picked_gold(self, judge: str) -> np.ndarray:
        """Gold reward [seeds, prompts] of the picks."""
        return np.take_along_axis(self.gold[None], self.place[judge][..., None], axis=2)[..., 0]

    def picked_text(self, judge: str) -> np.ndarray:
        return np.take_along_axis(self.texts[None], self.place[judge][..., None], axis=2)[..., 0]

    def difference(self, first: str, second: str) -> np.ndarray:
        """Gold reward of the first judge's pick minus that of the second's, [seeds, prompts]; 0
        where both pick the same text."""
        same = self.picked_text(first) == self.picked_text(second)
        return np.where(same, 0.0, self.picked_gold(first) - self.picked_gold(second))

    def outcome(self, first: str, second: str) -> np.ndarray:
        """Of the first against the second: "same" text picked, "win", "loss", or "even" where the
        texts differ and their gold rewards do not. [seeds, prompts]"""
        gap = self.difference(first, second)
        same = self.picked_text(first) == self.picked_text(second)
        return np.select([same, gap > 0, gap < 0], ["same", "win", "loss"], "even")


def pick(rewards: Mapping[str, np.ndarray], seeds: list[int], candidates: pd.DataFrame) -> Picks:
    """Each judge's picks by its rewards [seeds, rows], for candidates with their gold, every
    prompt's in consecutive rows. Of candidates with equal rewards the first is picked."""
    ids = candidates["prompt_id"].drop_duplicates().to_numpy()
    count = len(candidates) // len(ids)
    texts = candidates["response"].to_numpy(dtype=object).reshape(-1, count)
    place, tied = {}, {}
    for judge, values in rewards.items():
        by_prompt = values.reshape(len(seeds), -1, count)
        place[judge] = by_prompt.argmax(axis=2)
        first = np.take_along_axis(texts[None], place[judge][..., None], axis=2)
        best = by_prompt == by_prompt.max(axis=2, keepdims=True)
        tied[judge] = (best & (texts[None] != first)).any(axis=2)
    return Picks(
        ids,
        candidates["prompt"].to_numpy()[::count],
        texts,
        candidates["gold"].to_numpy(np.float64).reshape(-1, count),
        seeds,
        place,
        tied,
    )


def observations(picks: Picks) -> pd.DataFrame:
    """One row per seed and prompt: each judge's pick, its gold reward, and the outcomes."""
    table = pd.DataFrame(
        {
            "seed": np.repeat(picks.seeds, len(picks.ids)),
            "prompt_id": np.tile(picks.ids, len(picks.seeds)),
        }
    )
    for judge in picks.place:
        table[f"{judge}_candidate"] = picks.place[judge].ravel()
        table[f"{judge}_gold"] = picks.picked_gold(judge).ravel()
        table[f"{judge}_tied"] = picks.tied[judge].ravel()
    for first, second in COMPARED:
        table[f"{first}_against_{second}"] = picks.outcome(first, second).ravel()
    return table


def summary(picks: Picks) -> pd.DataFrame:
    """One row per comparison: shares of (seed, prompt) with another text picked, won, lost and
    even, and the mean gold difference over all prompts; 95 % intervals over seeds and prompts."""
    rows = []
    for first, second in COMPARED:
        outcome, gap = picks.outcome(first, second), picks.difference(first, second)
        row = {"first": first, "second": second, "prompts": len(picks.ids)}
        row |= {"seeds": len(picks.seeds)}
        shares = {
            "differ": outcome != "same",
            "wins": outcome == "win",
            "losses": outcome == "loss",
            "even": outcome == "even",
        }
        for name, values in shares.items():
            ends = crossed_interval(values)
            row |= {name: ends.mean, f"{name}_low": max(0.0, ends.low)}
            row |= {f"{name}_high": min(1.0, ends.high)}
        for name, values in {"wins_less_losses": np.sign(gap), "gold_difference": gap}.items():
            ends = crossed_interval(values)
            row |= {name: ends.mean, f"{name}_low": ends.low, f"{name}_high": ends.high}
        rows.append(row)
    return pd.DataFrame(rows)


def telling(gap: np.ndarray) -> list[tuple[str, int, int]]:
    """(outcome, percentile, prompt) of the examples, from one seed's gold differences [prompts]: of
    the wins, and of the losses, those at `PERCENTILES` of their size (nearest rank; equal sizes in
    the order of the prompts). The same prompt is shown once."""
    examples = []
    for outcome, sign in (("win", 1), ("loss", -1)):
        places = np.flatnonzero(sign * gap > 0)
        ordered = places[np.argsort(sign * gap[places], kind="stable")]
        shown: set[int] = set()
        for percentile in PERCENTILES if len(ordered) else ():
            prompt = int(ordered[-(-percentile * len(ordered) // 100) - 1])
            if prompt not in shown:
                examples.append((outcome, percentile, prompt))
            shown.add(prompt)
    return examples
