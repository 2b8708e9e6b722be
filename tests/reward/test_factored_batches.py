"""The fast ways of training against the plain ones: values, gradients, whole trainings."""

import subprocess
import sys

import numpy as np
import plain_training
import pytest
import torch

from lens.core import stacked
from lens.core.seeds import derive_seed
from lens.latent.synthesis import Along, Decoded, compose, direct_perturbation, lens_latents
from lens.latent.vae import SHARING, VAE, loss_terms, train_vaes
from lens.reward import factored_batches, methods
from lens.reward.factored_batches import Batches, Factored, Moved, Written
from tests.helpers.linear_world import HEAD, SYNTHESIS, linear_world

DIM, HIDDEN = 40, 8
SIDES = ("chosen", "rejected")
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.parametrize("large", [1, 10**9])
def test_products_and_their_gradients(monkeypatch, large):
    """Large ones in turn and small ones at once are both what matrix products should be."""
    monkeypatch.setattr(stacked, "LARGE", large)
    torch.manual_seed(0)
    inputs = torch.randn(3, 4, 5, dtype=torch.double, requires_grad=True)
    weight = torch.randn(3, 2, 5, dtype=torch.double, requires_grad=True)
    expected = torch.einsum("rni,roi->rno", inputs, weight)
    torch.testing.assert_close(stacked.product(inputs, weight), expected)
    assert torch.autograd.gradcheck(stacked.product, (inputs, weight))
    (gradient,) = torch.autograd.grad(stacked.product(inputs, weight).sum(), weight)
    assert gradient.is_contiguous()


def compositions(sources, scale=9):
    return [compose(len(source.originals["chosen"]), scale, seed=0) for source in sources]


def decoded_sources(sharing, counts=(20, 20, 11), keep=2):
    sources = []
    for seed, count in enumerate(counts):
        torch.manual_seed(seed)
        vae = VAE(DIM, HIDDEN, 3, sharing)
        sides = torch.randn(2, count, DIM)
        options = {"keep": keep, "candidates_per_kept": 2, "noise_variance": 0.5, "seed": seed}
        sources.append(Decoded(vae, *sides, lens_latents(vae, *sides, **options)))
    return sources


def test_rewards_of_originals_along_a_line_equal_those_written_out():
    """Rewards and gradients, and those of a network that never changes, as runs come to an end."""
    torch.manual_seed(0)
    sources = [
        Along(*torch.randn(2, count, DIM), torch.randn(DIM), seed=seed)
        for seed, count in enumerate((20, 20, 11))
    ]
    batches = Batches(sources, compositions(sources), DIM)
    shapes = ((3, 5, DIM), (3, 5), (3, 1, 5), (3, 1))
    first, start = ([torch.randn(shape) for shape in shapes] for _ in range(2))
    rng = np.random.default_rng(0)
    for live in ([0, 1, 2], [0, 2], [2]):
        rows = [torch.from_numpy(rng.integers(0, 11, size=9)) for _ in live]
        variants = [torch.from_numpy(rng.integers(0, 3, size=(9, 2))) for _ in live]
        moved = batches(live, rows, variants)
        assert isinstance(moved, Moved)
        assert moved.embeddings.shape[1] < 2 * 9
        written = Written(
            torch.stack(
                [
                    torch.cat([sources[run](side, r, v[:, i]) for i, side in enumerate(SIDES)])
                    for run, r, v in zip(live, rows, variants, strict=True)
                ]
            )
        )
        head, before = (stacked_head([array[live] for array in each]) for each in (first, start))
        torch.testing.assert_close(batches.before(before, moved), written.rewards(before), **CLOSE)
        ours, plain = moved.rewards(head), written.rewards(head)
        torch.testing.assert_close(ours, plain, **CLOSE)
        weights = torch.randn(ours.shape)
        for a, b in zip(
            torch.autograd.grad((ours * weights).sum(), head.parameters()),
            torch.autograd.grad((plain * weights).sum(), head.parameters()),
            strict=True,
        ):
            torch.testing.assert_close(a, b, **CLOSE)


