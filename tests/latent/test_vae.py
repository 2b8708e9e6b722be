"""The VAE's losses against hand-computed closed forms, its size, its gradients, its seeds."""

import io
import math
import re

import numpy as np
import pytest
import torch

from lens.core.errors import LensError
from lens.latent.vae import (
    SHARING,
    VAE,
    diagnose,
    kl_to_standard_normal,
    load_vae,
    loss_terms,
    sample,
    save_vae,
    train_vaes,
    wasserstein2,
)

SETTINGS = {
    "seed": 3,
    "hidden": 8,
    "latent": 2,
    "sharing": "shared_trunk_separate_heads",
    "beta": 1.0,
    "gamma": 0.1,
    "learning_rate": 1e-2,
    "batch_size": 16,
    "epochs": 5,
}


def train_vae(chosen, rejected, *, seed, **settings):
    return train_vaes([(chosen, rejected)], seeds=[seed], **settings)[0]


def pairs(count=40, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, count, dim, generator=generator).numpy()


def test_kl_equals_the_closed_form():
    mean = torch.tensor([[0.0, 1.0, -2.0]])
    log_variance = torch.tensor([[0.0, math.log(4.0), math.log(0.25)]])
    # 1/2 (mu^2 + s^2 - 1 - ln s^2), one dimension at a time
    expected = [0.0, 0.5 * (1 + 4 - 1 - math.log(4)), 0.5 * (4 + 0.25 - 1 + math.log(4))]
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance)[0], torch.tensor(expected))


def test_kl_equals_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 50, 4, generator=generator)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1))
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), expected)


def test_wasserstein_equals_the_closed_form():
    # means differ by (3, 0), standard deviations (1, 6) and (1, 2) by (0, 4): distance 5
    distance = wasserstein2(
        torch.tensor([[3.0, 0.0]]),
        torch.tensor([[0.0, math.log(36.0)]]),
        torch.tensor([[0.0, 0.0]]),
        torch.tensor([[0.0, math.log(4.0)]]),
    )
    assert distance.item() == pytest.approx(5.0, rel=1e-6)


def test_wasserstein_of_equal_posteriors_has_a_finite_gradient():
    mean = torch.zeros(1, 2, requires_grad=True)
    wasserstein2(mean, torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2)).sum().backward()
    assert torch.isfinite(mean.grad).all()


def test_total_loss_by_hand():
    vae = VAE(dim=2, hidden=2, latent=1, sharing="share_everything")
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
        vae.mean_head["both"].bias.fill_(1.0)  # q(z | e) = N(1, 1) for every e
    chosen, rejected = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])
    terms = loss_terms(vae, torch.cat([chosen, rejected]), torch.zeros(2, 1))
    # the decoder gives 0: squared errors 25 and 4, summed over features and over both members
    assert terms.reconstruction.item() == pytest.approx(29.0)
    assert terms.kl.item() == pytest.approx(2 * 0.5)
    assert terms.distance.item() == 0
    assert terms.total(beta=2.0, gamma=0.7).item() == pytest.approx(31.0)


def test_distance_is_subtracted_with_weight_gamma():
    torch.manual_seed(0)
    vae = VAE(dim=4, hidden=8, latent=2, sharing="separate_everything")
    terms = loss_terms(vae, torch.randn(10, 4), torch.randn(10, 2))
    assert terms.distance.min().item() > 0
    plain = terms.reconstruction + terms.kl
    torch.testing.assert_close(terms.total(1.0, 0.0), plain)
    torch.testing.assert_close(terms.total(1.0, 0.5), plain - 0.5 * terms.distance)


def test_each_pair_has_its_own_loss():
    torch.manual_seed(0)
    vae = VAE(dim=4, hidden=8, latent=2, sharing="shared_trunk_separate_heads")
    data, noise = torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    whole = loss_terms(vae, data.flatten(0, 1), noise.flatten(0, 1)).total(1.0, 0.3)
    single = loss_terms(vae, data[:, 4], noise[:, 4]).total(1.0, 0.3)
    torch.testing.assert_close(whole[4:5], single)


