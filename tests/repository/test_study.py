"""The study bench: simulated worlds are what they say, comparisons are paired."""

import random

import numpy as np
import pandas as pd
import pool_pairs
import pytest
import study
import study_report

from lens.advice.own_pairs import EmbeddedPairs
from lens.core.errors import LensError
from lens.files import artifacts
from tests.helpers.workflow_tools import ROOT


@pytest.mark.parametrize("kind", study.REWARDS)
def test_worlds_are_labelled_as_they_say(kind):
    """A linear fit to very many pairs orders fresh ones well where the reward is linear."""
    _, embeddings = study.gaussian(kind, count=6000, dim=12)
    x = embeddings["chosen"] - embeddings["rejected"]
    weights = np.linalg.lstsq(x[:3000], np.ones(3000), rcond=None)[0]
    accuracy = (x[3000:] @ weights > 0).mean()
    low, high = {"noise": (0.52, 0.62), "bent": (0.5, 0.65)}.get(kind, (0.72, 0.85))
    assert low < accuracy < high


def test_known_rewards_bend_as_they_say():
    rng = np.random.default_rng(0)
    sides = rng.normal(size=(2, 500, 30))
    bent = study.rewards("bent", sides, np.random.default_rng(1))
    weights = np.random.default_rng(1).normal(size=(20, 3))
    z = sides[..., :20] @ weights
    z /= z.std(axis=(0, 1))
    np.testing.assert_allclose(bent, 3 * np.abs(z[..., 0]) + z[..., 1])
    hinge = study.rewards("hinge", sides, np.random.default_rng(1))
    parts = [np.where(z[..., i] > 0, z[..., i], 0) for i in range(3)]
    np.testing.assert_allclose(hinge, parts[0] + parts[1] - parts[2])
    few = study.rewards("few_strong", sides, np.random.default_rng(1))
    assert np.linalg.matrix_rank(np.column_stack([sides[0, :, :2], few[0]])) == 2


def test_known_rewards_follow_the_leading_components_of_real_embeddings():
    """Labels move pairs from one side to the other, and nothing else."""
    rng = np.random.default_rng(0)
    given = {side: rng.normal(size=(400, 25)).astype(np.float32) for side in ("chosen", "rejected")}
    for rows in given.values():
        rows[:, 3:6] = rows[:, 3:4] * 10 + 0.1 * rows[:, 3:6]  # one strong shared component
    _, labelled = study.known_reward("few_strong", None, given)
    moved = (labelled["chosen"] != given["chosen"]).any(axis=1)
    assert 100 < moved.sum() < 300
    np.testing.assert_array_equal(labelled["chosen"][moved], given["rejected"][moved])
    np.testing.assert_array_equal(labelled["chosen"][~moved], given["chosen"][~moved])
    both = np.concatenate(list(given.values()))
    values, directions = np.linalg.eigh(np.corrcoef(both.T))
    scaled = (labelled["chosen"] - labelled["rejected"]) / both.std(axis=0)
    leading, trailing = scaled @ directions[:, -2:], scaled @ directions[:, :2]
    assert np.abs(np.sign(leading).mean(axis=0)).max() > 0.2
    assert np.abs(np.sign(trailing).mean(axis=0)).max() < 0.15
    assert values[-1] > 2


@pytest.mark.slow
def test_every_variant_is_measured_on_the_same_splits(monkeypatch):
    monkeypatch.setitem(study.VAE, "epochs", 2)
    monkeypatch.setitem(study.HEAD, "epochs", 2)
    pairs, embeddings = study.gaussian("linear", count=120, dim=6)
    variants = study.MAIN | study.PAPER | study.GENERATORS
    found = study.measure(pairs, embeddings, variants, 40, 4, range(2)).drop(columns="seconds")
    assert list(found["variant"].unique()) == list(variants)
    assert (found.groupby("variant").size() == 2).all()
    again = study.measure(pairs, embeddings, study.MAIN, 40, 4, range(2)).drop(columns="seconds")
    pd.testing.assert_frame_equal(found.head(len(again)), again)