def stacked_head(arrays):
    """MLPs d-5-1 of several runs."""
    head = torch.nn.Sequential(stacked.Linear(DIM, 5), torch.nn.ReLU(), stacked.Linear(5, 1))
    for layer, (weight, bias) in zip(head[::2], (arrays[:2], arrays[2:]), strict=True):
        layer.weight, layer.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
    return head


@pytest.mark.parametrize("sharing", SHARING)
def test_rewards_without_synthetic_embeddings_equal_those_with(sharing):
    """The same pairs, factored and written out: rewards and gradients, as runs come to an end."""
    sources = decoded_sources(sharing)
    batches = Batches(sources, compositions(sources), DIM)
    head = torch.nn.Sequential(stacked.Linear(DIM, 5), torch.nn.ReLU(), stacked.Linear(5, 1))
    rng = np.random.default_rng(0)
    for live in ((0, 1, 2), (0, 2), (2,)):
        for layer, shape in ((head[0], (5, DIM)), (head[2], (1, 5))):
            layer.weight = torch.nn.Parameter(torch.randn(len(live), *shape))
            layer.bias = torch.nn.Parameter(torch.randn(len(live), shape[0]))
        rows = [torch.from_numpy(rng.integers(0, 11, size=9)) for _ in live]
        variants = [torch.from_numpy(rng.integers(0, 3, size=(9, 2))) for _ in live]
        variants[0][:] = 0  # originals alone
        if len(live) > 1:
            variants[1][:] = 2  # synthetic ones alone
        factored = batches(live, rows, variants)
        assert isinstance(factored, Factored)
        written = torch.stack(
            [
                torch.cat([sources[run](side, r, v[:, i]) for i, side in enumerate(SIDES)])
                for run, r, v in zip(live, rows, variants, strict=True)
            ]
        )
        weights = torch.randn(len(live), 18)
        ours = factored.rewards(head)
        plain = Written(written).rewards(head)
        torch.testing.assert_close(ours, plain, **CLOSE)
        for a, b in zip(
            torch.autograd.grad((ours * weights).sum(), head.parameters()),
            torch.autograd.grad((plain * weights).sum(), head.parameters()),
            strict=True,
        ):
            torch.testing.assert_close(a, b, **CLOSE)


def test_narrow_embeddings_are_written_out():
    torch.manual_seed(0)
    sides = torch.randn(2, 5, 3 * HIDDEN)
    vae = VAE(3 * HIDDEN, HIDDEN, 3, SHARING[0])
    options = {"keep": 1, "candidates_per_kept": 1, "noise_variance": 0.1, "seed": 0}
    source = Decoded(vae, *sides, lens_latents(vae, *sides, **options))
    row = torch.zeros(1, dtype=torch.int64)
    batches = Batches([source], compositions([source], scale=2), 3 * HIDDEN)
    assert isinstance(batches([0], [row], [torch.zeros(1, 2).long()]), Written)


@pytest.mark.parametrize("kept", [0, factored_batches.KEPT])
def test_pairs_are_the_sources_own_whether_kept_or_made_anew(monkeypatch, kept):
    """As runs of different sizes come to an end; those that are kept are made once."""
    monkeypatch.setattr(factored_batches, "KEPT", kept)
    torch.manual_seed(0)
    sides, asked = [torch.randn(2, count, DIM) for count in (20, 11)], []

    def source_of(run):
        inner = direct_perturbation(*sides[run], noise_variance=0.5, seed=run)

        def source(side, rows, variants):
            asked.append(rows)
            return inner(side, rows, variants)

        return source

    sources = [source_of(run) for run in range(2)]
    batches = Batches(sources, [compose(count, 9, seed=0) for count in (20, 11)], DIM)
    rng = np.random.default_rng(0)
    for live in ([0, 1], [1]):
        rows = [torch.from_numpy(rng.integers(0, 11, size=9)) for _ in live]
        variants = [torch.from_numpy(rng.integers(0, 3, size=(9, 2))) for _ in live]
        found = batches(live, rows, variants).embeddings
        before = len(asked)
        expected = [
            torch.cat([sources[run](side, r, v[:, i]) for i, side in enumerate(SIDES)])
            for run, r, v in zip(live, rows, variants, strict=True)
        ]
        assert torch.equal(found, torch.stack(expected))
    made = before - 4  # but for the four that were expected of the first batch
    assert made == (2 * 2 * 3 if kept else 4 + 2)


