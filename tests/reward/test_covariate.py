"""Length as a covariate: an input of the training that the reward leaves out."""

import numpy as np
import pytest
from scipy.optimize import minimize

from lens.core.errors import LensError
from lens.reward import probes
from lens.reward.evidence import cross_entropy
from lens.reward.methods import METHODS
from lens.reward.recipes import CONTROLLED, Recipe
from lens.reward.training_set import build_training_set
from tests.helpers.length_world import by_length


def trained_on(pairs, covariate=True, labels=None):
    return build_training_set(
        np.arange(len(pairs)),
        pairs.groups,
        {"chosen": pairs.chosen, "rejected": pairs.rejected},
        seed=0,
        validation_fraction=0.1,
        labels=labels,
        covariates=pairs.lengths if covariate else None,
    )


@pytest.mark.parametrize("method", CONTROLLED)
def test_what_length_alone_decides_has_no_weight(method):
    """Of features 0 (the reward) and 1 (length), which decides more."""
    pairs = by_length()
    plain, controlled = (
        METHODS[method].probe(trained_on(pairs, covariate)).weights["w"]
        for covariate in (False, True)
    )
    assert plain[1] > plain[0] > 0
    assert abs(controlled[1]) < 0.05 * controlled[0]


def test_the_linear_probe_is_the_regression_beside_length(monkeypatch):
    """Its weights are those of all features as they are, of which length is one that no penalty
    shrinks."""
    monkeypatch.setattr(probes, "LINEAR_PENALTIES", (0.1,))
    pairs = by_length(count=120, seed=3)
    pairs.chosen[:, 2] += 0.5 * pairs.lengths[:, 0]  # goes along with length in part
    pairs.rejected[:, 2] += 0.5 * pairs.lengths[:, 1]
    pairs.chosen[:, 1], pairs.rejected[:, 1] = 0, 0
    found = probes.linear_probe(trained_on(pairs)).weights["w"]
    x = trained_on(pairs, covariate=False).differences()[0].astype(float)
    gap = trained_on(pairs).all_covariates()

    def loss(w):
        return cross_entropy(x @ w[:-1] + w[-1] * gap).mean() + 0.05 * w[:-1] @ w[:-1]

    np.testing.assert_allclose(found, minimize(loss, np.zeros(5), tol=1e-10).x[:-1], atol=2e-3)


def test_differences_are_without_what_goes_along_with_length():
    data = trained_on(by_length())
    gap = data.all_covariates()
    np.testing.assert_allclose(gap @ data.differences()[0], 0, atol=1e-3)
    assert np.square(gap).mean() == pytest.approx(1)
    np.testing.assert_allclose(
        sum(side.mean(axis=0) for side in data.all_pairs()[:2]), 0, atol=1e-4
    )


def test_soft_labels_are_controlled_as_well():
    pairs = by_length()
    data = trained_on(pairs, labels=np.full(len(pairs), 0.9))
    for method in CONTROLLED:
        weights = METHODS[method].probe(data).weights["w"]
        assert abs(weights[1]) < 0.05 * weights[0]


def test_networks_and_equal_lengths_are_refused():
    for recipe in (("original",), ("evidence_network",), ("lens", 4)):
        with pytest.raises(LensError, match="cannot control for length"):
            Recipe(*recipe, covariate="length")
    pairs = by_length(count=40)
    pairs.table["chosen"] = pairs.table["rejected"]
    with pytest.raises(LensError, match="nothing to control"):
        trained_on(pairs)
    recipe = Recipe("linear_probe", covariate="length")
    assert Recipe(**recipe.as_dict()) == recipe
    assert str(recipe) == "linear probe, length controlled"
