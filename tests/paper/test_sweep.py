"""Sweeps from results made up, and what they say beside the paper."""

from itertools import pairwise

import numpy as np
import pytest

from lens.paper import ablations, sweep
from lens.paper.cells import Cell

NAMES = {"d": "hh_rlhf", "m": "llama-3.1-8b"}
BASE = np.random.default_rng(1).normal(size=(3, 40, 1))
NOISE = np.random.default_rng(2)


def cell(method, level, scale=4, n_pairs=1000):
    own = 0.01 * NOISE.normal(size=BASE.shape)
    gold = np.concatenate([np.zeros_like(BASE), BASE + level + own], axis=-1)
    facts = (
        {}
        if method in ("original", "linear_probe", "repeat")
        else {"vae_variance_explained": 0.034}
    )
    return Cell("d", "m", method, scale, n_pairs, [0, 1, 2], gold, gold, np.ones((3, 5)), facts)


def controls():
    return [cell("original", 0.0, 1), cell("linear_probe", 1.5, 1), cell("repeat", 1.0)]


def gamma(levels=(0.0, 2.0, 1.0)):
    cells = [cell(f"gamma_{i}", level) for i, level in enumerate(levels)]
    return ablations.gamma([0.0, 0.1, 1.0], cells, controls())


def test_every_point_is_held_against_the_repeat_control():
    table = sweep.table([gamma()])
    lens = table[table["method"] == "lens"].set_index("value")
    assert lens["difference_to_repeat"].tolist() == pytest.approx([-1, 1, 0], abs=0.02)
    assert lens.loc[0.1, "mean"] == pytest.approx(BASE.mean() + 2, abs=0.01)
    lines = table[table["value"].isna()].set_index("method")
    assert set(lines.index) == {"original", "linear_probe", "repeat"}
    assert lines["difference_to_repeat"].isna().all()
    assert lens["corrected_p_value"][0.0] == pytest.approx(3 * lens["p_value"][0.0])


def test_what_the_vae_explains_stands_beside_every_value_of_lens():
    table = sweep.table([gamma()])
    has = table["method"] == "lens"
    assert table.loc[has, "vae_variance_explained"].tolist() == [0.034] * 3
    assert table.loc[~has, "vae_variance_explained"].isna().all()
    found = sweep.printed([gamma()], table, ["t"])
    column = found.header.index("VAE explains %")
    [(_, rows)] = found.blocks
    assert [row[column] for row in rows] == ["3.4" if lens else "-" for lens in has]
    assert "VAE explains %: the share" in found.note


def test_sweeps_of_one_artefact_are_one_family():
    panel = gamma()
    table = sweep.table([panel, panel])
    assert table["corrected_p_value"].min() == pytest.approx(6 * table["p_value"].min())


def test_the_best_value_is_claimed_above_every_other():
    found = ablations.against_paper("figure_2", [gamma()], comparable=False)
    claims = found.set_index("what")
    assert claims["ours"].to_dict() == pytest.approx(
        {"gamma 0.1 above 0": 2.0, "gamma 0.1 above 1": 1.0}, abs=0.02
    )
    assert set(claims["verdict"]) == {"agrees"}
    worse = gamma((0.0, -1.0, 1.0))
    found = ablations.against_paper("figure_2", [worse], comparable=False)
    assert set(found["verdict"]) == {"differs"}
    elsewhere = ablations.beside_the_paper(worse, {}, 1000)
    assert ablations.against_paper("figure_2", [elsewhere], comparable=False).empty


def test_numbers_of_the_paper_stand_at_their_values():
    cells = [cell("lens", level) for level in (1.0, 2.0, 3.0)]
    panel = ablations.noise_variance([0.001, 0.01, 0.1], cells, controls())
    table = sweep.table([panel]).set_index(["method", "value"])["reported"]
    assert table["lens", 0.001] == 1.63
    assert table["lens", 0.01] == 1.96
    assert np.isnan(table["lens", 0.1])
    found = ablations.against_paper("figure_2", [panel], comparable=True)
    claim = found[found["what"] == "noise variance 0.01 above 0.001"].iloc[0]
    assert claim["reported"] == pytest.approx(1.96 - 1.63)
    assert claim["ours"] == pytest.approx(1, abs=0.02)


def test_at_every_n_lens_is_held_against_the_original_and_text():
    cells = [
        cell("lens", 3.0, n_pairs=1000),
        cell("lens", 1.0, n_pairs=100),
        cell("repeat", 0.5, n_pairs=100),
        cell("original", 0.0, 1, 100),
        cell("full_finetune", 3.5, n_pairs=1000),
        cell("full_finetune_repeat", 3.0, n_pairs=1000),
    ]
    panel = ablations.sizes(cells)
    assert panel.values == [100, 1000]
    table = sweep.table([panel]).set_index(["method", "value"])
    assert table.loc[("lens", 100), "difference_to_repeat"] == pytest.approx(0.5, abs=0.02)
    assert np.isnan(table.loc[("lens", 1000), "difference_to_repeat"])  # no control there
    difference = table.loc[("full_finetune", 1000), "difference_to_repeat"]
    assert difference == pytest.approx(0.5, abs=0.02)  # to its own control
    found = ablations.against_paper("size_sweep", [panel], comparable=False)
    claims = found[found["kind"] == "claim"].set_index("what")
    assert claims["reported"].to_dict() == pytest.approx(
        {
            "LENS above Original, N = 100": 0.93 - 0.68,
            "LENS above Full fine-tuning, N = 1,000": 1.94 - 1.78,
        }
    )
    assert claims["verdict"].tolist() == ["agrees", "differs"]


