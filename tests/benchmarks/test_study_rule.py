"""The rule for the default: what passes it, and what fails it."""

import numpy as np
import pandas as pd
import pytest
import study_rule

from tests.helpers.workflow_tools import ROOT

LEVELS = {  # of accuracy, in percent
    "repeat": 60.0,
    "mean difference": 61.0,
    "linear probe": 62.0,
    "repeat, centred": 60.5,
    "repeat, centred, fast": 61.5,
    "evidence probe": 62.5,
    "evidence network": 62.5,
    "LENS+": 62.5,
}


def observations(changes=(), seeds=20):
    """Two sets at two N with noise per variant; `changes`: (set, N, variant, points)."""
    rng = np.random.default_rng(0)
    rows = [
        (name, size, 8, variant, seed, (level + rng.normal(scale=0.1)) / 100, 1.0)
        for name in ("one", "other")
        for size in (50, 100)
        for variant, level in LEVELS.items()
        for seed in range(seeds)
    ]
    columns = ["set", "n_pairs", "scale", "variant", "seed", "accuracy", "seconds"]
    table = pd.DataFrame(rows, columns=columns).assign(vae_variance_explained=np.nan)
    for name, size, variant, points in changes:
        here = (table["set"] == name) & (table["n_pairs"] == size) & (table["variant"] == variant)
        table.loc[here, "accuracy"] += points / 100
    return table


def by_default(lines):
    return {line.split(": ")[0]: line for line in lines}


def test_each_cell_has_the_rival_that_is_best_there():
    compared = study_rule.cells(observations([("other", 100, "repeat, centred", 5.0)]))
    rivals = compared.groupby(["set", "n_pairs"])["rival"].first()
    assert rivals["other", 100] == "repeat, centred"
    assert rivals.drop(("other", 100)).eq("linear probe").all()
    against = compared[(compared["control"] == "rival") & (compared["variant"] == "LENS+")]
    assert against["mean"].tolist() == pytest.approx([0.5, 0.5, 0.5, -3.0], abs=0.15)


def test_a_default_passes_that_is_below_nowhere():
    lines = by_default(study_rule.verdicts(study_rule.cells(observations())))
    assert set(lines) == set(study_rule.DEFAULTS)
    for line in lines.values():
        assert " passes. repeat: below in 0 of 4 cells (0 before" in line
        assert "above in 4 (4)" in line
        assert "from linear probe." in line


def test_one_cell_below_the_control_or_the_rival_fails_the_default_alone():
    for points in (-1.0, -4.0):  # below the linear probe; below the repeat control, too
        table = observations([("one", 50, "LENS+", points)])
        lines = by_default(study_rule.verdicts(study_rule.cells(table)))
        assert " FAILS. " in lines["LENS+"]
        assert "rival: below in 1 of 4 cells" in lines["LENS+"]
        assert f"repeat: below in {int(points < -2)} of 4 cells" in lines["LENS+"]
        assert " passes. " in lines["evidence probe"]


def test_an_average_below_the_best_single_one_fails():
    """The rivals that lead each cell differ, and one of them leads on average by less than what
    seeds can show."""
    changes = [(name, size, "LENS+", -0.52) for name in ("one", "other") for size in (50, 100)]
    compared = study_rule.cells(observations(changes))
    (row,) = study_rule.averages(compared).query("variant == 'LENS+'").itertuples()
    assert row.single == "linear probe"
    assert row.sets == 2
    assert -0.1 < row.mean < 0
    assert " FAILS. " in by_default(study_rule.verdicts(compared))["LENS+"]


def test_sets_count_alike_however_many_sizes_they_have():
    table = observations([("other", 100, "LENS+", 9.0)])
    table = table[(table["set"] == "one") | (table["n_pairs"] == 100)]
    average = study_rule.averages(study_rule.cells(table)).set_index("variant")
    assert average.loc["LENS+", "mean"] == pytest.approx((0.5 + 9.5) / 2, abs=0.1)


def test_the_table_has_a_row_for_each_cell():
    compared = study_rule.cells(observations([("one", 50, "LENS+", -1.0)]))
    lines = study_rule.rows_of_cells(compared).splitlines()[2:]
    rows = [[one.strip() for one in line.strip("|").split("|")] for line in lines]
    assert [row[:2] for row in rows] == [
        ["one", "50"],
        ["one", "100"],
        ["other", "50"],
        ["other", "100"],
    ]
    found = {
        (one.variant, one.control): one.mean
        for one in compared.query("set == 'one' and n_pairs == 50").itertuples()
    }
    order = [("rival", "repeat")]
    order += [(name, of) for name in ("evidence probe", "LENS+") for of in ("repeat", "rival")]
    for text, key in zip(rows[0][4:], order, strict=True):
        assert text.startswith(f"**{found[key]:+.1f}±")
    assert rows[0][3] == "linear probe"


def test_cells_of_an_earlier_run_are_corrected_with_the_new_ones():
    """Which stands with few cells falls with more, and the parts say what the whole says."""
    changes = [(name, size, "LENS+", -0.5) for name in ("one", "other") for size in (50, 100)]
    table = observations([*changes, ("one", 50, "LENS+", -0.008)])
    parts = [study_rule.cells(table[table["set"] == name]) for name in ("other", "one")]
    whole = study_rule.joined(*parts)
    alike = study_rule.cells(table)
    pd.testing.assert_frame_equal(whole, study_rule.joined(alike.head(0), alike), check_dtype=False)
    assert study_rule.verdicts(whole) == study_rule.verdicts(alike)
    alone = pd.concat(parts)["after_holm"].sum()
    assert 0 < whole["after_holm"].sum() < alone


def test_the_figure_has_a_panel_for_each_size_and_comparison():
    fig = study_rule.draw(study_rule.cells(observations()))
    assert [axis.get_title() for axis in fig.axes] == [
        f"N = {size}, against the {control}"
        for size in (50, 100)
        for control in ("repeat", "rival")
    ]
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert labels == ["one", "other"]


def test_the_page_has_the_rows_and_verdicts_of_its_file():
    page = (ROOT / "docs/study.md").read_text(encoding="utf-8")
    compared = pd.read_csv(ROOT / "docs/study_rule.csv")
    for line in study_rule.rows_of_cells(compared.query("n_pairs == 300")).splitlines()[2:]:
        assert squeezed(line) in squeezed(page)
    for line in study_rule.verdicts(compared):
        assert squeezed(line) in squeezed(page)


def squeezed(text):
    return "".join(text.split())
