"""Synthetic pairs in text space, made of labelled responses that were sampled.

A labeller scores or compares the responses to a prompt. `options_by_score` and
`options_by_preference` turn this into ordered pairs, and `synthetic_pairs` deals them out until the
scale is reached (Section 5.1, A.1).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.data.pairs import sample_rows

COLUMNS = ["seed", "id", "prompt", "group", "chosen", "rejected"]


def seed_rows(pairs: pd.DataFrame, n_pairs: int, seed: int) -> np.ndarray:
    """Rows of the N training pairs of one seed, the same as in `training_set`."""
    pool = np.flatnonzero(pairs["split"] == "train")
    return pool[sample_rows(len(pool), n_pairs, seed)]


def training_prompts(pairs: pd.DataFrame, n_pairs: int, seeds: Sequence[int]) -> pd.DataFrame:
    """The distinct prompts (prompt_id, prompt, group) of all seeds' training pairs."""
    rows = np.unique(np.concatenate([seed_rows(pairs, n_pairs, seed) for seed in seeds]))
    table = pairs.iloc[rows].drop_duplicates("prompt")
    return table[["id", "prompt", "group"]].rename(columns={"id": "prompt_id"})


def held_out_prompts(
    pairs: pd.DataFrame, used: pd.DataFrame, count: int, seed: int
) -> pd.DataFrame:
    """`count` prompts (prompt_id, prompt, group) of the test split that are not in `used`.

    No reward model trains on them. The used prompts, which are kept for judging, are excluded by
    group: also in other case or spacing. LensError if there are too few.
    """
    test = pairs[(pairs["split"] == "test") & ~pairs["group"].isin(used["group"])]
    test = test.drop_duplicates("group")
    if len(test) < count:
        raise LensError(
            f"{count} held-out prompts are needed, but the test split has only {len(test)} besides "
            f"the {len(used)} test prompts. Lower `rejection_sampling.prompts` or `test_prompts`, "
            "or raise `max_test_pairs`."
        )
    test = test.iloc[sample_rows(len(test), count, derive_seed(seed, "held_out"))]
    return test[["id", "prompt", "group"]].rename(columns={"id": "prompt_id"})


def usable(responses: Sequence[str]) -> list[int]:
    """Indices of the distinct responses that are not empty."""
    first: dict[str, int] = {}
    for i, text in enumerate(responses):
        if text.strip():
            first.setdefault(text.strip(), i)
    return list(first.values())


def by_score(
    responses: Sequence[str], scores: Sequence[float], seed: int
) -> list[tuple[int, int, float]]:
    """(better, worse, margin) of pairs of one prompt's responses: the best with the worst, then the
    other pairs in random order. Equal scores, equal texts, empty texts and responses without a
    score (NaN) make no pair."""
    rows = [row for row in usable(responses) if scores[row] == scores[row]]
    rows.sort(key=lambda row: -scores[row])
    ordered = [(a, b) for a, b in combinations(rows, 2) if scores[a] > scores[b]]
    if not ordered:
        return []
    others = [pair for pair in ordered if pair != (rows[0], rows[-1])]
    order = np.random.default_rng(seed).permutation(len(others))
    pairs = [(rows[0], rows[-1]), *(others[i] for i in order)]
    return [(a, b, float(scores[a] - scores[b])) for a, b in pairs]


def pairs_to_judge(responses: Sequence[str], count: int, seed: int) -> list[tuple[int, int]]:
    """Up to `count` random pairs of one prompt's distinct responses, in random order."""
    pairs = list(combinations(usable(responses), 2))
    order = np.random.default_rng(seed).permutation(len(pairs))
    return [pairs[i] for i in order[:count]]


def options_by_score(scored: pd.DataFrame, seed: int) -> dict[str, list[tuple[str, str, float]]]:
    """{prompt: [(better text, worse text, margin)]} from columns prompt_id, prompt, response and
    score; `seed` decides the random order."""
    options = {}
    for (key, prompt), part in scored.groupby(["prompt_id", "prompt"], sort=False):
        texts, scores = part["response"].tolist(), part["score"].tolist()
        options[prompt] = [
            (texts[a].strip(), texts[b].strip(), margin)
            for a, b, margin in by_score(texts, scores, derive_seed(seed, "pairs", key))
        ]
    return options


def options_by_preference(judged: pd.DataFrame) -> dict[str, list[tuple[str, str, float]]]:
    """{prompt: [(better text, worse text, 1)]} from columns prompt, a, b and preferred ("a" or "b";
    ties and pairs without a verdict make no pair)."""
    options: dict[str, list] = {prompt: [] for prompt in judged["prompt"].unique()}
    clear = judged[judged["preferred"].isin(["a", "b"])]
    for prompt, a, b, preferred in zip(
        clear["prompt"], clear["a"], clear["b"], clear["preferred"], strict=True
    ):
        options[prompt].append((a, b, 1.0) if preferred == "a" else (b, a, 1.0))
    return options


