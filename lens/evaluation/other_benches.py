"""RM-Bench and JudgeBench with their official aggregation.

RM-Bench's matrix and its easy, normal and hard means follow `compute_accuracy` in scripts/utils.py
of github.com/THU-KEG/RM-Bench (commit 73c52d7), which judges one file; that safety's two files are
one domain and the overall score is the mean of four domains comes from the paper. JudgeBench
follows `compute_final_metrics` in utils/metrics.py of github.com/ScalerLab/JudgeBench
(commit e2c52c2) with every pair judged in both orders, its default. The official judge by reward
models says B>A where both rewards are equal, in either order: such a pair counts as a tie, and a
tie as no success, so that a pair is right where the right answer's reward is the higher one.
"""

from collections.abc import Callable

import numpy as np

from lens.evaluation.bench_rows import STYLES, Bench, Example, rewards_of_each

# What a row's `domain` or `source` begins with, by section.
DOMAINS = ("chat", "math", "code", "safety")
SOURCES = ("mmlu-pro", "livebench-reasoning", "livebench-math", "livecodebench")
LEVELS = ("easy", "normal", "hard")


def rm_bench(examples: list[Example], rewards: np.ndarray) -> dict:
    """The result as `rewardbench.judge` has it, given the rewards of all texts.

    Each example has three right and three wrong answers: concise, detailed, detailed in Markdown.
    `matrix`[i][j] is the share of examples whose right answer in style i scores above the wrong one
    in style j. `normal` is the mean where styles are equal, `hard` where the wrong answer has the
    showier style, `easy` where the right one has; `score` is the mean of the three. `difficulties`
    are means over the four domains, `overall` is the mean of their scores; None if one is missing.
    """
    result = _result("rm-bench", examples, rewards, DOMAINS, _styles)
    sections, missing = result["sections"].values(), result["missing_sections"]

    def mean(name: str) -> float | None:
        return None if missing else float(np.mean([section[name] for section in sections]))

    return result | {
        "overall": mean("score"),
        "difficulties": {level: mean(level) for level in LEVELS},
    }


def judge_bench(examples: list[Example], rewards: np.ndarray) -> dict:
    """The result as `rewardbench.judge` has it, given the rewards of all texts.

    Sections are the four sources, subsets the sources as the rows name them. `overall` is the share
    of right pairs among all, whatever their source; None if one of the four is missing.
    """
    result = _result("judge-bench", examples, rewards, SOURCES, _share)
    right = [subset["score"] * subset["n"] for subset in result["subsets"].values()]
    overall = None if result["missing_sections"] else sum(right) / result["n"]
    return result | {"overall": overall}


def _result(
    version: Bench,
    examples: list[Example],
    rewards: np.ndarray,
    beginnings: tuple[str, ...],
    summary: Callable[[np.ndarray], dict],
) -> dict:
    """The result of either benchmark: `summary` of the won comparisons [n, right, wrong], by subset
    and by the beginning of the subset's name; `exact_ties` are shares of comparisons."""
    pairs = rewards_of_each(examples, rewards)
    gaps = np.stack([right[:, None] - wrong for right, wrong in pairs])
    names = np.array([example.subset for example in examples])
    of_section = {start: np.char.startswith(names, start) for start in beginnings}
    sections = {start: summary(gaps[rows] > 0) for start, rows in of_section.items() if rows.any()}
    subsets = {}
    for name in dict.fromkeys(names.tolist()):
        subset_gaps = gaps[names == name]
        section = next((start for start in beginnings if name.startswith(start)), None)
        ties = float((subset_gaps == 0).mean())
        subsets[name] = {"section": section, **summary(subset_gaps > 0), "exact_ties": ties}
    return {
        "version": version,
        "n": len(examples),
        "exact_ties": float((gaps == 0).mean()),
        "sections": sections,
        "subsets": subsets,
        "outside_sections": sorted(n for n, subset in subsets.items() if subset["section"] is None),
        "missing_sections": [start for start in beginnings if start not in sections],
        "missing_subsets": [],
    }


def _share(wins: np.ndarray) -> dict:
    return {"n": len(wins), "score": float(wins.mean())}


def _styles(wins: np.ndarray) -> dict:
    matrix = wins.mean(axis=0)
    showier = np.triu_indices(STYLES, 1)  # the wrong answer's style
    means = matrix.T[showier].mean(), np.diag(matrix).mean(), matrix[showier].mean()
    levels = dict(zip(LEVELS, map(float, means), strict=True))
    score = float(np.mean(list(levels.values())))
    return {"n": len(wins), "score": score, **levels, "matrix": matrix.tolist()}
