"""The study's generators: what each does to a pair, held against its formula."""

import math

import numpy as np
import pytest
import torch
from generators import METHODS, conditional, directed, flow, mixing, mixup, residual
from generators.draws import row_integers

from lens.core.errors import LensError
from lens.core.row_noise import combine, row_normals
from lens.core.seeds import derive_seed
from lens.latent.synthesis import compose, lens_latents
from lens.latent.vae import VAE, kl_to_standard_normal
from lens.reward import mlp
from tests.helpers.linear_world import HEAD, linear_world

ONE = torch.ones(1, dtype=torch.int64)


def pairs(count=4000, dim=3, seed=0):
    rng = np.random.default_rng(seed)
    rejected = rng.normal(size=(count, dim))
    chosen = rejected + rng.normal(size=(count, dim)) + np.eye(dim)[0] * 0.5
    return tuple(torch.from_numpy(side.astype(np.float32)) for side in (chosen, rejected))


def all_new(count):
    """Rows 0 ... count - 1 and their first synthetic variant."""
    return torch.arange(count), torch.ones(count, dtype=torch.int64)


def a_vae(dim=3, sharing="separate_everything", seed=0):
    torch.manual_seed(seed)
    return VAE(dim, 8, 2, sharing)


def test_mixtures_keep_a_difference_s_spread_and_raise_its_mean():
    rng = np.random.default_rng(0)
    rejected = torch.from_numpy(rng.normal(size=(4000, 2)).astype(np.float32))
    noise = torch.from_numpy(rng.normal(size=(4000, 2)).astype(np.float32))
    chosen = rejected + noise + torch.tensor([0.5, 0.0])
    source = mixing.difference_mixing(chosen, rejected, mixed=9, seed=1)
    rows, variants = torch.arange(4000), torch.ones(4000, dtype=torch.int64)
    mixed = source("chosen", rows, variants) - rejected
    one = chosen - rejected
    np.testing.assert_allclose(mixed.mean(dim=0), 3 * one.mean(dim=0), atol=0.06)  # sqrt(9) times
    np.testing.assert_allclose(mixed.std(dim=0), one.std(dim=0), atol=0.05)


def test_mixtures_by_hand_and_by_row():
    chosen, rejected = torch.tensor([[3.0], [5.0]]), torch.tensor([[1.0], [2.0]])
    source = mixing.difference_mixing(chosen, rejected, mixed=2, seed=0)
    rows, variants = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])
    got = source("chosen", rows, variants)
    assert got[0].item() == 3  # variant 0 is the original
    sums = {(2 + 2) / 2**0.5, (2 + 3) / 2**0.5, (3 + 3) / 2**0.5}
    assert min(abs(got[1].item() - 1 - one) for one in sums) < 1e-6
    assert min(abs(got[2].item() - 2 - one) for one in sums) < 1e-6
    assert torch.equal(source("chosen", rows[2:], variants[2:]), got[2:])  # whatever the batch
    other = mixing.difference_mixing(chosen, rejected, mixed=2, seed=1)
    many = torch.zeros(50, dtype=torch.int64), torch.arange(1, 51)
    assert not torch.equal(source("chosen", *many), other("chosen", *many))
    with pytest.raises(LensError, match="chosen embeddings alone"):
        source("rejected", rows, variants)


def test_mixtures_stand_against_the_original_rejected_embedding():
    composition = mixing.compose_mixtures(3, 4)
    assert composition.shape == (3, 4, 2)
    assert composition[..., 1].eq(0).all()
    assert composition[1, :, 0].tolist() == [0, 1, 2, 3]


def test_latent_mixing_moves_the_rejected_embedding_by_what_the_decoder_says():
    chosen, rejected = pairs(count=2)
    vae = a_vae()
    source = mixing.latent_mixing(vae, chosen, rejected, mixed=1, seed=3)
    got = source("chosen", torch.tensor([1]), ONE)[0]
    with torch.no_grad():
        latents = vae.encode(rejected, "rejected")[0]
        differences = vae.encode(chosen, "chosen")[0] - latents
        possible = (
            rejected[1]
            + vae.decode(latents[1] + differences, "chosen")
            - vae.decode(latents[1], "rejected")
        )
    assert min((got - one).abs().max().item() for one in possible) < 1e-5
    with pytest.raises(LensError, match="chosen embeddings alone"):
        source("rejected", torch.tensor([1]), ONE)