@pytest.mark.slow
def test_accuracy_is_that_of_pairs_not_trained_on():
    """Labels that say nothing: what was trained on would be ordered without error."""
    rng = np.random.default_rng(0)
    embeddings = {
        side: rng.normal(size=(300, 200)).astype(np.float32) for side in ("chosen", "rejected")
    }
    names = [str(i // 2) for i in range(300)]
    pairs = pd.DataFrame({"id": [str(i) for i in range(300)], "group": names})
    probe = {"linear probe": study.MAIN["linear probe"]}
    found = study.measure(pairs, embeddings, probe, 100, 8, range(4))
    assert found["accuracy"].between(0.35, 0.65).all()


@pytest.mark.slow
def test_sizes_beyond_the_pairs_are_left_out_and_named(monkeypatch, tmp_path, capsys):
    command = [
        "study.py",
        "--world",
        "linear",
        "--n-pairs",
        "20",
        "6000",
        "--seeds",
        "2",
        "--first-seed",
        "7",
        "--variants",
        "mean difference",
        "--out-dir",
        str(tmp_path),
    ]
    monkeypatch.setattr("sys.argv", command)
    study.main()
    assert "too few pairs for N = 6,000" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "study.csv")
    assert table["n_pairs"].unique().tolist() == [20]
    assert table["seed"].tolist() == [7, 8]


def test_variants_name_methods_that_exist_and_leave_none_out():
    named = {method for method, *_ in (study.MAIN | study.PAPER | study.GENERATORS).values()}
    of_lens = (
        "original repeat lens lens_converged direct_perturbation gaussian_sampling "
        "mean_difference linear_probe evidence_probe evidence_network lens_plus"
    )
    assert named == {*of_lens.split(), *study.BEYOND}


def test_sets_of_several_files_keep_their_prompts_apart(tmp_path):
    with pytest.raises(LensError, match="give a FOLDER, or PAIRS EMBEDDINGS"):
        study.join("one", [str(tmp_path / "pairs.parquet")] * 3)
    files = []
    for part in range(2):
        table = pd.DataFrame({"id": ["a", "b"], "group": ["0", "1"], "split": "train"})
        path = tmp_path / f"{part}.parquet"
        artifacts.write_table(path, table)
        arrays = {side: np.full((2, 3), part, np.float32) for side in ("chosen", "rejected")}
        matrix = tmp_path / f"{part}.safetensors"
        artifacts.write_arrays(matrix, arrays, {"rows_sha256": artifacts.sha256(path)})
        files += [str(path), str(matrix)]
    pairs, embeddings = study.join("both", files)
    assert len(pairs) == 4
    assert embeddings["chosen"][:, 0].tolist() == [0, 0, 1, 1]
    assert pairs["group"].tolist() == ["0", "1", "0", "1"]  # one prompt, whichever file it is in


def test_a_folder_of_embedded_pairs_is_a_set(tmp_path):
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(size=(2, 5, 3)).astype(np.float32)
    table = pd.DataFrame({"id": list("abcde"), "group": list("00112"), "prompt": "p"})
    table = table.assign(chosen=list("fghij"), rejected=list("klmno"))
    EmbeddedPairs(table, chosen, rejected, None, {}).save(tmp_path / "folder")
    pairs, embeddings = study.join("one", [str(tmp_path / "folder")])
    pd.testing.assert_frame_equal(pairs, table[["id", "group"]])
    np.testing.assert_array_equal(embeddings["chosen"], chosen)
    np.testing.assert_array_equal(embeddings["rejected"], rejected)


def test_pool_pairs_prefer_the_better_judged():
    candidates = [
        {"output": text, "gold": gold}
        for text, gold in [("a", 0.9), ("b", 0.1), ("c", 0.5), ("", 0.7), ("d", None)]
    ]
    judged = {one["output"]: one["gold"] for one in candidates}
    seen = set()
    for seed in range(20):
        (pair,) = pool_pairs.pairs("p", list(candidates), random.Random(seed))
        assert judged[pair["chosen"]] > judged[pair["rejected"]]
        seen |= {pair["chosen"], pair["rejected"]}
    assert seen == {"a", "b", "c"}
    rated = pool_pairs.pairs("p", list(candidates), random.Random(0), answers=3)
    assert {(pair["chosen"], pair["rejected"]) for pair in rated} == {
        ("a", "c"),
        ("a", "b"),
        ("c", "b"),
    }
    assert len(pool_pairs.pairs("p", list(candidates), random.Random(0), answers=2)) == 1
    tied = [{"output": text, "gold": 0.5} for text in "ab"]
    assert pool_pairs.pairs("p", tied, random.Random(0)) == []


def test_differences_are_paired_by_seed():
    control = np.array([0.5, 0.6, 0.7])
    mean, half = study_report.paired(control + 0.01, control)
    assert (mean, half) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))
    mean, half = study_report.paired(control + np.array([0.0, 0.01, 0.02]), control)
    assert half == pytest.approx(4.302653 * 1 / 3**0.5, rel=1e-5)  # t of 2 degrees of freedom


def observations(seeds=3):
    return pd.DataFrame(
        {
            "set": "s",
            "n_pairs": 100,
            "scale": 8,
            "variant": variant,
            "seed": seed,
            "accuracy": 0.5 + 0.01 * i + 0.001 * seed * (variant == "LENS+"),
            "seconds": 2.0,
            "vae_variance_explained": 0.1 * (seed + 1) if variant == "LENS" else None,
        }
        for i, variant in enumerate(study.MAIN)
        for seed in range(seeds)
    )


