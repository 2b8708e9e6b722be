"""The converged VAE: sizes by rule, early stopping on held-out pairs, more variance explained."""

import numpy as np
import pytest
import torch

from lens.latent import vae
from lens.latent.converged import choose_sizes, train_converged
from lens.latent.vae import diagnose, train_vaes
from lens.reward.recipes import VAE_SETTINGS
from tests.helpers.embedded_pairs import near_a_plane


def spiked(count, dim, spikes, size, seed=0):
    """Embeddings [n, d]: noise of variance 1, and directions of `size` times that."""
    rng = np.random.default_rng(seed)
    scale = np.ones(dim)
    scale[:spikes] = size
    return (rng.normal(size=(count, dim)) * scale).astype(np.float32)


def test_latent_units_are_the_directions_that_stand_out():
    found = choose_sizes(spiked(2000, 40, 5, 10.0), spiked(2000, 40, 5, 10.0, seed=1))
    assert found.latent == 5
    assert found.hidden == 64
    assert found.beta == pytest.approx(2 * 35 / 40, rel=0.05)


def test_hidden_units_grow_with_the_latent_ones():
    found = choose_sizes(spiked(3000, 90, 30, 8.0), spiked(3000, 90, 30, 8.0, seed=1))
    assert found.hidden == 4 * found.latent > 64


@pytest.mark.slow
def test_it_explains_more_held_out_variance_than_the_published_budget():
    sides, fresh = near_a_plane(200, dim=12), near_a_plane(200, dim=12)[:, :50] + 0.05
    published = train_vaes([tuple(sides)], seeds=[0], **VAE_SETTINGS)[0]
    options = {"learning_rate": 1e-3, "epochs": 400, "patience": 20}
    converged = train_converged(*sides, seed=0, **options)
    shares = [diagnose(vae, *fresh)["variance_explained"] for vae in (published, converged)]
    assert shares[1] > max(0.5, shares[0] + 0.2)


@pytest.mark.slow
def test_a_run_has_its_best_epochs_weights_whatever_runs_beside_it():
    settings = VAE_SETTINGS | {"epochs": 12, "learning_rate": 3e-2, "hidden": 8, "latent": 2}
    sides = [tuple(near_a_plane(40, seed=seed)) for seed in range(2)]
    held = [tuple(near_a_plane(20, seed=9)), tuple(0 * near_a_plane(20, seed=8))]
    both = train_vaes(sides, seeds=[0, 1], held_out=held, patience=2, **settings)
    for run in range(2):
        (alone,) = train_vaes(
            [sides[run]], seeds=[run], held_out=[held[run]], patience=2, **settings
        )
        for name, value in alone.state_dict().items():
            np.testing.assert_allclose(both[run].state_dict()[name], value, atol=1e-4)
    errors = []
    for epochs in range(1, 13):
        (vae,) = train_vaes([sides[0]], seeds=[0], **settings | {"epochs": epochs})
        errors.append(diagnose(vae, *held[0])["reconstruction_error"])
    best, since = 0, 0
    for epoch, error in enumerate(errors):
        best, since = (epoch, 0) if error < errors[best] or not epoch else (best, since + 1)
        if since == 2:
            break
    found = diagnose(both[0], *held[0])["reconstruction_error"]
    assert found == pytest.approx(errors[best], rel=1e-3)


def test_a_run_stops_after_so_many_epochs_without_a_better_one(monkeypatch):
    errors = [iter([5.0, 3.0, 4.0, 3.0]), iter([9.0, 8.0, 7.0, 6.0, 7.0, 6.0])]
    pairs, looks, epochs = [tuple(near_a_plane(20, seed=seed)) for seed in range(2)], [], []

    def diagnosed(model, chosen, _):
        run = 0 if chosen is pairs[0][0] else 1
        looks.append((run, torch.cat([value.flatten() for value in model.parameters()]).detach()))
        return {"reconstruction_error": next(errors[run])}

    monkeypatch.setattr(vae, "diagnose", diagnosed)
    monkeypatch.setattr(vae, "Bar", lambda bar, **_: (epochs.append(e) or e for e in bar))

    def train(count, **options):
        return train_vaes(pairs, seeds=[0, 1], **VAE_SETTINGS | {"epochs": count}, **options)

    best = train(9, held_out=pairs, patience=2)
    assert epochs == [0, 1, 2, 3, 4, 5]
    assert [run for run, _ in looks] == [0, 1] * 4 + [1, 1]
    assert not torch.equal(looks[0][1], looks[2][1])
    for run, count in enumerate((2, 4)):
        for name, value in train(count)[run].state_dict().items():
            assert torch.equal(best[run].state_dict()[name], value)