def test_data_compares_what_is_trained_on():
    panel = ablations.data(
        cell("original", 0.0, 1), cell("synthetic_only", 1.0), cell("lens", 2.0), controls()
    )
    found = ablations.against_paper("figure_4", [panel], comparable=False)
    claims = found[found["kind"] == "claim"].set_index("what")["ours"]
    assert claims.to_dict() == pytest.approx(
        {"data combined above synthetic": 1.0, "data combined above original": 2.0}, abs=0.02
    )


def test_scales_follow_the_paper_up_and_down():
    cells = [cell("lens", level, k) for k, level in ((8, 0.0), (32, 2.0), (64, 1.0))]
    panel = ablations.scales(cells, controls())
    assert "repeat" not in panel.lines  # it depends on the scale
    found = ablations.against_paper("scale_sweep", [panel], comparable=False)
    claims = found[found["kind"] == "claim"].set_index("what")
    assert claims["ours"].to_dict() == pytest.approx(
        {"LENS 32x above 8x": 2.0, "LENS 32x above 64x": 1.0}, abs=0.02
    )
    assert (claims["reported"] > 0).all()


def test_layers_end_with_the_last():
    layers = {1: [cell("repeat", 0.0), cell("lens", 0.0)], -1: [cell("lens", 1.0)]}
    panel = ablations.layers(layers)
    assert panel.values == [1, "last"]
    assert panel.series["repeat"][1] is None
    assert panel.reported["lens", 1] == 0.22
    assert panel.reported["lens", "last"] == 1.94
    found = ablations.against_paper("layer_sweep", [panel], comparable=False)
    (claim,) = found[found["kind"] == "claim"].to_dict("records")
    assert claim["what"] == "layer last above 1"
    assert claim["verdict"] == "agrees"


def test_only_the_paper_s_own_setting_stands_beside_the_paper():
    def kept(panel, names=NAMES, n_pairs=1000):
        return ablations.beside_the_paper(panel, names, n_pairs).claimed

    assert kept(gamma())
    assert not kept(gamma(), n_pairs=300)
    assert not kept(gamma(), names={})
    other = ablations.noise_variance([0.01], [cell("lens", 0.0, scale=8)], [])
    assert not kept(other)
    assert ablations.beside_the_paper(other, NAMES, 1000).reported == {}  # nor in the picture
    sizes = ablations.sizes([cell("lens", 0.0, n_pairs=50000)])
    assert kept(sizes, n_pairs=300)  # N is what varies


def test_the_papers_best_values_are_those_it_reports():
    assert ablations.best_values() == {
        "gamma": 0.1,
        "noise_variance": 0.01,
        "beta": 1.0,
        "data": "combined",
        "sharing": "shared_trunk_separate_heads",
        "layer": "last",
    }


def test_numbers_that_have_none_here_are_said_to_have_none():
    sizes = ablations.sizes([cell("lens", 0.0, n_pairs=100), cell("original", 0.0, 1, 100)])
    found = ablations.against_paper("size_sweep", [sizes], comparable=True).set_index("what")
    absent = found.loc["Full fine-tuning, N = 100,000"]
    assert (absent["reported"], absent["verdict"]) == (2.01, "not comparable")
    assert absent["why"] == "no such estimate in this run"
    assert found.loc["LENS, N = 50,000", "reported"] == 2.31
    assert found.loc["LENS, N = 100", "verdict"] in ("agrees", "differs")


def test_observations_and_print_have_every_cell():
    panels = [gamma(), ablations.layers({1: [cell("lens", 0.0)], -1: [cell("lens", 1.0)]})]
    seen = sweep.swept_observations(panels)
    assert len(seen) == (3 + 3 + 2) * 3
    assert set(seen["sweep"]) == {"gamma", "layer"}
    text = sweep.printed(panels, sweep.table(panels), ["a|b", "layer"]).markdown()
    assert "a\\|b" in text
    assert "nan" not in text
    assert sum(line.startswith("| - ") for line in text.splitlines()) == 3  # the lines
    assert "| 0.1 " in text
    assert "LENS 4x" in text


def test_a_panel_shows_every_interval():
    fig = sweep.figure(gamma())
    axis = fig.axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0", "0.1", "1"]
    assert len(axis.containers) == 1 + 3  # a series and three lines, each with its bars
    names = {text.get_text(): text.xy[1] for text in axis.texts}
    assert set(names) == {"LENS 4x", "Original", "Linear probe", "Repeat (control) 4x"}
    heights = sorted(names.values())
    assert min(b - a for a, b in pairwise(heights)) > 0  # none on another
    assert axis.get_ylabel() == "gold reward of the pick"


def test_stars_go_by_the_corrected_p_value():
    panel = gamma()
    rows = sweep.table([panel])
    held = rows["p_value"].notna()
    for corrected, stars in ((0.2, 0), (0.01, 3)):
        rows.loc[held, ["p_value", "corrected_p_value"]] = (0.01, corrected)
        text = sweep.printed([panel], rows, ["t"]).markdown()
        assert sum("]*" in line for line in text.splitlines()) == stars


def test_the_control_of_synthetic_pairs_alone_is_repeat():
    panel = ablations.data(
        cell("original", 0.0, 1), cell("synthetic_only", 1.5), cell("lens", 2.0), controls()
    )
    table = sweep.table([panel]).set_index("method")["difference_to_repeat"]
    assert table["synthetic_only"] == pytest.approx(0.5, abs=0.02)
    assert np.isnan(table["original"])
