"""What is said of a trained VAE, against numbers that are known."""

import json
import math

import numpy as np
import pytest
import torch

from lens.latent.vae import VAE, diagnose
from tests.helpers.vaes import identity_vae


def test_diagnosis_names_a_collapsed_posterior():
    chosen, rejected = np.random.default_rng(0).normal(size=(2, 40, 6)).astype(np.float32)
    vae = VAE(6, 8, 2, "share_everything")
    with torch.no_grad():
        vae.mean_head["both"].weight.zero_()
    found = diagnose(vae, chosen, rejected)
    assert found["active_units"] == 0
    assert len(found["kl_per_dimension"]) == 2


def test_diagnosis_by_hand():
    """Posterior means that are the embeddings, variances of 4, and a decoder that adds a vector."""
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 0.2, 0.05])  # variances 1, 0.04 and 0.0025: two active
    chosen, rejected = (rng.normal(size=(2, 40, 3)) * spread).astype(np.float32)
    vae = identity_vae(3)
    with torch.no_grad():
        vae.log_variance_head["both"].bias.fill_(math.log(4))
        vae.decoder["both"][2].bias.copy_(torch.tensor([3.0, 0.0, 4.0]))
    both = np.concatenate([chosen, rejected]).astype(np.float64)
    decoded = both + np.array([3, 0, 4])
    lengths = np.linalg.norm(both, axis=1) * np.linalg.norm(decoded, axis=1)
    found = diagnose(vae, chosen, rejected)
    assert found["reconstruction_error"] == pytest.approx(25, rel=1e-5)
    cosines = (both * decoded).sum(axis=1) / lengths
    assert found["reconstruction_cosine"] == pytest.approx(cosines.mean(), rel=1e-5)
    kl = 0.5 * ((both**2).mean(axis=0) + 4 - 1 - math.log(4))
    assert found["kl_per_dimension"] == pytest.approx(kl, rel=1e-5)
    assert found["active_units"] == 2
    distances = np.linalg.norm(chosen - rejected, axis=1)  # the deviations are the same
    assert found["wasserstein2"] == pytest.approx(distances.mean(), rel=1e-5)
    assert json.loads(json.dumps(found)) == found  # plain numbers, for a metrics file


def test_units_are_active_over_all_embeddings_or_over_one_side_s():
    """Posterior means that are the embeddings: two active units that vary within one side alone,
    one within both, one that only tells the sides apart, and one that stays still."""
    sides = 0.01 * np.random.default_rng(0).normal(size=(2, 40, 5)).astype(np.float32)
    sides[0, :, :2] *= 100
    sides[1, :, 1:3] *= 100
    sides[1, :, 3] += 3
    found = diagnose(identity_vae(5), *sides)
    assert (found["active_units"], found["active_units_within_sides"]) == (4, 3)


def test_the_variance_within_a_side_is_that_of_its_embeddings_not_of_a_sample():
    side = np.array([[0.007**0.5], [-(0.007**0.5)]], np.float32)  # 0.007, as a sample 0.014
    assert diagnose(identity_vae(1), side, side)["active_units_within_sides"] == 0


@pytest.mark.parametrize("kept", [0, 6, 24])
def test_variance_explained_of_few_pairs_is_right_on_average(kept):
    """Of 30 features with means of their own and equal variances the first `kept` are decoded as
    they are, the others as their means: the VAE explains kept / 30."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=30)
    vae = identity_vae(30)
    with torch.no_grad():
        vae.decoder["both"][2].weight[kept:] = 0
        vae.decoder["both"][2].bias[kept:] = torch.from_numpy(means[kept:])
    for pairs in (5, 10):
        draws = (rng.normal(size=(400, 2, pairs, 30)) + means).astype(np.float32)
        shares = [diagnose(vae, *sides)["variance_explained"] for sides in draws]
        assert np.mean(shares) == pytest.approx(kept / 30, abs=0.01)