def test_mixup_puts_both_sides_at_one_point_of_the_line_to_one_partner():
    """With rejected = 2 chosen + 1, that must hold for the mixtures as well."""
    chosen, _ = pairs(count=3000)
    source = mixup.mixup(chosen, 2 * chosen + 1, seed=0)
    rows, variants = all_new(3000)
    new, other = source("chosen", rows, variants), source("rejected", rows, variants)
    torch.testing.assert_close(other, 2 * new + 1, rtol=0, atol=1e-5)
    two = torch.tensor([[0.0], [1.0]])
    shares = mixup.mixup(two, two, seed=0)(
        "chosen", torch.zeros(4000, dtype=torch.int64), torch.arange(1, 4001)
    )[:, 0]
    moved = shares[shares > 0]  # half of the partners are the row itself
    assert len(moved) / 4000 == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(np.quantile(moved, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.03)


def test_coupled_variants_are_the_same_on_both_sides():
    composition = mixup.compose_coupled(3, 4)
    assert composition.shape == (3, 4, 2)
    assert composition[1].tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]


def test_residual_decoding_adds_the_change_that_the_decoder_sees():
    chosen, rejected = pairs(count=5)
    vae = a_vae()
    latents = {side: torch.randn(5, 2, 2) for side in ("chosen", "rejected")}
    source = residual.residual_decoding(vae, chosen, rejected, latents)
    rows, variants = torch.tensor([4, 2]), torch.tensor([2, 1])
    for side, embeddings in (("chosen", chosen), ("rejected", rejected)):
        with torch.no_grad():
            new = vae.decode(latents[side][rows, variants - 1], side)
            old = vae.decode(vae.encode(embeddings[rows], side)[0], side)
        expected = embeddings[rows] + new - old
        torch.testing.assert_close(source(side, rows, variants), expected)
    with torch.no_grad():
        still = {
            side: vae.encode(embeddings, side)[0].unsqueeze(1)
            for side, embeddings in (("chosen", chosen), ("rejected", rejected))
        }
    unmoved = residual.residual_decoding(vae, chosen, rejected, still)
    torch.testing.assert_close(unmoved("chosen", *all_new(5)), chosen)


def test_posterior_noise_has_the_posterior_s_spread_times_its_widening():
    """A VAE of one linear latent dimension, so that decoded noise is known."""
    chosen, rejected = torch.tensor([[3.0]]), torch.tensor([[-1.0]])
    vae = VAE(1, 1, 1, "share_everything")
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
        vae.log_variance_head["both"].bias.fill_(2 * math.log(0.5))  # sigma = 0.5, mean 0
        vae.decoder["both"][0].weight.fill_(1.0)
        vae.decoder["both"][0].bias.fill_(100.0)  # far from the ReLU's bend
        vae.decoder["both"][2].weight.fill_(1.0)
    source = residual.posterior_noise(vae, chosen, rejected, widening=4.0, seed=0)
    new = source("chosen", torch.zeros(20000, dtype=torch.int64), torch.arange(1, 20001))
    assert new.mean().item() == pytest.approx(3.0, abs=0.03)
    assert new.std().item() == pytest.approx(2 * 0.5, abs=0.02)


@pytest.mark.parametrize("kind", ["heavy_tailed", "along_preference", "across_preference"])
def test_directed_noise_has_its_shape(kind):
    chosen, rejected = pairs(count=20000, dim=4)
    make = getattr(directed, kind)
    source = make(chosen, rejected, noise_variance=0.25, seed=0)
    sides = {"chosen": chosen, "rejected": rejected}
    noise = {side: source(side, *all_new(20000)) - sides[side] for side in sides}
    direction = (chosen - rejected).mean(dim=0)
    direction = direction / direction.norm()
    along = noise["chosen"] @ direction
    across = noise["chosen"] - along.unsqueeze(1) * direction
    power = noise["chosen"].square().sum(dim=1)
    if kind == "heavy_tailed":
        lengths = power.sqrt()
        # |t| of 4 dimensions: |t|^2 / 4 = variance (dof - 2) / dof F(4, 3)
        from scipy.stats import f

        quantiles = np.sqrt(4 * 0.25 / 3 * f.ppf([0.1, 0.5, 0.9], 4, 3))
        np.testing.assert_allclose(np.quantile(lengths, [0.1, 0.5, 0.9]), quantiles, rtol=0.05)
    elif kind == "along_preference":
        assert across.abs().max() < 1e-4
        assert power.mean().item() == pytest.approx(4 * 0.25, rel=0.05)
    else:
        assert along.abs().max() < 1e-4
        assert power.mean().item() == pytest.approx(3 * 0.25, rel=0.05)
    correlation = np.corrcoef(noise["chosen"][:, 0], noise["rejected"][:, 0])[0, 1]
    assert abs(correlation) < 0.05 or kind == "heavy_tailed"


