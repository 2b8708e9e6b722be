"""Lipschitz constants against closed forms and autograd; the bound met with equality."""

import numpy as np
import pytest
import torch

from lens.latent.vae import VAE
from lens.reward.head import RewardHead
from lens.reward.training_set import Standardiser, TrainingSet
from lens.theory import theorem_1
from lens.theory.bounds import noise_radius


def always_active(vae):
    """Makes the ReLU of a shared decoder linear around 0 and takes the shift out again."""
    first, _, last = vae.decoder["both"]
    with torch.no_grad():
        first.bias.fill_(1e3)
        last.bias.copy_(-last.weight @ first.bias)
    return vae


def plain(dim):
    return Standardiser(np.zeros(dim, np.float32), np.ones(dim, np.float32))


def data_of(chosen, rejected, standardiser=None):
    rows = np.arange(len(chosen))
    return TrainingSet(
        chosen,
        rejected,
        chosen[:1],
        rejected[:1],
        standardiser or plain(chosen.shape[1]),
        rows,
        rows[:1],
        rows,
        rows[:1],
    )


def test_decoder_constant_of_a_linear_decoder_is_its_largest_singular_value():
    torch.manual_seed(0)
    vae = always_active(VAE(5, 7, 3, "share_everything"))
    first, _, last = vae.decoder["both"]
    units = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0])
    found = theorem_1.decoder_lipschitz(vae, "chosen", torch.randn(10, 3), units)
    jacobian = units[:, None] * (last.weight @ first.weight)
    expected = torch.linalg.matrix_norm(jacobian, 2).item()
    assert found.seen == pytest.approx(expected, rel=1e-4)
    assert found.upper >= found.seen
    product = torch.linalg.matrix_norm(units[:, None] * last.weight, 2) * torch.linalg.matrix_norm(
        first.weight, 2
    )
    assert found.upper == pytest.approx(product.item(), rel=1e-5)


def test_largest_local_value_equals_autograd_s():
    torch.manual_seed(1)
    vae = VAE(6, 8, 3, "separate_everything")
    latents, units = torch.randn(20, 3), torch.rand(6) + 0.5
    norms = [
        torch.linalg.matrix_norm(
            torch.autograd.functional.jacobian(lambda z: units * vae.decode(z, "rejected"), one), 2
        ).item()
        for one in latents
    ]
    found = theorem_1.decoder_lipschitz(vae, "rejected", latents, units)
    assert found.seen == pytest.approx(max(norms), rel=1e-4)
    assert found.seen <= found.upper


def test_no_two_latents_are_pulled_further_apart_than_the_bound():
    torch.manual_seed(2)
    vae, units = VAE(6, 8, 3, "share_everything"), torch.ones(6)
    a, b = torch.randn(2, 500, 3)
    found = theorem_1.decoder_lipschitz(vae, "chosen", a, units)
    moved = (vae.decode(a, "chosen") - vae.decode(b, "chosen")).norm(dim=1)
    assert (moved <= found.upper * (a - b).norm(dim=1) * (1 + 1e-5)).all()


def test_reward_constants():
    linear = RewardHead({"w": np.array([3.0, 4.0], np.float32)}, plain(2))
    found = theorem_1.reward_lipschitz(linear, np.zeros((1, 2), np.float32))
    assert (found.upper, found.seen) == (5.0, 5.0)
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.normal(size=(4, 3)).astype(np.float32),
        "b1": rng.normal(size=4).astype(np.float32),
        "w2": rng.normal(size=4).astype(np.float32),
        "b2": np.float32(0),
    }
    points = rng.normal(size=(30, 3)).astype(np.float32)
    found = theorem_1.reward_lipschitz(RewardHead(weights, plain(3)), points)
    active = points @ weights["w1"].T + weights["b1"] > 0
    gradients = (active * weights["w2"]) @ weights["w1"]
    assert found.seen == pytest.approx(np.linalg.norm(gradients, axis=1).max(), rel=1e-4)
    expected = np.linalg.svd(weights["w1"])[1][0] * np.linalg.norm(weights["w2"])
    assert found.upper == pytest.approx(expected, rel=1e-5)


