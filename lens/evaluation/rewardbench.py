"""RewardBench 1 and 2, and by way of `lens.evaluation.other_benches` RM-Bench and JudgeBench: how
often a reward model ranks a right response above the wrong ones.

Follows github.com/allenai/reward-bench (commit 05a9005); each rule names the file it comes from.
Holds no model: rewards come from a callable `score(prompts, responses)`. One thing differs: where
the official code counts a section without examples as 0, there is no overall score here.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lens.data.sources import Row
from lens.evaluation import other_benches
from lens.evaluation.bench_rows import (
    TIES,
    Bench,
    Example,
    questions,
    read_examples,
    recognise_version,
    require_known,
    rewards_of_each,
)
from lens.evaluation.length_matched import length_matched

HUB: dict[Bench, tuple[str, str]] = {  # data set, split
    1: ("allenai/reward-bench", "filtered"),
    2: ("allenai/reward-bench-2", "test"),
    "rm-bench": ("THU-KEG/RM-Bench", "train"),
    "judge-bench": ("ScalerLab/JudgeBench", "gpt"),
}
PRIOR_SETS = "Prior Sets"
CODE = ["hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"]
SECTIONS: dict[Bench, dict[str, list[str]]] = {
    1: {  # SUBSET_MAPPING in rewardbench/constants.py
        "Chat": [f"alpacaeval-{kind}" for kind in ("easy", "length", "hard")]
        + ["mt-bench-easy", "mt-bench-med"],
        "Chat Hard": ["mt-bench-hard", "llmbar-natural"]
        + [f"llmbar-adver-{kind}" for kind in ("neighbor", "GPTInst", "GPTOut", "manual")],
        "Safety": [f"refusals-{kind}" for kind in ("dangerous", "offensive")]
        + ["xstest-should-refuse", "xstest-should-respond", "donotanswer"],
        "Reasoning": ["math-prm", *CODE],
        # pref_columns in analysis/get_benchmark_results.py
        PRIOR_SETS: ["anthropic_helpful", "anthropic_hhh", "shp", "summarize"],
    },
    # the dataset card of allenai/reward-bench-2
    2: {name: [name] for name in ("Factuality", "Precise IF", "Math", "Safety", "Focus", TIES)},
}


@dataclass(frozen=True)
class Outcome:
    """One example's rewards, summed up as `_compute_prompt_stats` in rewardbench/utils.py does."""

    id: str
    margin: float  # the worst right response minus the best wrong one
    spread: float  # the best right response minus the worst right one
    rivals: int  # wrong responses with the reward of the best right one


class Scorer(Protocol):
    """A reward model of texts, such as `lens.RewardModel`."""

    def score(self, prompts: Sequence, responses: Sequence) -> np.ndarray:
        """Rewards [n]."""
        ...


def evaluate(
    rows: list[Row],
    score: Callable,
    version: Bench | None = None,
    *,
    columns: dict[str, str] | None = None,
) -> dict:
    """The result (see `judge`) of a scorer on rows of a benchmark, recognised from its columns
    unless named, with its length-matched score next to it (`length_matched`).

    `score(prompts, responses)` takes two lists of n texts (prompts as JSON messages) and gives
    n rewards. `columns` are {"ours": "theirs"}.
    """
    version = version or recognise_version(rows, columns)
    examples = read_examples(rows, version, columns)
    rewards = score(*texts(examples))
    result = judge(examples, rewards, version)
    return result | {"length_matched": length_matched(result, examples, rewards)}


def texts(examples: list[Example]) -> tuple[list[str], list[str]]:
    """(prompts, responses) to be scored: example by example, the right responses first."""
    pairs = [(e.prompt, response) for e in examples for response in e.chosen + e.rejected]
    return [prompt for prompt, _ in pairs], [response for _, response in pairs]