def test_the_conditional_vae_s_loss_by_hand():
    torch.manual_seed(0)
    vae = conditional.ConditionalVAE(3)
    differences, contexts, noise = torch.randn(2, 3), torch.randn(2, 3), torch.randn(2, 16)
    loss = conditional.conditional_loss(vae, differences, contexts, noise)
    mean, log_variance = vae.encode(differences, contexts)
    decoded = vae.decode(mean + (log_variance / 2).exp() * noise, contexts)
    kl = kl_to_standard_normal(mean, log_variance).sum(dim=1)
    torch.testing.assert_close(loss, (decoded - differences).square().sum(dim=1) + kl)


@pytest.mark.slow
def test_the_conditional_vae_learns_differences_that_depend_on_their_context(monkeypatch):
    """x = 3 c: drawn differences follow their context, and beat ignoring it."""
    rejected = pairs(count=500)[1]
    chosen = 4 * rejected
    monkeypatch.setattr(conditional, "LEARNING_RATE", 3e-3)
    vae = conditional.train_conditional_vaes([(chosen, rejected)], seeds=[0], epochs=200)[0]
    source = conditional.conditional_sampling(vae, chosen, rejected, seed=0)
    new = source("chosen", *all_new(500)) - rejected
    error = (new - 3 * rejected).square().sum(dim=1).mean()
    assert error < 0.3 * (3 * rejected).square().sum(dim=1).mean()
    with pytest.raises(LensError, match="chosen embeddings alone"):
        source("rejected", *all_new(500))


def test_conditional_vaes_side_by_side_end_as_they_would_alone():
    data = [pairs(count=count, seed=count) for count in (50, 30)]
    together = conditional.train_conditional_vaes(data, seeds=[1, 2], epochs=3)
    for place, seed in enumerate((1, 2)):
        alone = conditional.train_conditional_vaes([data[place]], seeds=[seed], epochs=3)[0]
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(value, together[place].state_dict()[name], atol=1e-5, rtol=0)


@pytest.mark.slow
def test_flow_follows_a_known_field_to_its_end():
    """v = x + t has x(1) = e x(0) + e - 2."""

    class Field(torch.nn.Module):
        def forward(self, both):
            return both[:, :1] + both[:, 1:]

    start = torch.tensor([[0.0], [1.0], [-2.0]])
    end = flow.flow(Field(), start, steps=4000)
    torch.testing.assert_close(end, math.e * start + math.e - 2, rtol=0, atol=2e-3)


@pytest.mark.slow
def test_flows_find_the_distribution_of_their_points():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(600, 1)) * 0.3
    points = torch.from_numpy(np.hstack([one + 2, -one]).astype(np.float32))
    field = flow.train_flows([points], seeds=[0], steps=1500)[0]
    new = flow.flow(field, torch.randn(4000, 2, generator=torch.Generator().manual_seed(0)))
    np.testing.assert_allclose(new.mean(dim=0), [2, 0], atol=0.1)
    np.testing.assert_allclose(new.std(dim=0), [0.3, 0.3], atol=0.08)
    assert np.corrcoef(new.numpy().T)[0, 1] < -0.8


def test_flows_side_by_side_end_as_they_would_alone():
    points = [pairs(count=count)[0] for count in (40, 25)]
    together = flow.train_flows(points, seeds=[3, 4], steps=5)
    for place, seed in enumerate((3, 4)):
        alone = flow.train_flows([points[place]], seeds=[seed], steps=5)[0]
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(value, together[place].state_dict()[name], atol=1e-5, rtol=0)