@pytest.mark.slow
@pytest.mark.parametrize("narrow", [factored_batches.WIDE, 10**9])
def test_training_equals_plain_training(monkeypatch, narrow):
    """Three seeds side by side against plain loops, one after another: the benchmark's peer."""
    monkeypatch.setattr(factored_batches, "WIDE", narrow)
    vae = {
        "hidden": HIDDEN,
        "latent": 3,
        "beta": 1.0,
        "gamma": 0.1,
        "learning_rate": 1e-3,
        "batch_size": 32,
        "epochs": 3,
    }
    data = {seed: linear_world(count=70, dim=DIM, seed=seed)[0] for seed in range(3)}
    head = HEAD | {"learning_rate": 1e-3, "epochs": 4}
    vaes = train_vaes(
        [(part.chosen, part.rejected) for part in data.values()],
        seeds=[derive_seed(seed, "vae") for seed in data],
        sharing="shared_trunk_separate_heads",
        **vae,
    )
    ours = methods.train(
        "lens",
        data,
        scale=8,
        vaes=dict(zip(data, vaes, strict=True)),
        settings=SYNTHESIS,
        head=head | {"centred": False},
    )
    plain = plain_training.train(data, scale=8, vae=vae, synthesis=SYNTHESIS, head=head)
    for seed, losses in plain.items():
        found = ours[seed].metrics["validation_losses"]
        np.testing.assert_allclose(found, losses, rtol=1e-5)


def test_factors_make_the_embeddings_of_the_source():
    for sharing in SHARING:
        (source,) = decoded_sources(sharing, counts=(6,))
        vectors, weights = source.factors()
        layers = 2 if sharing == "separate_everything" else 1
        assert len(vectors) == layers * (HIDDEN + 1)  # the decoder's last layer and its bias
        rows = torch.arange(6).repeat_interleave(2)
        for side in SIDES:
            variants = torch.tensor([1, 2]).repeat(6)
            expected = source(side, rows, variants)
            torch.testing.assert_close(weights[side].flatten(0, 1) @ vectors, expected, **CLOSE)


@pytest.mark.slow
def test_training_does_not_import_the_compiler():
    """It costs a second of every process, and a workflow has hundreds."""
    code = (
        "import sys, numpy as np\n"
        "from lens.latent.vae import train_vaes\n"
        "x = np.zeros((2, 8, 4), np.float32)\n"
        "train_vaes([tuple(x)], seeds=[0], hidden=4, latent=2, sharing='share_everything',"
        " beta=1.0, gamma=0.1, learning_rate=1e-3, batch_size=4, epochs=1)\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "modules",
    [
        "lens.reward.probes, lens.reward.training_set",
        "lens.evaluation.judge, lens.evaluation.best_of_n, lens.reward.head",
    ],
)
def test_probes_and_judging_do_without_torch(modules):
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_losses_of_a_single_wide_vae():
    torch.manual_seed(0)
    vae = VAE(DIM, HIDDEN, 3, SHARING[0])
    pairs, noise = torch.randn(6, DIM), torch.randn(6, 3)
    terms = loss_terms(vae, pairs, noise)
    assert terms.reconstruction.shape == (3,)
