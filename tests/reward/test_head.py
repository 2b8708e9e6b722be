"""Reward heads: scores, files."""

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.latent.vae import VAE, save_vae
from lens.reward.head import RewardHead, pair_accuracy
from lens.reward.training_set import Standardiser
from tests.helpers.linear_world import linear_world, train_mlp


def test_pair_accuracy_counts_a_tie_as_half():
    assert list(pair_accuracy(np.array([2.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0]))) == [1, 0, 0.5]


def test_numpy_scores_equal_torch_and_survive_saving(tmp_path):
    data, _ = linear_world(count=50)
    rng = np.random.default_rng(0)
    standardiser = Standardiser.fit(rng.normal(3, 2, size=(30, 6)).astype(np.float32))
    weights = train_mlp(data, epochs=2).weights
    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    network.load_state_dict(
        {
            "0.weight": torch.tensor(weights["w1"]),
            "0.bias": torch.tensor(weights["b1"]),
            "2.weight": torch.tensor(weights["w2"])[None],
            "2.bias": torch.tensor(weights["b2"])[None],
        }
    )
    raw = rng.normal(size=(4, 5, 6)).astype(np.float32)
    model = RewardHead(weights, standardiser)
    with torch.no_grad():
        expected = network(torch.from_numpy(standardiser(raw))).squeeze(-1).numpy()
    np.testing.assert_allclose(model(raw), expected, atol=1e-5)
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(RewardHead.load(tmp_path / "model.safetensors")(raw), model(raw))
    with pytest.raises(LensError, match="3 features"):
        model(raw[..., :3])


def test_other_files_are_no_reward_model(tmp_path):
    save_vae(tmp_path / "vae.safetensors", VAE(6, 8, 2, "share_everything"))
    with pytest.raises(LensError, match="not a LENS reward model"):
        RewardHead.load(tmp_path / "vae.safetensors")
