"""benchmarks/advice_check.py: what is said of several claims at once."""

import pandas as pd
import pytest
from advice_check import summarise


def claims(seed: int, reached: dict[str, float], recommended: str) -> list[dict]:
    rows = [
        {
            "seed": seed,
            "kind": "accuracy",
            "claim": recipe,
            "measured": value,
            "mean": value,
            "low": 0.55,
            "high": 0.65,
            "vae_explains": 0.1 * (seed + 1) if recipe == "b" else float("nan"),
        }
        for recipe, value in reached.items()
    ]
    rest = {"claim": recommended, "measured": reached[recommended]}
    return [*rows, {"seed": seed, "kind": "recommended", **rest}]


def test_what_was_recommended_is_compared_with_the_best_in_hindsight():
    rows = claims(0, {"a": 0.60, "b": 0.58}, "a") + claims(1, {"a": 0.50, "b": 0.56}, "a")
    found = summarise(pd.DataFrame(rows))
    assert found["best_in_hindsight"] == "b"
    # 0.60 - 0.58 and 0.50 - 0.56; Student's t for one degree of freedom is 12.706
    assert found["recommended_less_best"] == pytest.approx([-0.02, 12.7062 * 0.04], rel=1e-4)
    truths = {row["claim"]: (row["truth"], row["covered"]) for row in found["claims"]}
    explains = {row["claim"]: row["vae_explains"] for row in found["claims"]}
    assert explains == {"a": pytest.approx(float("nan"), nan_ok=True), "b": pytest.approx(0.15)}
    assert truths == {"a": (pytest.approx(0.55), 1.0), "b": (pytest.approx(0.57), 1.0)}