def test_the_bound_is_met_with_equality_where_it_should_be():
    """A linear decoder of rank 1 and a linear reward along it, with the constants measured on
    them: noise of length t_delta against the pair's order moves the gap by all that is allowed."""
    torch.manual_seed(0)
    vae = always_active(VAE(3, 4, 1, "share_everything"))
    first, _, last = vae.decoder["both"]
    with torch.no_grad():  # both layers of rank 1 and in line, so that the norms' product is exact
        last.weight.copy_(torch.outer(torch.randn(3), first.weight[:, 0]))
        last.bias.copy_(-last.weight @ first.bias)
    direction = (last.weight @ first.weight)[:, 0].detach()
    reward = RewardHead({"w": 3 * (direction / direction.norm()).numpy()}, plain(3))
    latents = torch.tensor([[1.0], [-1.0]])
    decoder = theorem_1.decoder_lipschitz(vae, "chosen", latents, torch.ones(3))
    slope = theorem_1.reward_lipschitz(reward, np.zeros((1, 3), np.float32))
    assert decoder.upper == pytest.approx(decoder.seen, rel=1e-3)
    radius = noise_radius(0.01, 1, 0.05)

    def gap(chosen, rejected):
        decoded = vae.decode(torch.tensor([[chosen], [rejected]]), "chosen").detach().numpy()
        return float(np.subtract(*reward(decoded)))

    taken = theorem_1.subtracted(slope.upper, decoder.upper, radius, 0.0)
    assert gap(1 - radius, -1 + radius) == pytest.approx(gap(1.0, -1.0) - taken, rel=2e-3)
    with_error = theorem_1.subtracted(slope.upper, decoder.upper, radius, 0.5)
    assert with_error == pytest.approx(taken + 2 * slope.upper * 0.5)


def perfect_vae(dim):
    """Reconstructs every embedding: encoder and decoder are the identity, the posterior narrow."""
    vae = VAE(dim, dim, dim, "share_everything")
    with torch.no_grad():
        for part in (vae.trunk["both"][0], vae.decoder["both"][0]):
            part.weight.copy_(torch.eye(dim))
            part.bias.fill_(50.0)
        vae.mean_head["both"].weight.copy_(torch.eye(dim))
        vae.mean_head["both"].bias.fill_(-50.0)
        vae.decoder["both"][2].weight.copy_(torch.eye(dim))
        vae.decoder["both"][2].bias.fill_(-50.0)
        vae.log_variance_head["both"].weight.zero_()
        vae.log_variance_head["both"].bias.fill_(-40.0)
    return vae


def check(vae, data, reference, **changes):
    options = {"noise_variance": 0.01, "candidates_per_kept": 1, "delta": 0.05, "seed": 0}
    return theorem_1.check(vae, data, reference, **{**options, **changes})[0]


def test_a_perfect_vae_without_noise_changes_nothing():
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(size=(2, 50, 3)).astype(np.float32)
    reference = RewardHead({"w": np.array([1.0, 0, 0], np.float32)}, plain(3))
    found = check(perfect_vae(3), data_of(chosen, rejected), reference, noise_variance=0.0)
    assert found["order_kept"] == 1
    assert found["gap_synthetic"] == pytest.approx(found["gap_original"], abs=1e-4)
    assert found["eps_rec_largest"] < 1e-4
    assert found["t_delta"] == 0
    # the bound promises order wherever the original order is right, and keeps what it promises
    assert found["as_stated_promises"] == pytest.approx(
        (chosen[:, 0] - rejected[:, 0] > 0).mean(), abs=0.021
    )


def test_noise_lowers_the_share_of_order_kept_and_the_bound_still_holds():
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(size=(2, 400, 3)).astype(np.float32)
    reference = RewardHead({"w": np.array([1.0, 0, 0], np.float32)}, plain(3))
    data = data_of(chosen, rejected)
    quiet, loud = (
        check(perfect_vae(3), data, reference, noise_variance=variance) for variance in (0.001, 1.0)
    )
    assert quiet["order_kept"] > 0.95 > loud["order_kept"] > 0.6
    for found in (quiet, loud):
        assert found["noise_within_t_delta"] >= 0.95
        assert found["as_stated_holds"] >= 0.95
        assert found["as_stated_subtracted"] == pytest.approx(
            2 * (found["t_delta"] + found["eps_rec_largest"]), rel=1e-3
        )


def test_a_bound_that_is_too_tight_is_seen_to_fail():
    """With the root mean square in place of the largest error the statement is not a theorem."""
    rng = np.random.default_rng(1)
    chosen, rejected = rng.normal(size=(2, 200, 3)).astype(np.float32)
    chosen[0], rejected[0] = 40.0, -40.0  # beyond the decoder's identity range on one side
    vae = perfect_vae(3)
    with torch.no_grad():
        vae.decoder["both"][0].bias.fill_(10.0)
        vae.decoder["both"][2].bias.fill_(-10.0)
    reference = RewardHead({"w": np.array([1.0, 0, 0], np.float32)}, plain(3))
    found = check(vae, data_of(chosen, rejected), reference, noise_variance=0.0)
    assert found["as_stated_holds"] == 1
    assert found["mean_square_holds"] == pytest.approx(1 - 1 / 200)