def test_report_compares_with_the_control_and_with_the_better_probe():
    table = observations()
    ranks = {variant: i for i, variant in enumerate(study.MAIN)}
    assert ranks["mean difference"] < ranks["linear probe"]  # so the linear probe is the better
    compared = study_report.differences(table, ["LENS", "LENS+"], "repeat")
    (line,) = study_report.against(compared).splitlines()[2:]
    assert "50.0" in line
    assert f"**+{ranks['LENS']}.0 ± 0.0**" in line
    assert line.count("%") == line.count(" (20 %) |") == 1  # of LENS's VAE, mean over seeds
    half = 4.302653 * 0.1 / 3**0.5
    assert f"**+{ranks['LENS+'] + 0.1:.1f} ± {half:.1f}**" in line
    compared = study_report.differences(table, ["LENS+"], "better probe")
    (line,) = study_report.against(compared).splitlines()[2:]
    assert f"**+{ranks['LENS+'] - ranks['linear probe'] + 0.1:.1f} ± {half:.1f}**" in line
    assert study_report.cell(0.4, 0.5, False, False) == "+0.4 ± 0.5"
    assert study_report.cell(-0.6, 0.5, True, False) == "**-0.6 ± 0.5**"
    assert study_report.cell(-0.6, 0.5, True, True) == r"**-0.6 ± 0.5**\*"
    assert "| 2.00 |      - |" in study_report.seconds(
        pd.concat([table, table.assign(n_pairs=9, variant="LENS")]), ["LENS", "repeat"]
    )


def test_many_comparisons_are_corrected():
    assert study_report.holm([0.04, 0.001, 0.02]) == [True, True, True]
    assert study_report.holm([0.04, 0.03, 0.02]) == [False, False, False]  # 0.02 > 0.05 / 3
    assert study_report.holm([0.5, 0.001, 0.03]) == [False, True, False]
    rng = np.random.default_rng(0)
    values, control = rng.normal(size=(2, 9))
    from scipy.stats import ttest_rel

    assert study_report.p_value(values, control) == pytest.approx(ttest_rel(values, control).pvalue)


def test_the_figure_has_a_panel_for_each_size_and_a_row_for_each_set():
    fewer = observations().query("variant != 'LENS'").assign(n_pairs=1000, set="other")
    simulated = observations().assign(set="Gaussian, linear")
    table = pd.concat([observations(), fewer, simulated])
    compared = study_report.differences(table, [*study_report.DRAWN], "repeat")
    fig = study_report.draw(compared)
    assert [axis.get_title() for axis in fig.axes] == ["N = 100", "N = 1,000"]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["s", "other"]
    assert {text.get_text() for text in fig.legends[0].get_texts()} == set(study_report.DRAWN)


def test_the_page_counts_what_its_file_holds():
    page = (ROOT / "docs/study.md").read_text(encoding="utf-8")
    page = " ".join(page.split())
    compared = pd.read_csv(ROOT / "docs/study.csv")
    clear = compared[compared["excludes_0"]]
    counts = {
        key: (len(part), (part["mean"] < 0).sum(), (part["mean"] > 0).sum())
        for key, part in clear.groupby(["control", "variant"])
    }
    tried = compared.groupby(["control", "variant"]).size()
    assert counts["repeat", "LENS"] == (14, 14, 0)
    assert "in 14 of 30 settings (4 on human labels) and above in none" in page
    assert tried["repeat", "LENS"] == 30
    assert counts["repeat", "LENS+"] == (25, 0, 25)
    assert "below it by its interval in none, above it in 25" in page
    assert counts["better probe", "LENS+"] == (8, 1, 7)
    assert "above by its interval in 7 settings, below in one (not after" in page
    assert counts["repeat, centred, fast", "LENS+"] == (22, 1, 21)
    assert "above in 21 settings, below in one" in page


def test_the_page_s_rows_are_those_of_its_file():
    page = (ROOT / "docs/study.md").read_text(encoding="utf-8")
    compared = pd.read_csv(ROOT / "docs/study.csv")
    whole = {
        (row.set, f"{row.n_pairs:,}", row.control, row.variant): study_report.cell(
            row.mean, row.half, row.excludes_0, row.after_holm
        ).replace(" ", "")
        for row in compared.itertuples()
    }
    lines = page.split("| set | N | seeds | repeat |")[1].split("\n\n")[0].splitlines()[2:]
    names = ["repeat, centred, fast", "LENS", "linear probe", "evidence probe", "LENS+"]
    columns = [("repeat", name) for name in names] + [("better probe", "LENS+")]
    assert len(lines) == 3
    for line in lines:
        name, size, _, _, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells == [whole.get((name, size, *column), "-") for column in columns]
