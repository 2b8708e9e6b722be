"""Row noise: the right distribution, and a function of seed and row alone."""

import torch
from scipy import stats

from lens.core.row_noise import combine, row_normals, row_uniforms
from lens.core.seeds import derive_seed


def test_normals_are_standard_normal():
    values = row_normals(combine(1, torch.arange(500)), 200).double()
    assert stats.kstest(values.flatten().numpy(), "norm").pvalue > 1e-3
    assert values.mean(dim=0).abs().max() < 5 / 500**0.5
    correlations = torch.corrcoef(values)  # between rows
    assert (correlations - torch.eye(500)).abs().max() < 6 / 200**0.5


def test_uniforms_are_uniform_and_each_row_s_own():
    rows = 20_000
    values = row_uniforms(combine(7, torch.arange(rows)))
    assert 0 < values.min() < 1e-3 < 1 - 1e-3 < values.max() < 1
    counts = torch.histc(values, bins=10, min=0, max=1)
    assert (counts - rows / 10).abs().max() < 5 * (rows * 0.09) ** 0.5
    some = row_uniforms(combine(7, torch.tensor([5, 3])))
    assert torch.equal(some, values[[5, 3]])


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
