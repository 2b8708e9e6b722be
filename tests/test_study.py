"""The study bench: simulated worlds are what they say, comparisons are paired."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from workflow_tools import ROOT

spec = importlib.util.spec_from_file_location("study", ROOT / "benchmarks/study.py")
study = importlib.util.module_from_spec(spec)
spec.loader.exec_module(study)


@pytest.mark.parametrize("kind", study.WORLDS)
def test_worlds_are_labelled_as_they_say(kind):
    """A linear fit to very many pairs orders fresh ones well where the reward is linear."""
    _, embeddings = study.simulate(kind, count=6000, dim=12)
    x = embeddings["chosen"] - embeddings["rejected"]
    weights = np.linalg.lstsq(x[:3000], np.ones(3000), rcond=None)[0]
    accuracy = (x[3000:] @ weights > 0).mean()
    low, high = {"noise": (0.52, 0.62), "bent": (0.52, 0.68)}.get(kind, (0.74, 0.85))
    assert low < accuracy < high


def test_every_variant_is_measured_on_the_same_splits():
    pairs, embeddings = study.simulate("linear", count=150, dim=6)
    found = study.accuracies(pairs, embeddings, 60, range(2))
    assert set(found) == set(study.VARIANTS)
    assert all(len(values) == 2 and (values >= 0).all() for values in found.values())
    again = study.accuracies(pairs, embeddings, 60, range(2))
    assert all(np.array_equal(found[name], again[name]) for name in found)


def test_differences_are_paired_by_seed():
    control = np.array([0.5, 0.6, 0.7])
    mean, half = study.paired(control + 0.01, control)
    assert (mean, half) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    mean, half = study.paired(control + np.array([0.0, 0.01, 0.02]), control)
    assert half == pytest.approx(4.302653 * 1 / 3**0.5, rel=1e-5)  # t of 2 degrees of freedom


def test_report_compares_with_control_and_probe():
    rows = [
        {"set": "s", "n_pairs": 100, "variant": variant, "seed": seed, "accuracy": 0.5 + 0.01 * i}
        for i, variant in enumerate(study.VARIANTS)
        for seed in range(3)
    ]
    lines = study.report(pd.DataFrame(rows)).splitlines()
    (line,) = (one for one in lines if " evidence probe " in one)
    assert "+10.0 ± 0.0" in line
    assert "+1.0 ± 0.0" in line
