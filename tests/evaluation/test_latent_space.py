"""The plane of Figure 3 and the orders that a VAE's heads give."""

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.evaluation import latent_space
from lens.latent.vae import VAE
from tests.helpers.geometry import FIRST


def test_the_plane_points_from_rejected_to_chosen():
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(200, 4)) * [0.1, 0.1, 3.0, 0.1]
    chosen, rejected = cloud + FIRST, cloud - FIRST
    plane = latent_space.class_plane(chosen, rejected)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(plane.axes[0], [1, 0, 0, 0], atol=1e-12)
    assert plane.axes[1, 2] > 0.99
    other = latent_space.class_plane(rejected, chosen)
    np.testing.assert_allclose(other.axes[0], -plane.axes[0], atol=1e-12)
    flat = np.concatenate([chosen, rejected]) * [1, 0, 1, 0]
    assert latent_space.share_in_plane(plane, flat) == pytest.approx(1, abs=1e-3)
    with pytest.raises(LensError, match="the same mean"):
        latent_space.class_plane(cloud, cloud)


def vae_of(mean_heads):
    """A VAE [2 features, 2 latents] whose posterior mean is, by side, (weight, bias) of relu(e)."""
    vae = VAE(2, 2, 2, "shared_trunk_separate_heads")
    with torch.no_grad():
        vae.trunk["both"][0].weight.copy_(torch.eye(2))
        vae.trunk["both"][0].bias.zero_()
        for side, (weight, bias) in mean_heads.items():
            vae.mean_head[side].weight.copy_(weight * torch.eye(2))
            vae.mean_head[side].bias.copy_(torch.tensor([bias, 0.0]))
    return vae


PAIRS = {
    "chosen": np.float32([[2, 1], [3, 1], [1, 1], [4, 1]]),
    "rejected": np.float32([[1, 1], [2, 2], [3, 2], [1, 1]]),
}  # chosen above rejected along the first feature in three of four pairs


def test_heads_of_their_own_can_order_pairs_without_reading_them():
    blind = vae_of({"chosen": (0.0, 1.0), "rejected": (0.0, -1.0)})
    plane = latent_space.Plane(np.zeros(2), np.eye(2))
    found = latent_space.orders(blind, plane, PAIRS, PAIRS)
    assert found["own_heads"].tolist() == [1, 1, 1, 1]
    assert found["same_head"].tolist() == [0.5] * 4  # ties: nothing is known
    reading = vae_of({"chosen": (1.0, 0.0), "rejected": (1.0, 0.0)})
    found = latent_space.orders(reading, plane, PAIRS, PAIRS)
    assert found["own_heads"].tolist() == found["same_head"].tolist() == [1, 1, 0, 1]
    against = vae_of({"chosen": (-1.0, 0.0), "rejected": (-1.0, 0.0)})
    assert latent_space.orders(against, plane, PAIRS, PAIRS)["same_head"].tolist() == [0, 0, 1, 0]
    assert latent_space.mean_difference_orders(PAIRS, PAIRS).tolist() == [1, 1, 0, 1]