def test_gaps_do_not_depend_on_where_the_embeddings_lie():
    """A common shift and scale of raw embeddings, taken out by both standardisers, and a reference
    whose own standardiser differs: rewards equal those of the raw embeddings."""
    rng = np.random.default_rng(0)
    raw = rng.normal(5, 3, size=(2, 40, 3)).astype(np.float32)
    own = Standardiser.fit(np.concatenate(raw))
    other = Standardiser(np.array([1.0, -2, 3], np.float32), np.array([2.0, 0.5, 1], np.float32))
    weights = {
        "w1": rng.normal(size=(4, 3)).astype(np.float32),
        "b1": rng.normal(size=4).astype(np.float32),
        "w2": rng.normal(size=4).astype(np.float32),
        "b2": np.float32(0),
    }
    reference = RewardHead(weights, other)
    data = data_of(*map(own, raw), own)
    found = check(perfect_vae(3), data, reference, noise_variance=0.0)
    expected = (reference(raw[0]) - reference(raw[1])).mean()
    assert found["gap_original"] == pytest.approx(expected, rel=1e-4)
    assert found["gap_synthetic"] == pytest.approx(expected, rel=1e-2)
    assert found["eps_rec_largest"] < 1e-3


def test_the_worse_side_counts():
    torch.manual_seed(0)
    vae = VAE(3, 8, 2, "separate_everything")
    with torch.no_grad():
        vae.decoder["rejected"][2].weight.mul_(10)
    rng = np.random.default_rng(0)
    data = data_of(*rng.normal(size=(2, 20, 3)).astype(np.float32))
    reference = RewardHead({"w": np.array([1.0, 2.0, 0], np.float32)}, plain(3))
    found = check(vae, data, reference)
    sides = [
        theorem_1.decoder_lipschitz(vae, side, torch.zeros(1, 2), torch.ones(3)).upper
        for side in ("chosen", "rejected")
    ]
    assert found["decoder_lipschitz_upper"] == pytest.approx(max(sides))
    assert found["decoder_lipschitz_seen"] <= max(sides)
    norm = 5**0.5
    for name, decoder, eps in (
        ("as_stated", "upper", "largest"),
        ("seen_constants", "seen", "largest"),
        ("mean_square", "upper", "root_mean_square"),
        ("seen_constants_mean_square", "seen", "root_mean_square"),
    ):
        taken = found[f"decoder_lipschitz_{decoder}"] * found["t_delta"] + found[f"eps_rec_{eps}"]
        assert found[f"{name}_subtracted"] == pytest.approx(2 * norm * taken, rel=1e-5)


def test_what_the_bound_promises_is_what_is_left_of_the_gap():
    chosen = np.array([[10.0, 0, 0], [1, 0, 0], [0, 0, 0]], np.float32)
    rejected = np.zeros((3, 3), np.float32)
    reference = RewardHead({"w": np.array([1.0, 0, 0], np.float32)}, plain(3))
    found = check(perfect_vae(3), data_of(chosen, rejected), reference, noise_variance=0.1)
    assert 1 < found["as_stated_subtracted"] < 10
    assert found["as_stated_promises"] == pytest.approx(1 / 3)


def test_lengths_are_in_the_reference_s_units():
    """Twice as large units of the reference: half the lengths and gaps of a linear reward."""
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(size=(2, 60, 3)).astype(np.float32)
    weights = {"w": np.array([1.0, 2.0, 0], np.float32)}
    torch.manual_seed(0)
    vae = VAE(3, 8, 2, "share_everything")
    double = Standardiser(np.zeros(3, np.float32), np.full(3, 2.0, np.float32))
    one = check(vae, data_of(chosen, rejected), RewardHead(weights, plain(3)))
    half = check(vae, data_of(chosen, rejected), RewardHead(weights, double))
    for name in ("eps_rec_largest", "gap_original", "gap_synthetic", "decoder_lipschitz_upper"):
        assert half[name] == pytest.approx(one[name] / 2, rel=1e-4)
    assert half["order_kept"] == one["order_kept"]
