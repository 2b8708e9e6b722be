"""Row noise: the right distribution, and a function of seed and row alone."""

import torch
from scipy import stats

from lens.core.row_noise import combine, row_gumbels, row_normals
from lens.core.seeds import derive_seed


def test_normals_are_standard_normal():
    values = row_normals(combine(1, torch.arange(500)), 200).double()
    assert stats.kstest(values.flatten().numpy(), "norm").pvalue > 1e-3
    assert values.mean(dim=0).abs().max() < 5 / 500**0.5
    correlations = torch.corrcoef(values)  # between rows
    assert (correlations - torch.eye(500)).abs().max() < 6 / 200**0.5


def test_gumbels_draw_from_the_softmax():
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    rows = 100_000
    picks = (logits + row_gumbels(combine(7, torch.arange(rows)), 4)).argmax(dim=1)
    shares = torch.bincount(picks, minlength=4) / rows
    assert (shares - logits.softmax(dim=0)).abs().max() < 0.006


def test_a_row_s_noise_does_not_depend_on_its_neighbours():
    seeds = combine(3, torch.arange(10))
    order = torch.tensor([7, 2, 2, 9])
    assert torch.equal(row_normals(seeds, 5)[order], row_normals(seeds[order], 5))


def test_seeds_differ_by_seed_and_by_every_part():
    seeds = torch.cat(
        [combine(seed, torch.arange(50)[:, None], torch.arange(4)).flatten() for seed in range(5)]
    )
    assert len(seeds.unique()) == 5 * 50 * 4
    assert derive_seed(0, "a") != derive_seed(0, "b") != derive_seed(1, "b")
    assert derive_seed(1, 23) != derive_seed(12, 3)
