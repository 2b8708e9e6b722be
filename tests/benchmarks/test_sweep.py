"""The sweep: its bases are the methods, and each change changes what it says."""

import numpy as np
import pandas as pd
import pytest
import study
import sweep
import sweep_report
import torch

from lens.latent.converged import choose_sizes
from lens.latent.synthesis import lens_latents
from lens.latent.vae import VAE
from tests.helpers.workflow_tools import ROOT


def train_for(epochs, monkeypatch):
    """Both VAEs for so many epochs, heads for two."""
    monkeypatch.setitem(study.VAE, "epochs", epochs)
    monkeypatch.setitem(study.HEAD, "epochs", 2)
    monkeypatch.setitem(study.SYNTHESIS, "converged_epochs", epochs)


@pytest.mark.slow
def test_the_bases_are_lens_and_lens_converged(monkeypatch):
    train_for(3, monkeypatch)
    pairs, embeddings = study.gaussian("linear", count=150, dim=6)
    plain = {
        base: {name: one for name, one in known.items() if one == sweep.Change()}
        for base, known in sweep.CHANGES.items()
    }
    found = sweep.measure(pairs, embeddings, plain, 60, range(2))
    methods = {name: study.MAIN[name] for name in ("LENS", "LENS, converged")}
    known = study.measure(pairs, embeddings, methods, 60, sweep.SCALE, range(2))
    swept = found[found["base"] != "control"]
    assert swept["accuracy"].tolist() == known["accuracy"].tolist()
    assert set(found.loc[found["base"] == "control", "variant"]) == set(sweep.CONTROLS)


@pytest.mark.slow
def test_every_change_is_measured_and_only_those_of_the_vae_change_it(monkeypatch):
    train_for(10, monkeypatch)
    pairs, embeddings = study.gaussian("linear", count=300, dim=8)
    short = {
        base: {name: one for name, one in known.items() if "epochs" not in one.vae}
        for base, known in sweep.CHANGES.items()
    }
    found = sweep.measure(pairs, embeddings, short, 60, range(1))
    swept = found[found["base"] != "control"]
    names = [(base, name) for base, known in short.items() for name in known]
    assert list(zip(swept["base"], swept["variant"], strict=True)) == names
    explained = swept.set_index(["base", "variant"])["explained"]
    for base, changes in short.items():
        same = [explained[base, name] for name, one in changes.items() if not one.vae]
        assert len(set(same)) == 1
        others = [explained[base, name] for name, one in changes.items() if one.vae]
        assert len({*others, same[0]}) == 1 + len(others)


def test_sizes_are_multiples_of_what_the_rules_say():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, 500, 20)) * np.r_[np.full(8, 5.0), np.ones(12)]
    by_rule, found = choose_sizes(*parts), sweep.sizes(0.25, 4.0, 10.0, *parts)
    assert found.latent == by_rule.latent // 4 == 2
    assert found.hidden == 4 * by_rule.hidden
    assert found.beta == pytest.approx(10 * by_rule.beta)


def test_pairs_across_triplets_have_any_embeddings_of_either_side():
    """Embeddings that name their side, triplet and variant show who is paired with whom."""
    count, scale = 200, 8

    def inner(side, rows, variants):
        return torch.stack([torch.full_like(rows, side == "rejected"), rows, variants], dim=-1)

    source = sweep.across(inner, count, scale, seed=0)
    variants = sweep.compose_across(count, scale, seed=0)
    rows = torch.arange(count)
    first = [source(side, rows, variants[:, 0, i]) for i, side in enumerate(("chosen", "rejected"))]
    assert (first[0][:, 1:] == first[1][:, 1:]).all()
    assert (first[0][:, 2] == 0).all()
    for pair in range(1, scale):
        chosen = source("chosen", rows, variants[:, pair, 0])
        rejected = source("rejected", rows, variants[:, pair, 1])
        assert (chosen[:, 1] == rows).all()
        assert (rejected[:, 1] == rows).float().mean() < 0.1
        assert sorted(rejected[:, 1].tolist()) == rows.tolist()
        assert set(chosen[:, 2].tolist()) == set(rejected[:, 2].tolist()) == {0, 1, 2}


