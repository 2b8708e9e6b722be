"""Rows with a reward model's opinion added to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lens.core.errors import LensError
from lens.data.reading.conversations import answer, as_messages, split_answer
from lens.data.reading.names import LISTS, PROMPTS, TEXTS
from lens.data.reading.turns import InvalidRowError
from lens.data.sources import Row
from lens.serving.calibration import reliability
from lens.serving.reward_model import RewardModel, sigmoid

LEAST = 50  # pairs, below which a calibration error says nothing


@dataclass
class Tally:
    """What passed through, and the probabilities given to answers labelled as preferred."""

    rows: int = 0
    probabilities: list[float] = field(default_factory=list)
    ties: int = 0

    def summary(self, model: RewardModel) -> str:
        """A line on rows, accuracy and calibration, here and when the model was held out."""
        if not self.probabilities:
            return f"{self.rows:,} row{'s' * (self.rows != 1)} scored."
        given = np.array(self.probabilities)
        right = 100 * ((np.sign(given - 0.5) + 1) / 2).mean()
        text = f"{self.rows:,} pairs scored; the labelled answer is preferred in {right:.1f} %"
        if self.ties:
            text += f" (ties, half right each: {self.ties:,})"
        if len(given) < LEAST:
            return f"{text}."
        found, held = reliability(given), model.card["held_out"]
        trained = bool(right > 100 * held["accuracy"]["high"])
        return (
            f"{text}; expected calibration error {100 * found.error:.1f} points (by chance alone "
            f"{100 * found.by_chance:.1f}; when fitted, held out: "
            f"{100 * held['calibration_error']:.1f})."
            + " More than held out: was it trained on these pairs?"
            * trained
        )


def score_rows(model: RewardModel, rows: Sequence[Row], tally: Tally) -> list[dict]:
    """Rows with `reward`, or, where they have `chosen` and `rejected`, with `reward_chosen`,
    `reward_rejected` and the `probability` that the chosen one is preferred."""
    texts = [text for place, row in rows for text in _texts(place, row)]
    rewards = iter(model.score(*zip(*texts, strict=True)).tolist())
    scored = []
    for _, row in rows:
        tally.rows += 1
        if "chosen" in row and "rejected" in row:
            chosen, rejected = next(rewards), next(rewards)
            probability = float(sigmoid(chosen - rejected))
            tally.probabilities.append(probability)
            tally.ties += chosen == rejected
            added = {"reward_chosen": chosen, "reward_rejected": rejected}
            scored.append({**row, **added, "probability": probability})
        else:
            scored.append({**row, "reward": next(rewards)})
    return scored


def _texts(place: str, row: dict) -> list[tuple[list, str]]:
    """(prompt, response) of a row: one, or two for a pair."""
    try:
        if "chosen" in row and "rejected" in row:
            return [_text(row, row[side]) for side in ("chosen", "rejected")]
        name = next((name for name in TEXTS if name in row), None)
        if name is None or _prompt(row) is None:
            raise LensError(
                f"needs `prompt` and `response`, or `chosen` and `rejected`; found {sorted(row)}."
            )
        return [_text(row, row[name])]
    except (InvalidRowError, LensError) as error:
        raise LensError(f"{place}: {error}") from error


def _text(row: dict, response: object) -> tuple[list, str]:
    """A response, which may be empty, with the row's prompt or the one that it repeats."""
    if _prompt(row) is None:
        return split_answer(response)
    return as_messages(_prompt(row)), answer(response)


def _prompt(row: dict) -> object:
    return next((row[name] for name in PROMPTS if row.get(name) is not None), None)


def pick_rows(model: RewardModel, rows: Sequence[Row]) -> list[dict]:
    """Rows with `rewards` of their candidates, the place `best` (from 0) of the highest, and
    `best_response`, its text."""
    prompts, pools = [], []
    for place, row in rows:
        prompt, pool = _pool(place, row)
        prompts += [prompt] * len(pool)
        pools.append(pool)
    rewards = model.score(prompts, [text for pool in pools for text in pool])
    parts = np.split(rewards, np.cumsum([len(pool) for pool in pools])[:-1])
    return [
        {
            **row,
            "rewards": part.tolist(),
            "best": int(part.argmax()),
            "best_response": pool[int(part.argmax())],
        }
        for (_, row), pool, part in zip(rows, pools, parts, strict=True)
    ]


def _pool(place: str, row: dict) -> tuple[list, list[str]]:
    name = next((name for name in LISTS if isinstance(row.get(name), list) and row[name]), None)
    if name is None or _prompt(row) is None:
        raise LensError(
            f"{place}: needs `prompt` and a list `candidates` that is not empty; found "
            f"{sorted(row)}."
        )
    try:
        return as_messages(_prompt(row)), [_response(item) for item in row[name]]
    except InvalidRowError as error:
        raise LensError(f"{place}: {error}") from error


def _response(item: object) -> str:
    if isinstance(item, dict):
        item = next((item[name] for name in TEXTS if name in item), None)
    return answer(item)


def pick_embedded(model: RewardModel, embeddings: np.ndarray) -> list[dict]:
    """`rewards` and `best` of each prompt, for embeddings [prompts, candidates, d]."""
    if embeddings.ndim != 3 or 0 in embeddings.shape:
        raise LensError(f"embeddings have shape {list(embeddings.shape)}, not [N, K, features].")
    return [
        {"rewards": each.tolist(), "best": int(each.argmax())}
        for each in model.score_embeddings(embeddings)
    ]