def test_latent_flow_decodes_both_halves_of_one_draw():
    chosen, rejected = pairs(count=4)
    vae = a_vae()
    latents = flow.latent_pairs(vae, chosen, rejected)
    torch.testing.assert_close(latents[:, :2], vae.encode(chosen, "chosen")[0])
    torch.testing.assert_close(latents[:, 2:], vae.encode(rejected, "rejected")[0])

    class Still(torch.nn.Module):
        def forward(self, both):
            return 0 * both[:, :-1]

    source = flow.latent_flow(vae, Still(), chosen, rejected, seed=5)
    draw = row_normals(combine(5, torch.tensor([2]), ONE), 4)
    row = torch.tensor([2])
    with torch.no_grad():
        torch.testing.assert_close(source("chosen", row, ONE), vae.decode(draw[:, :2], "chosen"))
        expected = vae.decode(draw[:, 2:], "rejected")
        torch.testing.assert_close(source("rejected", row, ONE), expected)


def test_row_integers_are_even_and_belong_to_their_row():
    seeds = combine(3, torch.arange(2000))
    drawn = row_integers(seeds, 10, 7)
    assert drawn.min() == 0
    assert drawn.max() == 6
    shares = torch.bincount(drawn.flatten(), minlength=7) / drawn.numel()
    assert (shares - 1 / 7).abs().max() < 0.01
    assert torch.equal(row_integers(seeds[5:9], 10, 7), drawn[5:9])


def hand_made(method, pairs, vae, seed, model_seed):
    """The source and the composition of a method at scale 8, put together by hand."""
    seeded = {"seed": seed}
    noise = seeded | {"noise_variance": 0.7}
    latents = lens_latents(
        vae, *pairs, keep=2, candidates_per_kept=5, noise_variance=0.3, seed=seed
    )
    count, composed = len(pairs[0]), derive_seed(3, "compose")
    mixtures, coupled = mixing.compose_mixtures(count, 8), mixup.compose_coupled(count, 8)
    plain = compose(count, 8, composed)
    if method == "latent_flow":
        (field,) = flow.train_flows([flow.latent_pairs(vae, *pairs)], seeds=[model_seed])
        return flow.latent_flow(vae, field, *pairs, **seeded), coupled
    if method == "conditional_sampling":
        (own,) = conditional.train_conditional_vaes([pairs], seeds=[model_seed])
        return conditional.conditional_sampling(own, *pairs, **seeded), mixtures
    return {
        "residual_decoding": lambda: (residual.residual_decoding(vae, *pairs, latents), plain),
        "posterior_noise": lambda: (
            residual.posterior_noise(vae, *pairs, widening=1.0, **seeded),
            plain,
        ),
        "latent_mixing": lambda: (mixing.latent_mixing(vae, *pairs, mixed=7, **seeded), mixtures),
        "difference_mixing": lambda: (
            mixing.difference_mixing(*pairs, mixed=7, **seeded),
            mixtures,
        ),
        "mixup": lambda: (mixup.mixup(*pairs, **seeded), coupled),
        "heavy_tailed": lambda: (directed.heavy_tailed(*pairs, **noise), plain),
        "along_preference": lambda: (directed.along_preference(*pairs, **noise), plain),
        "across_preference": lambda: (directed.across_preference(*pairs, **noise), plain),
    }[method]()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_its_source_on_the_one_training_path(method):
    data, _ = linear_world(count=60)
    both = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    torch.manual_seed(0)
    vae, seed = VAE(6, 8, 2, "separate_everything"), derive_seed(3, "synthesis")
    source, composition = hand_made(method, both, vae, seed, derive_seed(3, method))
    head = {**HEAD, "epochs": 2}
    run = mlp.Run(data, source, composition, derive_seed(3, "head"))
    expected = mlp.train_mlps([run], **head)[0]
    settings = {
        "noise_variance": 0.3,
        "candidates_per_kept": 5,
        "perturbation_variance": 0.7,
        "mixed_differences": 7,
    }
    got = METHODS[method].train({3: data}, scale=8, vaes={3: vae}, settings=settings, head=head)[3]
    assert all(np.array_equal(got.weights[name], expected.weights[name]) for name in got.weights)
    assert got.metrics == expected.metrics
