"""Composition, selection and the sources of synthetic pairs."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.core.row_noise import combine, row_normals
from lens.latent import synthesis
from lens.latent.vae import VAE
from lens.reward.mlp import Run, train_mlps
from lens.reward.training_set import Standardiser, TrainingSet
from tests.helpers.vaes import identity_vae


@pytest.mark.parametrize(
    ("scale", "needed"), [(1, 0), (2, 1), (4, 1), (5, 2), (8, 2), (9, 2), (10, 3), (16, 3), (64, 7)]
)
def test_synthetic_embeddings_needed(scale, needed):
    assert synthesis.synthetic_per_embedding(scale) == needed


def test_scale_below_one_is_refused():
    with pytest.raises(LensError, match="scale 0"):
        synthesis.synthetic_per_embedding(0)


@settings(deadline=None, max_examples=40)
@given(count=st.integers(1, 30), scale=st.integers(1, 40), seed=st.integers(0, 2**40))
def test_composition(count, scale, seed):
    """kN pairs, every original among them, no combination of a triplet twice, none invented."""
    composition = synthesis.compose(count, scale, seed)
    assert composition.shape == (count, scale, 2)
    assert (composition[:, 0] == 0).all()
    width = 1 + synthesis.synthetic_per_embedding(scale)
    assert composition.min() >= 0
    assert composition.max() < width
    flat = composition[..., 0] * width + composition[..., 1]
    assert all(len(row.unique()) == scale for row in flat)


def test_a_full_scale_uses_every_combination():
    composition = synthesis.compose(5, 9, seed=0)
    for triplet in composition.tolist():
        assert sorted(map(tuple, triplet)) == [(a, b) for a in range(3) for b in range(3)]


def test_composition_draws_all_combinations_alike():
    composition = synthesis.compose(30_000, 2, seed=1)[:, 1]  # one of the three others
    shares = torch.bincount(composition[:, 0] * 2 + composition[:, 1], minlength=4) / 30_000
    assert shares[0] == 0
    assert (shares[1:] - 1 / 3).abs().max() < 0.015


def test_log_density_equals_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    z, mean, log_variance = torch.randn(3, 20, 4, generator=generator)
    expected = torch.distributions.Normal(mean, (0.5 * log_variance).exp()).log_prob(z).sum(dim=-1)
    torch.testing.assert_close(synthesis.log_density(z, mean, log_variance), expected)


def test_top_k_keeps_exactly_the_most_likely():
    generator = torch.Generator().manual_seed(0)
    candidates = torch.randn(50, 12, 3, generator=generator)
    mean, log_variance = torch.randn(2, 50, 3, generator=generator)
    kept = synthesis.most_likely(candidates, mean, log_variance, keep=4)
    density = torch.distributions.Normal(mean.unsqueeze(1), (0.5 * log_variance).exp().unsqueeze(1))
    scores = density.log_prob(candidates).sum(dim=-1)
    for row in range(50):
        best = sorted(range(12), key=lambda c: -scores[row, c].item())[:4]
        assert torch.equal(kept[row], candidates[row, best])


def test_latents_have_posterior_plus_noise_variance():
    mean, log_variance = torch.full((40_000, 1), 3.0), torch.full((40_000, 1), math.log(0.25))
    latents = synthesis.draw_latents(
        mean,
        log_variance,
        keep=1,
        candidates_per_kept=1,
        noise_variance=0.5,
        generator=torch.Generator().manual_seed(0),
    )
    assert latents.shape == (40_000, 1, 1)
    assert latents.mean().item() == pytest.approx(3.0, abs=0.02)
    assert latents.var().item() == pytest.approx(0.25 + 0.5, rel=0.03)


def test_candidates_of_one_embedding_share_their_posterior_draw():
    latents = synthesis.draw_latents(
        torch.zeros(500, 2),
        torch.zeros(500, 2),
        keep=3,
        candidates_per_kept=1,
        noise_variance=0.0,
        generator=torch.Generator().manual_seed(0),
    )
    assert torch.equal(latents[:, 0], latents[:, 1])
    assert latents[:, 0].std() > 0.9


def data_set(count=24, dim=4, seed=0):
    generator = np.random.default_rng(seed)
    arrays = generator.normal(size=(2, count, dim)).astype(np.float32)
    arrays[0] += 0.5
    validation = generator.normal(size=(2, 6, dim)).astype(np.float32)
    return TrainingSet(
        *arrays,
        *validation,
        Standardiser(np.zeros(dim, np.float32), np.ones(dim, np.float32)),
        np.arange(count).astype(str),
        np.arange(6).astype(str),
        np.arange(count),
        np.arange(6),
    )


HEAD = {"hidden": 8, "learning_rate": 1e-2, "batch_size": 7, "epochs": 4, "patience": 4}


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_lens_without_noise_and_error_is_the_repeat_control_bit_for_bit(scale):
    data = data_set()
    chosen, rejected = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    vae = identity_vae(4)
    latents = {
        side: mean.unsqueeze(1).expand(-1, synthesis.synthetic_per_embedding(scale), -1)
        for side, mean in (
            ("chosen", vae.encode(chosen, "chosen")[0]),
            ("rejected", vae.encode(rejected, "rejected")[0]),
        )
    }
    drawn = synthesis.lens_latents(
        vae,
        chosen,
        rejected,
        keep=synthesis.synthetic_per_embedding(scale),
        candidates_per_kept=3,
        noise_variance=0.0,
        seed=5,
    )
    assert torch.equal(drawn["chosen"], latents["chosen"])
    composition = synthesis.compose(len(chosen), scale, seed=1)
    sources = synthesis.Decoded(vae, chosen, rejected, drawn), synthesis.originals(chosen, rejected)
    lens, repeat = train_mlps([Run(data, s, composition, 2) for s in sources], **HEAD)
    for name, value in repeat.weights.items():
        assert np.array_equal(value, lens.weights[name])
    assert lens.metrics == repeat.metrics


def test_sources_keep_originals_and_never_cross_triplets():
    """Direct perturbation by little noise: every member stays beside its own original."""
    data = data_set()
    chosen, rejected = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    source = synthesis.direct_perturbation(chosen, rejected, noise_variance=1e-8, seed=0)
    rows = torch.tensor([3, 3, 17, 0])
    variants = torch.tensor([0, 1, 2, 1])
    for side, originals in (("chosen", chosen), ("rejected", rejected)):
        got = source(side, rows, variants)
        torch.testing.assert_close(got, originals[rows], atol=1e-3, rtol=0)
        assert torch.equal(got[0], originals[3])
        assert not torch.equal(got[1], originals[3])


def test_a_synthetic_embedding_is_the_same_whenever_it_is_drawn():
    data = data_set()
    chosen, rejected = torch.from_numpy(data.chosen), torch.from_numpy(data.rejected)
    for source in (
        synthesis.direct_perturbation(chosen, rejected, noise_variance=0.1, seed=0),
        synthesis.gaussian_sampling(chosen, rejected, seed=0),
    ):
        rows, variants = torch.tensor([1, 5, 9]), torch.tensor([2, 1, 1])
        whole = source("chosen", rows, variants)
        alone = source("chosen", rows[1:2], variants[1:2])
        torch.testing.assert_close(whole[1:2], alone)
        assert not torch.allclose(whole[1:2], source("rejected", rows[1:2], variants[1:2]))
        assert not torch.allclose(whole[1:2], source("chosen", rows[1:2], variants[1:2] + 1))


def test_noise_of_the_two_sides_and_of_the_variants_is_independent():
    zeros = torch.zeros(300, 40)
    source = synthesis.direct_perturbation(zeros, zeros, noise_variance=1.0, seed=0)
    rows, ones = torch.arange(300), torch.ones(300, dtype=torch.long)
    draws = [
        source(side, rows, variant * ones).flatten()
        for side in ("chosen", "rejected")
        for variant in (1, 2)
    ]
    correlations = torch.corrcoef(torch.stack(draws)) - torch.eye(4)
    assert correlations.abs().max() < 0.05


def test_more_candidates_give_likelier_latents():
    mean, log_variance = torch.zeros(400, 4), torch.zeros(400, 4)
    few, many = (
        synthesis.draw_latents(
            mean,
            log_variance,
            keep=2,
            candidates_per_kept=count,
            noise_variance=1.0,
            generator=torch.Generator().manual_seed(0),
        )
        for count in (1, 8)
    )
    assert few.shape == many.shape == (400, 2, 4)
    density = [synthesis.log_density(z, mean[:, None], log_variance[:, None]) for z in (few, many)]
    assert density[1].mean() > density[0].mean() + 1


def test_a_latent_is_the_posterior_s_draw_plus_noise():
    """Equation 7 with the numbers that the generator gives, in their order."""
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])
    drawn = synthesis.draw_latents(
        mean,
        log_variance,
        keep=1,
        candidates_per_kept=1,
        noise_variance=9.0,
        generator=torch.Generator().manual_seed(7),
    )
    generator = torch.Generator().manual_seed(7)
    own, noise = (torch.randn(1, 2, generator=generator) for _ in range(2))
    torch.testing.assert_close(drawn[:, 0], mean + torch.tensor([1.0, 2.0]) * own + 3 * noise)


def test_latents_follow_their_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(0)
    vae, sides = VAE(4, 8, 2, "shared_trunk_separate_heads"), torch.randn(2, 9, 4)
    options = {"keep": 2, "candidates_per_kept": 2, "noise_variance": 0.5}
    before = torch.get_rng_state()
    first, again, other = (
        synthesis.lens_latents(vae, *sides, **options, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for side in ("chosen", "rejected"):
        assert torch.equal(first[side], again[side])
        assert not torch.equal(first[side], other[side])


def test_a_variant_is_its_own_latent_decoded_by_its_side():
    torch.manual_seed(0)
    vae = VAE(4, 8, 2, "separate_everything")
    latents = {side: torch.randn(5, 3, 2) for side in ("chosen", "rejected")}
    originals = dict(zip(latents, torch.randn(2, 5, 4), strict=True))
    source = synthesis.Decoded(vae, *originals.values(), latents)
    for side in latents:
        for row in range(5):
            for variant in range(4):
                (got,) = source(side, torch.tensor([row]), torch.tensor([variant]))
                expected = originals[side][row]
                if variant:
                    expected = vae.decode(latents[side][row, variant - 1], side)
                torch.testing.assert_close(got, expected)


def test_synthetic_embeddings_are_asked_for_where_they_are_needed_alone():
    chosen, rejected = torch.zeros(6, 2), torch.ones(6, 2)
    asked = []

    def synthesise(side, rows, variants):
        asked.append((side, rows.tolist(), variants.tolist()))
        return 10.0 * torch.stack([rows, variants], dim=1)

    source = synthesis.with_originals(chosen, rejected, synthesise)
    assert torch.equal(source("rejected", torch.tensor([4, 1]), torch.tensor([0, 0])), rejected[:2])
    assert not asked
    got = source("chosen", torch.tensor([5, 2, 3]), torch.tensor([1, 0, 2]))
    assert got.tolist() == [[50.0, 10.0], [0.0, 0.0], [30.0, 20.0]]
    assert asked == [("chosen", [5, 3], [1, 2])]
    assert chosen.abs().max() == 0  # the originals themselves stay


def test_sources_of_noise_by_their_formulas():
    """Both sides, each with its own numbers: e + s n, and the mean of the side plus n R."""
    torch.manual_seed(0)
    sides = dict(zip(("chosen", "rejected"), torch.randn(2, 9, 3), strict=True))
    rows, variants = torch.tensor([0, 4, 8]), torch.tensor([1, 3, 2])
    perturbed = synthesis.direct_perturbation(*sides.values(), noise_variance=0.25, seed=6)
    drawn = synthesis.gaussian_sampling(*sides.values(), seed=6)
    for place, (side, embeddings) in enumerate(sides.items()):
        noise = row_normals(combine(6, place, rows, variants), 3)
        expected = embeddings[rows] + 0.5 * noise
        torch.testing.assert_close(perturbed(side, rows, variants), expected)
        expected = embeddings.mean(dim=0) + noise @ synthesis.covariance_root(embeddings)
        torch.testing.assert_close(drawn(side, rows, variants), expected)


def test_direct_perturbation_has_the_variance_asked_for():
    zeros = torch.zeros(2000, 30)
    source = synthesis.direct_perturbation(zeros, zeros, noise_variance=0.04, seed=1)
    noise = source("chosen", torch.arange(2000), torch.ones(2000, dtype=torch.long))
    assert noise.var().item() == pytest.approx(0.04, rel=0.03)


def test_gaussian_sampling_has_the_class_s_mean_and_covariance():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(3, 3, generator=generator)
    chosen = torch.randn(400, 3, generator=generator) @ mixing + 2
    rejected = torch.randn(400, 3, generator=generator) - 2
    source = synthesis.gaussian_sampling(chosen, rejected, seed=0)
    rows = torch.arange(400).repeat(100)
    drawn = source("chosen", rows, 1 + torch.arange(40_000) // 400)
    torch.testing.assert_close(drawn.mean(dim=0), chosen.mean(dim=0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), chosen.T.cov(), atol=0.1, rtol=0.05)
    assert source("rejected", rows, torch.ones_like(rows)).mean() < -1.5


@pytest.mark.parametrize("count", [3, 50])
def test_covariance_root(count):
    data = torch.randn(count, 6, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    root = synthesis.covariance_root(data)
    torch.testing.assert_close(root.T @ root, data.T.cov())
    assert len(root) == min(count, 6)


@pytest.mark.parametrize(("scale", "members"), [(1, 1), (2, 2), (4, 2), (5, 3)])
def test_pairs_of_synthetic_embeddings_alone(scale, members):
    composition = synthesis.compose_synthetic(6, scale, seed=0)
    assert composition.shape == (6, scale, 2)
    assert composition.min() >= 1  # never the original
    assert composition.max() <= members == synthesis.synthetic_per_embedding(scale, alone=True)
    for pairs in composition:
        assert len({tuple(pair) for pair in pairs.tolist()}) == scale


def test_which_synthetic_pairs_a_triplet_gets_is_drawn():
    composition = synthesis.compose_synthetic(400, 2, seed=0)
    counts = Counter(tuple(pair) for pairs in composition.tolist() for pair in pairs)
    assert set(counts) == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert min(counts.values()) > 150  # of 200 expected


def test_along_moves_every_variant_but_the_original_on_its_line():
    chosen, rejected, line = torch.randn(5, 3), torch.randn(5, 3), torch.randn(3)
    rows, variants = torch.tensor([0, 4, 2]), torch.tensor([0, 1, 2])
    moved = synthesis.Along(chosen, rejected, line, seed=6)("rejected", rows, variants)
    by = row_normals(combine(6, 1, rows, variants), 1)
    by[0] = 0
    torch.testing.assert_close(moved, rejected[rows] + by * line)
