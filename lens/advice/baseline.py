"""Do labels add anything to scores that cost none: of a public reward model, a judge, or length?"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np
import pandas as pd

from lens.advice.crossval import correct, pair_folds
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.errors import LensError
from lens.core.intervals import Interval, interval_by_prompt
from lens.data.sources import read_source
from lens.serving.scoring import Readings

LENGTH = "length"


@dataclass
class Baseline:
    """Held-out accuracy of scores `alone`, of these `combined` with a recipe's margins, and the
    `gain` of the second over the first: what the labels add."""

    name: str
    recipe: str
    alone: Interval
    combined: Interval
    gain: Interval

    def as_dict(self) -> dict:
        return asdict(self)


def score_gaps(table: pd.DataFrame, source: str) -> np.ndarray:
    """Score of the chosen answer minus that of the rejected one [N]: their lengths in characters,
    or from a file with numbers `chosen` and `rejected` next to `id` or `prompt`.

    LensError where a pair has no scores, or a prompt has several pairs and rows no id.
    """
    if source == LENGTH:
        return (table["chosen"].str.len() - table["rejected"].str.len()).to_numpy(np.float64)
    rows = read_source(source)
    key = "id" if all("id" in row for _, row in rows) else "prompt"
    scores: dict[str, float] = {}
    for where, row in rows:
        name = _prompt(where, row) if key == "prompt" else str(row["id"])
        better, worse = row.get("chosen"), row.get("rejected")
        if not _is_score(better) or not _is_score(worse):
            raise LensError(f"{where}: needs `id` or `prompt`, and numbers `chosen`, `rejected`.")
        if name in scores:
            raise LensError(
                f"{where}: the {key} {name!r:.80} is used twice. Give rows the pairs' ids."
            )
        scores[name] = float(better) - float(worse)
    names = table[key].astype(str)
    missing = names[~names.isin(scores)]
    if len(missing):
        raise LensError(
            f"{source}: no scores for {len(missing):,} of {len(names):,} pairs, the first with "
            f"{key} {missing.iloc[0]!r:.80}. Score these, or leave the pairs out."
        )
    if key == "prompt" and names.duplicated().any():
        raise LensError(f"{source}: prompts have several pairs, so its rows need the pairs' `id`.")
    return np.array([scores[name] for name in names])


def compare_baseline(
    pairs: EmbeddedPairs, margins: np.ndarray, recipe: str, source: str
) -> Baseline:
    """Scores against held-out margins [rounds, N] of a recipe; N leaves ties out.

    To combine them, both are weighted by Bradley-Terry's loss on the other folds, so that no pair
    weighs its own margins.
    """
    gaps = score_gaps(pairs.table, source)[pairs.decided]
    groups = pairs.groups[pairs.decided]
    alone = np.broadcast_to(correct(gaps), margins.shape)
    both = np.empty_like(margins)
    for number, values in enumerate(margins):
        features = np.stack([_unit(values), _unit(gaps)], axis=1)
        folds = pair_folds(pairs, number)[pairs.decided]
        for fold in np.unique(folds):
            held = folds == fold
            both[number, held] = features[held] @ _weights(features[~held])
    right = correct(both)
    return Baseline(
        "longer answer wins" if source == LENGTH else Path(source).name,
        recipe,
        interval_by_prompt(alone, groups),
        interval_by_prompt(right, groups, cross_validated=True),
        interval_by_prompt(right - alone, groups, least=-1, cross_validated=True),
    )


def _is_score(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _unit(values: np.ndarray) -> np.ndarray:
    size = float(np.sqrt(np.square(values).mean()))
    return values / size if size else values


def _weights(margins: np.ndarray) -> np.ndarray:
    """Weights [2] of margins [n, 2] by logistic regression, hardly shrunk."""
    from lens.reward.probes import fit_logistic

    return fit_logistic(margins, 1e-3)


def _prompt(where: str, row: dict) -> str:
    reading = {"prompt": row.get("prompt"), "response": "-"}
    ((_, texts),) = Readings("response").read([(where, reading)])
    return json.dumps(texts.prompt, ensure_ascii=False)
