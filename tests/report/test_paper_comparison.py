"""The paper's numbers beside ours, and the corrections for many comparisons."""

import numpy as np
import pytest

from lens.core.intervals import Interval, crossed_interval, crossed_p_value, holm
from lens.report import paper_comparison

RNG = np.random.default_rng(0)


def gap(mean, seeds=3, items=60):
    noise = RNG.normal(size=(seeds, items))
    return mean + noise - noise.mean()


def test_the_p_value_is_where_the_interval_touches_zero():
    values = gap(0.3)
    p = crossed_p_value(values)
    assert 0 < p < 1
    assert crossed_interval(values, 1 - p).low == pytest.approx(0, abs=1e-9)
    assert crossed_p_value(-values) == pytest.approx(p)


def test_values_without_spread_are_certain():
    assert crossed_p_value(np.ones((2, 3))) == 0
    assert crossed_p_value(np.zeros((2, 3))) == 1


def test_holm_by_hand():
    found = holm([0.03, np.nan, 0.01, 0.04])
    np.testing.assert_allclose(found, [0.06, np.nan, 0.03, 0.06])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert np.isnan(holm([np.nan])).all()


def test_claims_are_judged_by_direction_and_corrected_as_a_family():
    rows = [
        paper_comparison.claim("a above b", gap(2.0), 0.1),
        paper_comparison.claim("c above d", gap(-2.0), 5.0),
        paper_comparison.claim("e above f", gap(0.001)),
    ]
    table = paper_comparison.verdicts("table_9", rows, comparable=False)
    assert table["verdict"].tolist() == ["agrees", "differs", "undecided"]
    assert "opposite direction" in table["why"][1]
    assert table["corrected_p_value"][2] == pytest.approx(table["p_value"][2])
    assert table["corrected_p_value"][0] > table["p_value"][0]
    assert set(table["artefact"]) == {"table_9"}


def test_a_claim_told_from_0_alone_may_not_be_among_many():
    weak = gap(0.0)
    weak = weak + 1.05 * crossed_interval(weak).high
    rows = [paper_comparison.claim("one", weak)]
    assert paper_comparison.verdicts("t", rows, comparable=False)["verdict"][0] == "agrees"
    rows += [paper_comparison.claim(str(i), gap(0.0)) for i in range(5)]
    assert paper_comparison.verdicts("t", rows, comparable=False)["verdict"][0] == "undecided"


def test_numbers_are_compared_in_the_paper_s_world_alone():
    rows = [
        paper_comparison.number("near", 1.9, Interval(2.0, 1.8, 2.2)),
        paper_comparison.number("far", 1.5, Interval(2.0, 1.8, 2.2)),
    ]
    away = paper_comparison.verdicts("t", rows, comparable=False)
    assert set(away["verdict"]) == {"not comparable"}
    there = paper_comparison.verdicts("t", rows, comparable=True)
    assert there["verdict"].tolist() == ["agrees", "differs"]
    assert there["difference"].tolist() == pytest.approx([0.1, 0.5])
    assert there["difference_low"][0] == pytest.approx(-0.1)
    assert paper_comparison.printed(there)[0][:4] == [
        "near",
        "1.90",
        "2.00 [1.80, 2.20]",
        "+0.10 [-0.10, +0.30]",
    ]


def test_nothing_to_compare_is_an_empty_table():
    assert paper_comparison.verdicts("t", [], comparable=True).empty


def test_what_is_missing_gets_no_verdict():
    rows = [
        paper_comparison.number("none", 1.0, None),
        paper_comparison.number("nan", 1.0, Interval(np.nan, np.nan, np.nan)),
        paper_comparison.number("open", 1.0, Interval(2.0, np.nan, np.nan)),
        paper_comparison.number("one end", 1.0, Interval(2.0, 0.5, np.inf)),
    ]
    table = paper_comparison.verdicts("t", rows, comparable=True)
    assert table["verdict"].tolist() == ["not comparable"] * 3 + ["agrees"]


def test_our_own_comparisons_are_neither_the_paper_s_nor_in_its_family():
    rows = [
        paper_comparison.claim("theirs", gap(2.0)),
        paper_comparison.claim("ours", gap(-2.0), own=True),
    ]
    table = paper_comparison.verdicts("t", rows, comparable=False)
    assert table["kind"].tolist() == ["claim", "own"]
    assert table["verdict"].tolist() == ["agrees", "below"]
    np.testing.assert_allclose(table["corrected_p_value"], table["p_value"].astype(float))


def test_numbers_that_cannot_be_compared_are_counted_or_listed():
    rows = [paper_comparison.number(name, 1.9, Interval(2.0, 1.8, 2.2)) for name in "ab"]
    table = paper_comparison.verdicts(
        "t", [*rows, paper_comparison.claim("c", gap(2.0))], comparable=False
    )
    assert [row[0] for row in paper_comparison.printed(table)] == ["c", "a", "b"]
    assert paper_comparison.printed(table)[1][3] == "+0.10 [-0.10, +0.30]"
    short = paper_comparison.printed(table, every=False)
    assert [row[0] for row in short] == ["c", "2 numbers, in t_paper.csv"]
