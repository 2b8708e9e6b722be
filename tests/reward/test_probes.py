"""The probes against their closed forms and first-order conditions."""

import numpy as np
import pytest

from lens.reward import probes
from tests.helpers.linear_world import linear_world


def test_mean_difference_by_hand():
    data, _ = linear_world(count=5, validation=2)
    both = np.concatenate(
        [data.chosen - data.rejected, data.validation_chosen - data.validation_rejected]
    )
    np.testing.assert_allclose(
        probes.mean_difference(data).weights["w"], both.sum(0) / 7, rtol=1e-5
    )


def test_logistic_fit_meets_its_first_order_condition():
    data, _ = linear_world()
    differences, penalty = (data.chosen - data.rejected).astype(np.float64), 0.05
    weights = probes.fit_logistic(differences, penalty)
    probability_wrong = 1 / (1 + np.exp(differences @ weights))
    gradient = -(differences * probability_wrong[:, None]).mean(axis=0) + penalty * weights
    assert np.abs(gradient).max() < 1e-4


@pytest.mark.slow
def test_linear_probe_regularises_more_where_labels_are_noise():
    clear, truth = linear_world(count=400, noise=0.3)
    probe = probes.linear_probe(clear)
    cosine = probe.weights["w"] @ truth
    cosine /= np.linalg.norm(probe.weights["w"]) * np.linalg.norm(truth)
    assert cosine > 0.97
    pure_noise, _ = linear_world(count=60, dim=40, noise=1e9)
    assert probes.linear_probe(pure_noise).metrics["penalty"] > probe.metrics["penalty"]
