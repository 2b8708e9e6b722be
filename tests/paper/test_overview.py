"""The report's first page: what it says follows from the numbers, and shows text as it is."""

import numpy as np
import pandas as pd
import pytest
from docutils.core import publish_doctree
from docutils.nodes import Text, paragraph
from hypothesis import given
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.files import artifacts
from lens.paper import costs, flags, overview
from lens.report import pages
from lens.report.paper_comparison import COLUMNS
from tests.helpers.comparisons import HOSTILE, ROWS, comparisons

TEXTS = [
    HOSTILE,
    ".. raw:: html",
    "1. one",
    "(a) one",
    "iv) one",
    "- x",
    "* x",
    "=====",
    "+---+",
    "::",
    "x::",
    ">>> 1",
    ":field: x",
    "--option x",
    "|x|_",
    "[1]_",
    "x_",
    "_`x`",
    "a\\b",
    "\\",
    "x\n\ny",
    "http://x.org/a_b",
    "a@b.org",
    "`",
    "__",
    "{% x %}",
    "'quoted'",
    '"',
    "A. B",
    "a\n---",
    "#. x",
]


def as_docutils_reads(text):
    """The one plain paragraph that it is."""
    tree = publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 1})
    (only,) = tree.children
    assert isinstance(only, paragraph), text
    assert all(isinstance(child, Text) for child in only.children), text
    return only.astext()


@pytest.mark.parametrize("text", TEXTS)
def test_names_from_data_show_as_they_are(text):
    assert as_docutils_reads(pages.escape_rst(text)) == " ".join(text.split())
    inside = as_docutils_reads(f"before {pages.escape_rst(text)} after")
    assert inside == f"before {' '.join(text.split())} after"


@pytest.mark.slow
@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1))
def test_any_text_shows_as_it_is(text):
    text = " ".join(text.split())
    if text:
        assert as_docutils_reads(pages.escape_rst(text)) == text


def test_helped_means_above_the_control_after_correction():
    gold = overview.judged(comparisons(ROWS))
    assert gold["verdict"].tolist() == ["above", "below", "no detectable difference", "above"]
    pair_accuracy = comparisons(ROWS).assign(measure="correct")
    assert overview.judged(pair_accuracy).empty
    flipped = comparisons(ROWS).assign(difference=lambda t: -t["difference"])
    assert overview.judged(flipped)["verdict"].tolist()[:2] == ["below", "above"]


def test_the_words_put_each_method_on_its_side():
    helped, not_helped = [
        "\n".join([*section.paragraphs, *section.points])
        for section in page(comparisons(ROWS))[1:3]
    ]
    assert "Of 4 comparisons" in helped
    assert "2 are above the control" in helped
    assert "LENS: d, 2x +0.50 [+0.40, +0.60] (VAE explains 3.4 %)" in helped
    assert "LoRA: d, 4x +0.20" in helped
    assert "IPO" not in helped
    assert "Never above the control: IPO." in not_helped
    assert "LENS: d, 4x -0.30 [-0.40, -0.20] (VAE explains 3.4 %)" in not_helped
    assert "No detectable difference from the control: 1 of 4" in not_helped
    assert page(comparisons(ROWS[2:3]))[1].paragraphs[0].startswith("Nothing")


def test_the_result_comes_first_and_its_picture_after_150_words_at_most():
    result, *others = page(comparisons(ROWS))
    assert result.picture
    assert not any(section.picture for section in others)
    assert not result.points
    assert not result.table
    assert len(" ".join(result.paragraphs).split()) <= 150
    counts = "2 above it, 1 below it and 1 without a detectable difference."
    assert result.paragraphs[-1].endswith(counts)


def test_a_name_with_a_comma_is_told_from_two_names():
    rows = [(method, 2, 0.0, 1.0) for method in ("lens", "lens_converged", "lens_plus")]
    said = page(comparisons(rows))[2].paragraphs[0]
    assert said == "Never above the control: LENS; LENS, converged VAE and LENS+."