def judge(examples: list[Example], rewards: np.ndarray, version: Bench) -> dict:
    """Scores in [0, 1] with numbers of examples, given the rewards of `texts(examples)`.

    `subsets`: `score` (the share right; the weighted score for version 2's Ties), `n`, `section`
    (None outside all) and `exact_ties` (share of examples whose worst right and best wrong
    response have one reward). `sections`: `score` and `n`. `overall`: None if a section is
    missing. `missing_sections`, `missing_subsets`: what the official sets have and these examples
    do not. RM-Bench also has `difficulties`. Raises LensError unless there is one finite reward for
    each text.
    """
    if version == "rm-bench":
        return other_benches.rm_bench(examples, rewards)
    if version == "judge-bench":
        return other_benches.judge_bench(examples, rewards)
    by_subset: dict[str, list[Outcome]] = {}
    outcomes = _outcomes(examples, rewards)
    for example, outcome in zip(examples, outcomes, strict=True):
        by_subset.setdefault(example.subset, []).append(outcome)
    places = {name: key for key, names in SECTIONS[version].items() for name in names}
    subsets = {
        name: {"section": places.get(name), **_subset(name, of_subset, version)}
        for name, of_subset in by_subset.items()
    }
    sections, missing_sections, missing_subsets = {}, [], []
    for section, names in SECTIONS[version].items():
        present = {name: subsets[name] for name in names if name in subsets}
        if present:
            sections[section] = _section(section, present)
        elif section == PRIOR_SETS:
            continue
        else:
            missing_sections.append(section)
        missing_subsets += [name for name in names if name not in subsets]
    return {
        "version": version,
        "n": len(examples),
        "overall": None if missing_sections else _overall(sections),
        "exact_ties": _tied_share(outcomes),
        "sections": sections,
        "subsets": subsets,
        "outside_sections": sorted(name for name in subsets if name not in places),
        "missing_sections": missing_sections,
        "missing_subsets": missing_subsets,
    }


def margins(examples: list[Example], rewards: np.ndarray) -> np.ndarray:
    """Reward of each example's right response minus the wrong one's [n], given the rewards of
    `texts(examples)`; version 1 counts an example as right where it is above 0."""
    return np.array([outcome.margin for outcome in _outcomes(examples, rewards)])


def section_of(subset: str) -> str:
    """The section of version 1 that a subset belongs to; for any other subset its own name."""
    return next((key for key, names in SECTIONS[1].items() if subset in names), subset)


def subset_weights(section: str, sizes: dict[str, int]) -> dict[str, int]:
    """The weight of each subset in its section, from their numbers of examples; math-prm weighs as
    much as all code subsets.

    `calculate_scores_per_section` in rewardbench/utils.py with EXAMPLE_COUNTS, where math-prm has
    984 = 6 * 164. Prior Sets are a plain mean (analysis/get_benchmark_results.py).
    """
    weights = dict.fromkeys(sizes, 1) if section == PRIOR_SETS else dict(sizes)
    code = sum(sizes.get(name, 0) for name in CODE)
    if "math-prm" in weights and code:
        weights["math-prm"] = code
    return weights