def test_of_the_same_candidates_the_prior_keeps_those_nearest_to_the_origin():
    torch.manual_seed(0)
    vae = VAE(5, 8, 3, "shared_trunk_separate_heads")
    sides = {"chosen": torch.randn(40, 5), "rejected": torch.randn(40, 5)}
    settings = {"candidates_per_kept": 16, "noise_variance": 1.0}
    prior = sweep.by_prior(vae, sides, 2, settings, seed=1)
    posterior = lens_latents(vae, *sides.values(), keep=2, seed=1, **settings)
    for side in sides:
        assert prior[side].shape == (40, 2, 3)
        far, other = (kept[side].norm(dim=2).sort(dim=1).values for kept in (prior, posterior))
        assert (far <= other).all()
        assert (far < other).float().mean() > 0.2


def observations():
    """Two bases in a cell: `lens` 2 points below repeat, `lens_converged` 1 above it."""
    levels = {("control", name): 0.6 + 0.005 * i for i, name in enumerate(sweep.CONTROLS)}
    levels |= {("lens", name): 0.58 for name in sweep.CHANGES["lens"]}
    levels |= {("lens_converged", name): 0.61 for name in sweep.CHANGES["lens_converged"]}
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "set": "one",
            "n_pairs": 300,
            "base": base,
            "variant": variant,
            "seed": seed,
            "accuracy": level + rng.normal(scale=1e-4),
            "explained": 0.25,
        }
        for (base, variant), level in levels.items()
        for seed in range(8)
    )


def test_differences_are_from_the_controls_of_the_cell():
    compared = sweep_report.differences(observations()).set_index(["base", "variant"])
    row = compared.loc[("lens", "beta 0.1")]
    assert row["repeat"] == pytest.approx(-2.0, abs=0.05)
    assert row["centred"] == pytest.approx(-2.5, abs=0.05)
    assert row["probe"] == pytest.approx(-4.0, abs=0.05)
    assert row["explained"] == pytest.approx(25)
    assert row["after_holm"]
    assert compared.loc[("control", "best probe"), "repeat"] == pytest.approx(2.0, abs=0.05)


def test_the_summary_counts_what_is_clearly_above_and_below():
    table = sweep_report.summary(sweep_report.differences(observations()))
    lens, converged = table.splitlines()[2:]
    cells = [cell.strip() for cell in lens.strip("|").split("|")]
    assert cells[-4:] == ["13", "0 / 13", "0 / 13", "0 / 13"]
    cells = [cell.strip() for cell in converged.strip("|").split("|")]
    assert cells[-4:] == ["12", "12 / 0", "12 / 0", "0 / 12"]


def test_a_share_just_below_nothing_is_nothing():
    row = pd.Series({"repeat": 0.1, "repeat_half": 0.2, "explained": -0.04})
    assert sweep_report.described(row) == ["+0.1 ± 0.2", "0 %"]


def test_the_map_has_a_line_for_each_change():
    fig = sweep_report.draw(sweep_report.differences(observations()))
    (axis,) = fig.axes
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert len(labels) == sum(map(len, sweep.CHANGES.values()))
    assert labels[0] == "lens: as published"
    assert [text.get_text() for text in axis.texts] == ["25"] * len(labels)


def test_the_page_has_the_numbers_of_its_file():
    page = (ROOT / "docs/study.md").read_text(encoding="utf-8")
    compared = pd.read_csv(ROOT / "docs/sweep_map.csv")
    for line in sweep_report.summary(compared).splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name, _, base, plain, explains, best, gain, _, tried, counts, *_ = cells
        row = [name, f"`{base}`", explains, plain, f"{best} ({gain})", f"{counts} of {tried}"]
        assert "| " + " | ".join(row) + " |" in page