def test_the_picture_has_each_method_at_its_largest_scale_best_first():
    both = pd.concat([comparisons(ROWS), comparisons(ROWS[:1], dataset="e")])
    rows = overview.picture_rows(overview.judged(both))
    assert rows[["dataset", "method", "scale"]].to_numpy().tolist() == [
        ["d", "ipo", 4],
        ["d", "lora", 4],
        ["d", "lens", 4],
        ["e", "lens", 2],
    ]
    axes = overview.draw(rows).axes
    names = [text.get_text() for text in axes[0].get_yticklabels()]
    assert names == ["IPO 4x", "LoRA 4x", "LENS 4x (VAE explains 3.4 %)"]
    top = axes[0].containers[0].lines[0]
    assert top.get_xdata()[0] == pytest.approx(0.4)
    assert top.get_ydata()[0] == 2
    assert top.get_markerfacecolor() == "white"
    assert axes[0].containers[1].lines[0].get_markerfacecolor() != "white"
    with pytest.raises(LensError, match="no comparison of gold reward"):
        overview.picture_rows(overview.judged(comparisons([])))


def page(comparisons, claims=(), jobs=None, comparable=False):
    gold = overview.judged(comparisons)
    table = gold[["dataset", "model", "method", "scale", "n_pairs"]]
    jobs = pd.DataFrame(columns=["group"]) if jobs is None else jobs
    claims = pd.DataFrame(claims, columns=COLUMNS)
    raised = pd.DataFrame(columns=flags.COLUMNS), 0
    return overview.sections(table, 3, gold, claims, jobs, raised, {"d": "hh_rlhf"}, comparable)


def test_verdicts_are_counted_and_what_differs_is_named():
    claim = dict.fromkeys(COLUMNS, np.nan) | {
        "artefact": "table_1",
        "kind": "claim",
        "ours": -1.0,
        "low": -2.0,
        "high": -0.5,
        "why": "w",
    }
    claims = [
        claim | {"what": f"claim {v}", "verdict": v} for v in ("agrees", "differs", "undecided")
    ]
    section = page(comparisons(ROWS), claims)[-1]
    assert section.paragraphs[0].endswith("agrees 1, differs 1, undecided 1, of 3.")
    assert section.points == ["Table 1, claim differs: ours -1.00 [-2.00, -0.50], w"]


def test_costs_add_up_by_what_they_were_for(tmp_path):
    for place, seconds, device in (
        ("train_vae/d/m", 30.0, "cpu"),
        ("train_reward/d/m/lens", 60.0, "cpu"),
        ("train_text/d/m/lora", 7200.0, "A100"),
        ("a_new_stage", 1.0, "cpu"),
    ):
        cost = {
            "wall_seconds": seconds,
            "cpu_seconds": seconds / 2,
            "device": device,
            "device_seconds": seconds / 4,
            "peak_memory_bytes": 2**30,
            "peak_device_memory_bytes": 0,
        }
        artifacts.write_json(tmp_path / place / "cost.json", cost)
    jobs = costs.jobs(tmp_path)
    rows = {row[0].partition(":")[0]: row[1:] for row in costs.printed(jobs)}
    assert rows["Latent space"] == ["2", "90 s", "45 s", "-", "1.0 GiB"]
    assert rows["Text space"][1:4] == ["2.0 h", "60 min", "30 min"]
    assert rows["Other stages"][0] == "1"
    assert rows["All"][:2] == ["4", "2.0 h"]
    assert costs.devices(jobs) == {"cpu": 3, "A100": 1}


def test_both_kinds_of_page_say_the_same_of_hostile_names():
    sections = page(comparisons(ROWS, dataset=HOSTILE))
    text = pages.rst(HOSTILE, sections, b"not read")
    tree = publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 2})
    assert tree.astext().count(HOSTILE) >= 4
    assert not list(tree.findall(lambda node: node.tagname in ("raw", "problematic", "reference")))
    assert "<script>" not in pages.markdown(HOSTILE, sections, "x.png")
