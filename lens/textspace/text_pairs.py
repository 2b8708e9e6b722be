"""Synthetic pairs in text space: which sampled responses are put beside each other, and in order.

A labeller scores or compares the responses to one prompt; `by_score` and `by_preference` turn that
into ordered pairs, and `synthetic_pairs` deals them out until the scale is met (Section 5.1, A.1).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.data.pairs import sample_rows

COLUMNS = ["seed", "id", "prompt", "group", "chosen", "rejected"]


def spent_rows(pairs: pd.DataFrame, n_pairs: int, seed: int) -> np.ndarray:
    """Positions of the N pairs that one seed may spend: those of `training_set`."""
    pool = np.flatnonzero(pairs["split"] == "train")
    return pool[sample_rows(len(pool), n_pairs, seed)]


def training_prompts(pairs: pd.DataFrame, n_pairs: int, seeds: Sequence[int]) -> pd.DataFrame:
    """The distinct prompts (prompt_id, prompt, group) of the pairs that any of the seeds spends."""
    rows = np.unique(np.concatenate([spent_rows(pairs, n_pairs, seed) for seed in seeds]))
    table = pairs.iloc[rows].drop_duplicates("prompt")
    return table[["id", "prompt", "group"]].rename(columns={"id": "prompt_id"})


def held_out_prompts(
    pairs: pd.DataFrame, used: pd.DataFrame, count: int, seed: int
) -> pd.DataFrame:
    """`count` prompts (prompt_id, prompt, group) of the test split that are not among the `used`.

    No reward model trains on them, and the used ones, kept for judging, are others: by group, so
    that not even the same prompt in other case or spacing is on both sides.
    """
    test = pairs[(pairs["split"] == "test") & ~pairs["group"].isin(used["group"])]
    test = test.drop_duplicates("group")
    if len(test) < count:
        raise LensError(
            f"{count} held-out prompts are asked for, but the test split has {len(test)} beside "
            f"the {len(used)} test prompts. Lower `rejection_sampling.prompts` or `test_prompts`, "
            "or raise `max_test_pairs`."
        )
    test = test.iloc[sample_rows(len(test), count, derive_seed(seed, "held_out"))]
    return test[["id", "prompt", "group"]].rename(columns={"id": "prompt_id"})


def usable(responses: Sequence[str]) -> list[int]:
    """Positions of the first of every distinct response that is not empty."""
    first: dict[str, int] = {}
    for position, text in enumerate(responses):
        if text.strip():
            first.setdefault(text.strip(), position)
    return list(first.values())


def by_score(
    responses: Sequence[str], scores: Sequence[float], seed: int
) -> list[tuple[int, int, float]]:
    """(better, worse, margin) for pairs of one prompt's responses: top with bottom, then the other
    pairs in random order. Equal scores, equal texts and empty ones make no pair, nor does a
    response without a score (NaN)."""
    rows = [row for row in usable(responses) if scores[row] == scores[row]]
    rows.sort(key=lambda row: -scores[row])
    ordered = [(a, b) for a, b in combinations(rows, 2) if scores[a] > scores[b]]
    if not ordered:
        return []
    others = [pair for pair in ordered if pair != (rows[0], rows[-1])]
    order = np.random.default_rng(seed).permutation(len(others))
    pairs = [(rows[0], rows[-1]), *(others[place] for place in order)]
    return [(a, b, float(scores[a] - scores[b])) for a, b in pairs]


def pairs_to_judge(responses: Sequence[str], count: int, seed: int) -> list[tuple[int, int]]:
    """Up to `count` random pairs of one prompt's distinct responses, in random order."""
    pairs = list(combinations(usable(responses), 2))
    order = np.random.default_rng(seed).permutation(len(pairs))
    return [pairs[place] for place in order[:count]]


def options_by_score(scored: pd.DataFrame, seed: int) -> dict[str, list[tuple[str, str, float]]]:
    """{prompt: its (better, worse, margin) texts}, from rows of prompt_id, prompt, response and
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
    """{prompt: its (better, worse, 1) texts}, from rows of prompt, a, b and preferred ("a", "b";
    ties and pairs without a verdict make none), in their order."""
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
    """(scale - 1) N synthetic pairs (`COLUMNS`) for the N pairs at positions `rows`.

    They are dealt in rounds: every prompt's first pair, then every prompt's second, and so on, so
    that the first (k - 1) N of them are those of scale k. A prompt with too few of them is made up
    for by others in later rounds. LensError where all prompts together have too few.
    """
    need = (scale - 1) * len(rows)
    dealt = deal(pairs.iloc[rows], options, need, seed)
    if len(dealt) < need:
        asked = pairs["prompt"].iloc[rows].unique()
        counts = [len(options.get(prompt, ())) for prompt in asked]
        raise LensError(
            f"seed {seed}: scale {scale} needs {need} synthetic pairs for {len(rows)} original "
            f"ones, but the sampled responses make {len(dealt)}: {max(counts)} of a prompt at "
            f"most, none of {counts.count(0)} of {len(asked)} prompts (responses that are empty, "
            "alike, tied or without a verdict make none). Sample more `responses`, raise the "
            "temperature, or lower the scale."
        )
    return dealt


def deal(
    spent: pd.DataFrame,
    options: Mapping[str, Sequence[tuple[str, str, float]]],
    count: int,
    seed: int,
) -> pd.DataFrame:
    """Up to `count` pairs (`COLUMNS`), every prompt's next in each round, as far as they reach."""
    left = {prompt: iter(options.get(prompt, ())) for prompt in spent["prompt"]}
    dealt: list[tuple] = []
    before = -1
    while len(dealt) < count and len(dealt) != before:
        before = len(dealt)
        for key, prompt, group in zip(spent["id"], spent["prompt"], spent["group"], strict=True):
            option = next(left[prompt], None) if len(dealt) < count else None
            if option:
                dealt.append((seed, key, prompt, group, option[0], option[1]))
    return pd.DataFrame(dealt, columns=COLUMNS)


def shortage(spent: pd.DataFrame, options: Mapping[str, Sequence], scale: int) -> dict:
    """How many of the spent prompts make fewer pairs than the scale asks of each, and none."""
    counts = [len(options.get(prompt, ())) for prompt in spent["prompt"].unique()]
    return {
        "prompts": len(counts),
        "prompts_without_pairs": sum(count == 0 for count in counts),
        "prompts_with_too_few_pairs": sum(count < scale - 1 for count in counts),
    }


def agreement(synthetic: pd.DataFrame, scored: pd.DataFrame) -> float:
    """Share of synthetic pairs that another labeller's scores put in the same order (ties 1/2)."""
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
    """The k N pairs (prompt, chosen, rejected) of one seed at scale k: its originals and the first
    (k - 1) N of its synthetic ones. With None the N originals alone: the repeat control goes
    through them k times. Synthetic pairs that were made for one scale alone say so in a column."""
    columns = ["prompt", "chosen", "rejected"]
    own = pairs.iloc[rows][columns]
    if synthetic is None:
        return own.reset_index(drop=True)
    if "scale" in synthetic:
        synthetic = synthetic[synthetic["scale"] == scale]
    more = synthetic.loc[synthetic["seed"] == seed, columns].iloc[: (scale - 1) * len(rows)]
    if len(more) < (scale - 1) * len(rows):
        raise LensError(
            f"seed {seed}: {len(more)} synthetic pairs are too few for scale {scale} of "
            f"{len(rows)}. Label pairs again."
        )
    return pd.concat([own, more], ignore_index=True)
