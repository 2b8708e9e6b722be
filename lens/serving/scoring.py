"""Rows with a reward model's opinion added to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lens.core.errors import LensError
from lens.data.reading.find import Reading, find_form
from lens.data.reading.missing import no_texts
from lens.data.reading.several.listed import list_each_side
from lens.data.sources import Row
from lens.data.texts.conversations import conversations
from lens.data.texts.cures import keeping_columns
from lens.data.texts.turns import InvalidRowError
from lens.serving.calibration import reliability
from lens.serving.reward_model import RewardModel, sigmoid
from lens.serving.unlike import FLAGGED

LEAST = 50  # pairs, below which a calibration error says nothing


@dataclass
class Tally:
    """What passed through, and the probabilities given to answers labelled as preferred."""

    rows: int = 0
    probabilities: list[float] = field(default_factory=list)
    ties: int = 0
    unlike: int = 0

    def summary(self, model: RewardModel) -> str:
        """A line on rows, accuracy and calibration, here and when the model was held out; another
        where rows are unlike what it was trained on."""
        if not self.unlike:
            return self._scored(model)
        return (
            f"{self._scored(model)}\nUnlike the training texts: {self.unlike:,} of "
            f"{self.rows:,} rows ({100 * self.unlike / self.rows:.0f} %). Of texts like them, "
            f"{100 * FLAGGED:.0f} % would be. Rewards and their standard errors say little there."
        )

    def _scored(self, model: RewardModel) -> str:
        if not self.probabilities:
            return f"{self.rows:,} row{'s' * (self.rows != 1)} scored."
        given = np.array(self.probabilities)
        right = 100 * ((np.sign(given - 0.5) + 1) / 2).mean()
        text = f"{self.rows:,} pairs scored; the labelled answer is preferred in {right:.1f} %"
        if self.ties:
            text += f" (ties, half right each: {self.ties:,})"
        if len(given) < LEAST:
            return f"{text}."
        calibration, held = reliability(given), model.card["held_out"]
        trained = bool(right > 100 * held["accuracy"]["high"])
        return (
            f"{text}; expected calibration error {100 * calibration.error:.1f} points "
            f"(by chance alone {100 * calibration.by_chance:.1f}; when fitted, held out: "
            f"{100 * held['calibration_error']:.1f})."
            + " More than held out: was it trained on these pairs?"
            * trained
        )


@dataclass(frozen=True)
class Texts:
    """A row's prompt (messages) and its answers, and which of them is better: the first `better`
    answers, or the one at `winner`, where either is known."""

    prompt: list[dict]
    answers: list[str]
    better: int | None = None
    winner: int | None = None


class Readings:
    """How rows are read, found once for those with the same columns: from the rows that are
    `learned`, or else from the first such row. `scoring` and `columns` as for `find_form`."""

    def __init__(self, scoring: str, columns: dict[str, str] | None = None):
        self.scoring, self.columns = scoring, columns
        self.known: dict[tuple, Reading] = {}

    def learn(self, rows: Sequence[Row]) -> "Readings":
        groups: dict[tuple, list[Row]] = {}
        for where, row in rows:
            groups.setdefault(tuple(row), []).append((where, row))
        for names, group in groups.items():
            if names not in self.known:
                self.known[names] = find_form(group, self.columns, scoring=self.scoring)
        return self

    def read(self, rows: Sequence[Row]) -> list[tuple[Reading, Texts]]:
        """The texts of rows; LensError naming the row that has none."""
        self.learn(rows)
        with keeping_columns(self.columns or {}):
            return [self._read(where, row) for where, row in rows]

    def _read(self, where: str, row: dict) -> tuple[Reading, Texts]:
        reading = self.known[tuple(row)]
        ((where, prepared),) = reading.prepare([(where, row)])
        return reading, _texts(reading, where, prepared)


def _texts(reading: Reading, where: str, row: dict) -> Texts:
    try:
        parts, answers = reading.texts(row, where)
        better, winner = None, None
        if reading.form == "pair":
            chosen, rejected = list_each_side(*answers)
            better, answers = len(chosen), [*chosen, *rejected]
        elif reading.form == "labelled_pair" and reading.sides:
            winner = None if reading.tied(row) else reading.sides.judge(row, where)[0]
            parts |= {"side": True}
        if any(answer is None for answer in answers):
            raise InvalidRowError("empty_response", "an answer must be text, and one is null.")
        if not answers:
            raise InvalidRowError("no_prompt", "there are no answers.")
        prompt, texts = conversations(parts, answers)
    except InvalidRowError as error:
        if error.reason == "no_prompt":
            raise no_texts([(where, row)]) from error
        raise LensError(f"{where}: {error}") from error
    return Texts(prompt, texts, better, winner if isinstance(winner, int) else None)


def score_rows(
    model: RewardModel,
    rows: Sequence[Row],
    tally: Tally,
    readings: Readings | None = None,
    *,
    uncertainty: bool = False,
) -> list[dict]:
    """Rows with `reward`, or, where they have a better and a worse answer, with `reward_chosen`,
    `reward_rejected` and the `probability` that the better one is preferred; two answers also get
    `reward_first` and `reward_second`, a list of them `rewards`.

    `readings` say how the rows are read, which is else found from these rows. `uncertainty` adds
    `standard_error` of the reward, or of the margin of a better and a worse answer, a list where
    there are several; and `unlike_training`: whether any answer is farther from the training texts
    than all but `unlike.FLAGGED` of these are from each other.
    """
    read = (readings or Readings("response")).read(rows)
    embedded = _embedded(model, read)
    scored = []
    for (_, row), (reading, texts), embeddings in zip(rows, read, embedded, strict=True):
        rewards = model.score_embeddings(embeddings).tolist()
        added = _added(reading, texts, rewards, tally)
        if uncertainty:
            added["standard_error"] = _errors(model, texts, embeddings, "reward" in added)
            unlike = model.farther_out(embeddings) < FLAGGED
            added["unlike_training"] = bool(unlike.any())
            tally.unlike += int(unlike.any())
        scored.append({**row, **added})
    return scored


def _embedded(model: RewardModel, read: list[tuple[Reading, Texts]]) -> list[np.ndarray]:
    """Embeddings [answers, d] of each row."""
    texts = [(each.prompt, answer) for _, each in read for answer in each.answers]
    ends = np.cumsum([len(each.answers) for _, each in read])[:-1]
    return np.split(model.embed(*zip(*texts, strict=True)), ends)


def _errors(model: RewardModel, texts: Texts, embeddings: np.ndarray, alone: bool) -> Any:
    if texts.better is not None:
        better, worse = embeddings[: texts.better], embeddings[texts.better :]
        errors = model.errors.margin_errors(better[:, None], worse[None]).ravel()
    elif texts.winner is not None:
        errors = model.errors.margin_errors(embeddings[:1], embeddings[1:])
    else:
        errors = model.errors.errors(embeddings)
        return float(errors[0]) if alone else errors.tolist()
    return float(errors[0]) if len(errors) == 1 else errors.tolist()


def _added(reading: Reading, texts: Texts, rewards: list[float], tally: Tally) -> dict:
    tally.rows += 1
    added = {}
    if reading.form == "labelled_pair":
        added = {"reward_first": rewards[0], "reward_second": rewards[1]}
    if texts.better is not None:
        return _compared(rewards[: texts.better], rewards[texts.better :], tally)
    if texts.winner is not None:
        both = [rewards[texts.winner]], [rewards[1 - texts.winner]]
        return added | _compared(*both, tally)
    if added:
        return added
    return {"rewards": rewards} if "responses" in reading.columns else {"reward": rewards[0]}


def _compared(chosen: list[float], rejected: list[float], tally: Tally) -> dict:
    margins = [better - worse for better in chosen for worse in rejected]
    probabilities = sigmoid(np.array(margins)).tolist()
    tally.probabilities += probabilities
    tally.ties += sum(margin == 0 for margin in margins)
    one = len(margins) == 1
    return {
        "reward_chosen": chosen[0] if one else chosen,
        "reward_rejected": rejected[0] if one else rejected,
        "probability": float(np.mean(probabilities)),
    }


def pick_rows(
    model: RewardModel,
    rows: Sequence[Row],
    readings: Readings | None = None,
    *,
    pessimism: float = 0.0,
) -> list[dict]:
    """Rows with `rewards` of their candidates, the place `best` (from 0) of the highest, and
    `best_response`, its text. `readings` as for `score_rows`. With `pessimism` also
    `standard_errors`, and the best is the highest of reward - pessimism * standard error."""
    read = (readings or Readings("candidates")).read(rows)
    for item, (reading, _) in zip(rows, read, strict=True):
        if reading.form in ("response", "rated_rows"):
            raise no_texts([item])
    picked = []
    for (_, row), (_, texts), embeddings in zip(rows, read, _embedded(model, read), strict=True):
        chosen = _pick(model, embeddings, pessimism)
        picked.append({**row, **chosen, "best_response": texts.answers[chosen["best"]]})
    return picked


def _pick(model: RewardModel, embeddings: np.ndarray, pessimism: float) -> dict:
    """`rewards` and `best` of embeddings [candidates, d], and `standard_errors` with pessimism."""
    if not pessimism:
        rewards = model.score_embeddings(embeddings)
        return {"rewards": rewards.tolist(), "best": int(rewards.argmax())}
    rewards, errors = model.score_embeddings(embeddings, uncertainty=True)
    best = int((rewards - pessimism * errors).argmax())
    return {"rewards": rewards.tolist(), "standard_errors": errors.tolist(), "best": best}


def pick_embedded(
    model: RewardModel, embeddings: np.ndarray, *, pessimism: float = 0.0
) -> list[dict]:
    """`rewards` and `best` of each prompt, for embeddings [prompts, candidates, d]; `pessimism` as
    for `pick_rows`."""
    if embeddings.ndim != 3 or 0 in embeddings.shape:
        raise LensError(f"embeddings have shape {list(embeddings.shape)}, not [N, K, features].")
    return [_pick(model, row, pessimism) for row in embeddings]