def test_loss_terms_are_those_of_each_side():
    """Equations 3 to 6 for every pair, put together from one side after the other."""
    torch.manual_seed(0)
    vae = VAE(dim=4, hidden=8, latent=3, sharing="separate_everything")
    data, noise = torch.randn(2, 6, 4), torch.randn(2, 6, 3)
    terms = loss_terms(vae, data.flatten(0, 1), noise.flatten(0, 1))
    sides = list(zip(("chosen", "rejected"), data, noise, strict=True))
    posteriors = [vae.encode(own, side) for side, own, _ in sides]
    squares = [
        (own - vae.decode(mean + (0.5 * log_variance).exp() * draw, side)).square().sum(dim=1)
        for (side, own, draw), (mean, log_variance) in zip(sides, posteriors, strict=True)
    ]
    torch.testing.assert_close(terms.reconstruction, squares[0] + squares[1])
    kls = [kl_to_standard_normal(*posterior).sum(dim=1) for posterior in posteriors]
    torch.testing.assert_close(terms.kl, kls[0] + kls[1])
    torch.testing.assert_close(terms.distance, wasserstein2(*posteriors[0], *posteriors[1]))


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(40, 40, 40), (40, 37, 16), (7, 40, 33)])
@pytest.mark.parametrize("sharing", SHARING)
def test_runs_side_by_side_end_as_they_would_alone(counts, sharing):
    """Ragged counts: some runs have fewer rows in a batch, fewer batches, or not one full one."""
    data = [pairs(count, seed=seed) for seed, count in enumerate(counts)]
    settings = {**SETTINGS, "sharing": sharing}
    del settings["seed"]
    together = train_vaes(data, seeds=[5, 6, 7], **settings)
    for seed, own, vae in zip((5, 6, 7), data, together, strict=True):
        alone = train_vae(*own, seed=seed, **settings)
        for a, b in zip(alone.parameters(), vae.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_training_goes_on_from_the_weights_that_it_is_given():
    """With steps too small to change anything each run keeps its own; the given VAEs stay."""
    data, settings = [pairs(seed=0), pairs(seed=1)], {**SETTINGS, "learning_rate": 1e-30}
    del settings["seed"]
    earlier = train_vaes(data, seeds=[5, 6], **settings | {"learning_rate": 1e-2})
    states = [{name: w.clone() for name, w in vae.state_dict().items()} for vae in earlier]
    later = train_vaes(data, seeds=[7, 8], **settings, start=earlier)
    anew = train_vaes(data, seeds=[7, 8], **settings)
    for state, went_on, new, given in zip(states, later, anew, earlier, strict=True):
        for name, weights in went_on.state_dict().items():
            assert torch.equal(weights, state[name])
            assert torch.equal(given.state_dict()[name], state[name])
        assert not torch.equal(next(new.parameters()), next(went_on.parameters()))
    with pytest.raises(ValueError, match="zip"):
        train_vaes(data, seeds=[7, 8], **settings, start=earlier[:1])


def test_training_is_plain_adam_on_the_mean_loss():
    """The loop written out with an ordinary module, as a reader of A.1 would."""
    chosen, rejected = pairs()
    torch.manual_seed(3)
    plain = VAE(6, 8, 2, "shared_trunk_separate_heads")
    generator = torch.Generator().manual_seed(3)
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(40, generator=generator).split(16):
            noise = torch.randn(2, len(rows), 2, generator=generator)
            both = torch.from_numpy(np.concatenate([chosen[rows], rejected[rows]]))
            optimiser.zero_grad()
            loss_terms(plain, both, noise.flatten(0, 1)).total(1.0, 0.1).mean().backward()
            optimiser.step()
    for a, b in zip(plain.parameters(), train_vae(*pairs(), **SETTINGS).parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("sharing", "parameters"),
    [
        ("shared_trunk_separate_heads", 533_696),  # the paper's "0.5M"
        ("share_everything", 533_696 - 2 * (64 * 16 + 16)),
        ("separate_everything", 2 * (533_696 - 2 * (64 * 16 + 16))),
    ],
)
def test_number_of_parameters(sharing, parameters):
    vae = VAE(dim=4096, hidden=64, latent=16, sharing=sharing)
    assert sum(value.numel() for value in vae.parameters()) == parameters


def test_what_is_shared():
    torch.manual_seed(0)
    data = torch.randn(3, 5)
    shared, heads, separate = (
        VAE(5, 8, 2, sharing)
        for sharing in ("share_everything", "shared_trunk_separate_heads", "separate_everything")
    )

    def offset(vae):
        return (vae.encode(data, "chosen")[0] - vae.encode(data, "rejected")[0]).abs().max().item()

    latents = torch.randn(3, 2)
    assert offset(shared) == 0
    assert offset(heads) > 0
    assert torch.equal(heads.decode(latents, "chosen"), heads.decode(latents, "rejected"))
    assert not torch.equal(separate.decode(latents, "chosen"), separate.decode(latents, "rejected"))


def test_unknown_sharing_is_named():
    with pytest.raises(LensError, match="half"):
        VAE(4, 8, 2, "half")


@pytest.mark.slow
@pytest.mark.parametrize("sharing", ["shared_trunk_separate_heads", "separate_everything"])
def test_gradients(sharing):
    torch.manual_seed(1)
    vae = VAE(3, 4, 2, sharing).double()
    chosen, rejected = torch.randn(2, 2, 3, dtype=torch.double)
    noise = torch.randn(2, 2, 2, dtype=torch.double)
    names, values = zip(*vae.named_parameters(), strict=True)

    def loss(*weights):
        part = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(
            _Loss(vae), {f"vae.{n}": w for n, w in part.items()}, (chosen, rejected, noise)
        )

    assert torch.autograd.gradcheck(loss, values)


class _Loss(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, chosen, rejected, noise):
        pairs, noise = torch.cat([chosen, rejected]), noise.flatten(0, 1)
        return loss_terms(self.vae, pairs, noise).total(beta=0.7, gamma=0.3).mean()


def test_sampling_has_the_posterior_s_moments():
    mean, log_variance = torch.tensor([[2.0]]), torch.tensor([[math.log(9.0)]])
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    z = sample(mean, log_variance, noise)
    assert z.mean().item() == pytest.approx(2.0, abs=0.03)
    assert z.std().item() == pytest.approx(3.0, abs=0.03)


def test_a_sample_is_the_mean_plus_deviations():
    mean, log_variance = torch.tensor([[2.0, -1.0]]), torch.tensor([[math.log(9.0), 0.0]])
    drawn = sample(mean, log_variance, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(drawn, torch.tensor([[5.0, -3.0]]))


@pytest.mark.slow
def test_training_lowers_the_loss_and_follows_the_seed():
    chosen, rejected = pairs()
    first, again = (train_vae(chosen, rejected, **SETTINGS) for _ in range(2))
    other = train_vae(chosen, rejected, **{**SETTINGS, "seed": 4})
    untrained = train_vae(chosen, rejected, **{**SETTINGS, "learning_rate": 1e-12})
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.decoder["both"][0].weight, other.decoder["both"][0].weight)
    assert (
        diagnose(first, chosen, rejected)["reconstruction_error"]
        < diagnose(untrained, chosen, rejected)["reconstruction_error"]
    )


def test_training_leaves_the_global_generator_alone():
    chosen, rejected = pairs()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    train_vae(chosen, rejected, **SETTINGS)
    assert torch.equal(torch.rand(1), expected)


def test_a_bar_of_epochs_on_terminals_alone(monkeypatch, capsys):
    train_vae(*pairs(), **SETTINGS)
    assert capsys.readouterr().err == ""  # a log
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    train_vae(*pairs(), **SETTINGS)
    assert "\rvae: 100%" in screen.getvalue()
    assert re.search(r"5/5 .*\depoch/s", screen.getvalue())


@pytest.mark.slow
def test_a_large_gamma_separates_the_posteriors():
    chosen, rejected = pairs()
    near = train_vae(chosen, rejected, **{**SETTINGS, "gamma": 0.0, "epochs": 30})
    far = train_vae(chosen, rejected, **{**SETTINGS, "gamma": 5.0, "epochs": 30})
    assert (
        diagnose(far, chosen, rejected)["wasserstein2"]
        > 1.5 * diagnose(near, chosen, rejected)["wasserstein2"]
    )


def test_an_exploding_loss_is_reported():
    chosen, rejected = pairs()
    chosen = np.full_like(chosen, 1e30)
    with pytest.raises(LensError, match=r"loss became (inf|nan) in epoch 1 \(seed 3\)"):
        train_vae(chosen, rejected, **SETTINGS)


@pytest.mark.parametrize("sharing", SHARING)
def test_pairs_are_encoded_and_decoded_side_by_side(sharing):
    torch.manual_seed(0)
    vae, sides = VAE(5, 8, 2, sharing), torch.randn(2, 7, 5)
    halves = [half.chunk(2) for half in vae.encode_pairs(sides.flatten(0, 1))]
    latents = torch.randn(2, 7, 2)
    errors = vae.errors(sides.flatten(0, 1), latents.flatten(0, 1)).chunk(2)
    for i, side in enumerate(("chosen", "rejected")):
        for together, alone in zip(halves, vae.encode(sides[i], side), strict=True):
            torch.testing.assert_close(together[i], alone)
        decoded = vae.decode(latents[i], side)
        torch.testing.assert_close(errors[i], (decoded - sides[i]).square().sum(dim=1))
        features, layer = vae.decoder_features(latents[i], side)
        torch.testing.assert_close(layer(features), decoded)


def test_saved_and_loaded(tmp_path):
    vae = train_vae(*pairs(), **SETTINGS)
    save_vae(tmp_path / "vae.safetensors", vae)
    loaded = load_vae(tmp_path / "vae.safetensors")
    latents = torch.randn(3, 2)
    assert torch.equal(vae.decode(latents, "chosen"), loaded.decode(latents, "chosen"))
    assert loaded.shape == vae.shape
    assert not vae.training
    assert not loaded.training