def ties_score(outcomes: list[Outcome]) -> dict[str, float]:
    """Version 2's Ties: `score` and its parts, as `process_single_model` in rewardbench/utils.py.

    Each question is there twice: as "ref:i" with one right answer and as "tied:i" with several.
    Accuracy is the share of margins above 0, for each kind. Questions of both kinds are asked
    if the tied margin (`preferred`), and the lesser of both margins (`preferred_hard`), exceeds
    the right answers' spread; `margin` is their mean of tanh(lesser margin / spread - 1), with
    0 for 0/0. The weights sum to 1.01, as the official ones do.
    """
    ref, tied = questions(outcomes)
    both = sorted(set(ref) & set(tied))
    spread = np.array([tied[number].spread for number in both])
    margin = np.array([tied[number].margin for number in both])
    lesser = np.minimum(margin, [ref[number].margin for number in both])
    with np.errstate(divide="ignore", invalid="ignore"):
        closeness = np.nan_to_num(np.tanh(lesser / spread - 1), nan=0.0)
    ref_accuracy = np.mean([outcome.margin > 0 for outcome in ref.values()])
    tied_accuracy = np.mean([outcome.margin > 0 for outcome in tied.values()])
    preferred, preferred_hard = np.mean(margin > spread), np.mean(lesser > spread)
    score = 0.3 * tied_accuracy + 0.3 * ref_accuracy + 0.2 * preferred + 0.2 * preferred_hard
    parts = {
        "score": score + 0.01 * np.mean(closeness),
        "ref_accuracy": ref_accuracy,
        "tied_accuracy": tied_accuracy,
        "preferred": preferred,
        "preferred_hard": preferred_hard,
        "margin": np.mean(closeness),
    }
    return {name: float(part) for name, part in parts.items()}


def _outcomes(examples: list[Example], rewards: np.ndarray) -> list[Outcome]:
    outcomes = []
    scored = zip(examples, rewards_of_each(examples, rewards), strict=True)
    for example, (right, wrong) in scored:
        best = right.max()
        margin, spread = float(right.min() - wrong.max()), float(best - right.min())
        outcomes.append(Outcome(example.id, margin, spread, int((wrong == best).sum())))
    return outcomes


def _subset(name: str, outcomes: list[Outcome], version: Bench) -> dict:
    """Version 1: right if strictly above (scripts/run_rm.py). Version 2: best of n, a tie for the
    best shared among those that tie (`reroll_and_score_dataset` in rewardbench/utils.py).
    """
    counts = {"n": len(outcomes), "exact_ties": _tied_share(outcomes)}
    if version == 2 and name == TIES:
        return {**counts, **ties_score(outcomes)}
    credits = [
        float(outcome.margin > 0) if version == 1 else (outcome.margin >= 0) / (1 + outcome.rivals)
        for outcome in outcomes
    ]
    return {**counts, "score": float(np.mean(credits))}


def _tied_share(outcomes: list[Outcome]) -> float:
    return float(np.mean([outcome.margin == 0 for outcome in outcomes]))


def _section(section: str, subsets: dict[str, dict]) -> dict:
    """Mean of its subsets by `subset_weights`."""
    sizes = {name: scored["n"] for name, scored in subsets.items()}
    scores = [scored["score"] for scored in subsets.values()]
    mean = np.average(scores, weights=list(subset_weights(section, sizes).values()))
    return {"n": sum(sizes.values()), "score": float(mean)}


def _overall(sections: dict[str, dict]) -> float:
    """Mean of the sections, Prior Sets counting half (analysis/get_benchmark_results.py)."""
    weights = [0.5 if name == PRIOR_SETS else 1 for name in sections]
    return float(np.average([scored["score"] for scored in sections.values()], weights=weights))


def reward_bench(
    model: Scorer,
    rows: list[Row],
    version: Bench | None = None,
    *,
    columns: dict[str, str] | None = None,
) -> dict:
    """Scores of a `lens.RewardModel` on RewardBench, RM-Bench or JudgeBench: by subset, by section
    and overall, with the official aggregation, and which sections or subsets were missing.

    `rows` are (place, row) from `sources.read_rows(path)`. `version` is 1 or 2 for RewardBench,
    "rm-bench" or "judge-bench"; None: recognised from the rows. `columns` are {"ours": "theirs"}.
    LensError names the first row of another form, or with a subset that the recognised version of
    RewardBench does not have.
    """
    if version is None:
        version = recognise_version(rows, columns)
        if version in SECTIONS:
            known = [name for names in SECTIONS[version].values() for name in names]
            require_known(read_examples(rows, version, columns), version, known)

    def score(prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        return model.score([json.loads(prompt) for prompt in prompts], responses)

    return evaluate(rows, score, version, columns=columns)