def synthetic_pairs(
    pairs: pd.DataFrame,
    rows: np.ndarray,
    options: Mapping[str, Sequence[tuple[str, str, float]]],
    *,
    scale: int,
    seed: int,
) -> pd.DataFrame:
    """(scale - 1) N synthetic pairs (`COLUMNS`) for the N pairs at `rows`.

    They are dealt in rounds: every prompt's first pair, then every prompt's second, and so on. So
    the first (k - 1) N are those of scale k. Other prompts replace those that have too few.
    LensError if all prompts together have too few.
    """
    need = (scale - 1) * len(rows)
    dealt = deal(pairs.iloc[rows], options, need, seed)
    if len(dealt) < need:
        prompts = pairs["prompt"].iloc[rows].unique()
        counts = [len(options.get(prompt, ())) for prompt in prompts]
        raise LensError(
            f"seed {seed}: scale {scale} needs {need} synthetic pairs for {len(rows)} original "
            f"ones, but the sampled responses make {len(dealt)}: at most {max(counts)} per prompt, "
            f"none for {counts.count(0)} of {len(prompts)} prompts (responses that are empty, "
            "identical, tied or without a verdict make no pair). Sample more `responses`, raise "
            "the temperature, or lower the scale."
        )
    return dealt


def deal(
    originals: pd.DataFrame,
    options: Mapping[str, Sequence[tuple[str, str, float]]],
    count: int,
    seed: int,
) -> pd.DataFrame:
    """Up to `count` synthetic pairs (`COLUMNS`): one more per original pair in each round, until
    no prompt has any left."""
    left = {prompt: iter(options.get(prompt, ())) for prompt in originals["prompt"]}
    dealt: list[tuple] = []
    before = -1
    while len(dealt) < count and len(dealt) != before:
        before = len(dealt)
        for key, prompt, group in originals[["id", "prompt", "group"]].itertuples(index=False):
            option = next(left[prompt], None) if len(dealt) < count else None
            if option:
                dealt.append((seed, key, prompt, group, option[0], option[1]))
    return pd.DataFrame(dealt, columns=COLUMNS)


def shortage(originals: pd.DataFrame, options: Mapping[str, Sequence], scale: int) -> dict:
    """How many prompts of the original pairs have no synthetic pair, or too few for the scale."""
    counts = [len(options.get(prompt, ())) for prompt in originals["prompt"].unique()]
    return {
        "prompts": len(counts),
        "prompts_without_pairs": sum(count == 0 for count in counts),
        "prompts_with_too_few_pairs": sum(count < scale - 1 for count in counts),
    }


def agreement(synthetic: pd.DataFrame, scored: pd.DataFrame) -> float:
    """Share of synthetic pairs that another labeller's scores rank the same way (ties: 1/2)."""
    score = {
        (prompt, text.strip()): value
        for prompt, text, value in zip(
            scored["prompt"], scored["response"], scored["score"], strict=True
        )
    }
    gaps = [
        score[prompt, chosen] - score[prompt, rejected]
        for prompt, chosen, rejected in zip(
            synthetic["prompt"], synthetic["chosen"], synthetic["rejected"], strict=True
        )
    ]
    return float((np.sign(gaps) + 1).mean() / 2)


def training_pairs(
    pairs: pd.DataFrame, rows: np.ndarray, synthetic: pd.DataFrame | None, *, scale: int, seed: int
) -> pd.DataFrame:
    """The k N pairs (prompt, chosen, rejected) of one seed at scale k: its originals and its first
    (k - 1) N synthetic pairs. With None only the N originals, which the repeat control repeats k
    times. Synthetic pairs for a single scale have it in a column `scale`. LensError if there are
    too few."""
    columns = ["prompt", "chosen", "rejected"]
    originals = pairs.iloc[rows][columns]
    if synthetic is None:
        return originals.reset_index(drop=True)
    if "scale" in synthetic:
        synthetic = synthetic[synthetic["scale"] == scale]
    more = synthetic.loc[synthetic["seed"] == seed, columns].iloc[: (scale - 1) * len(rows)]
    if len(more) < (scale - 1) * len(rows):
        raise LensError(
            f"seed {seed}: {len(more)} synthetic pairs are too few for scale {scale} of "
            f"{len(rows)}. Label pairs again."
        )
    return pd.concat([originals, more], ignore_index=True)
