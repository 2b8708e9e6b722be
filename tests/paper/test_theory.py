"""What the theory's tables, page and figures show, from folders as the stages leave them."""

import json
from html.parser import HTMLParser

import pandas as pd
import pytest

from lens.cli import main
from lens.files.artifacts import write_json, write_table
from lens.paper import theory as paper_theory
from tests.helpers.theory_points import TRUTH, simulated

CHECKED = {
    "n_pairs": 100,
    "seed": 0,
    "pairs": 90,
    "gap_original": 2.0,
    "gap_synthetic": 1.5,
    "order_kept": 0.9,
    "t_delta": 0.644,
    "noise_within_t_delta": 1.0,
    "eps_rec_largest": 9.0,
    "eps_rec_root_mean_square": 5.0,
    "decoder_lipschitz_upper": 3.0,
    "decoder_lipschitz_seen": 2.0,
    "reward_lipschitz_upper": 4.0,
    "reward_lipschitz_seen": 1.0,
    **{
        f"{name}_{part}": value
        for name in ("as_stated", "seen_constants", "mean_square", "seen_constants_mean_square")
        for part, value in (("subtracted", 7.0), ("holds", 1.0), ("promises", 0.25))
    },
}
HOSTILE = "<b>data</b>"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """(theory folders, points folders) of two datasets, one with markup in its name."""
    folder, theories, points = tmp_path_factory.mktemp("theory"), [], []
    for number, dataset in enumerate(("dialogue", HOSTILE)):
        source, target = folder / f"points_{number}", folder / f"theory_{number}"
        estimation, decay = simulated(noise=0.05, seed=number)
        write_table(source / "estimation.csv", estimation)
        write_table(source / "reconstruction.csv", decay)
        write_table(source / "theorem_1.csv", pd.DataFrame([CHECKED]))
        metrics = {"dim": 64, "sizes": [100, 2000], "reference_test_loss": 0.5}
        write_json(source / "metrics.json", {"metrics": metrics, "settings": {"delta": 0.05}})
        how = f"--dataset {dataset} --model tiny --replicates 100"
        main(f"fit-theory --points {source} {how} --out-dir {target}".split())
        theories.append(target)
        points.append(source)
    return theories, points


@pytest.mark.slow
def test_constants_json_has_its_fixed_fields(folders):
    constants = json.loads((folders[0][0] / "constants.json").read_text())
    for name in ("C1", "p", "A", "B0", "N0"):
        assert {"estimate", "low", "high", "flags"} == set(constants[name])
    assert isinstance(constants["flags"], list)
    assert constants["C1"]["low"] < TRUTH.C1 < constants["C1"]["high"]
    for name in ("C1", "p", "B0"):
        assert {"n_pairs", "seed", "x", "observed", "fitted"} <= set(
            pd.read_csv(folders[0][0] / f"points_{name}.csv").columns
        )


@pytest.mark.slow
def test_command_reads_fitted_constants(folders, lens, capsys):
    lens("theory", "--constants", folders[0][0] / "constants.json", "--n-pairs", 1000)
    constants = json.loads((folders[0][0] / "constants.json").read_text())
    assert f"C1 = {constants['C1']['estimate']:g}" in capsys.readouterr().out


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def table(lens, folders, out):
    names = {"dialogue": "hh_rlhf", "tiny": "llama-3.1-8b"}
    lens(
        "theory-table",
        "--theory",
        *folders[0],
        "--points",
        *folders[1],
        "--paper-names",
        json.dumps(names),
        "--out-dir",
        out,
    )


@pytest.mark.slow
def test_the_paper_s_values_stand_beside_their_stand_ins(lens, folders, tmp_path):
    table(lens, folders, tmp_path)
    constants = pd.read_csv(tmp_path / "theory.csv")
    ours = constants[constants["dataset"] == "dialogue"].set_index("constant")["reported"]
    assert ours.drop("A").to_dict() == {"C1": 0.24, "p": 0.26, "B0": 5.63, "N0": 65.59}
    assert constants.loc[constants["dataset"] == HOSTILE, "reported"].isna().all()
    assert len(pd.read_csv(tmp_path / "theory_observations.csv")) == 2


@pytest.mark.slow
def test_page_escapes_data_and_shows_both_readings(lens, folders, tmp_path):
    table(lens, folders, tmp_path)
    text = (tmp_path / "theory.html").read_text(encoding="utf-8")
    page = Cells()
    page.feed(text)
    assert HOSTILE in page.text
    assert HOSTILE not in text
    assert "script" not in page.tags
    assert "http" not in text
    for words in (
        "Corrected: the bound promises a gain only for N <",
        "which the paper reads as",
        "93.9",
        "Eq. 37 to 38",
    ):
        assert words in page.text
    assert HOSTILE not in (tmp_path / "theory.md").read_text()
    assert "toprule" in (tmp_path / "theory.tex").read_text()


@pytest.mark.slow
def test_summary_counts_what_was_measured(folders):
    theories = paper_theory.read_theories(folders[0])
    cells = theories[0]["predictions"]
    below, above = (cells["lens_high"] < 1).sum(), (cells["lens_low"] > 1).sum()
    words = (
        "of 5 settings (N, k) with errors clearly above 0, LENS lowers the estimation error "
        f"in {below} and raises it in {above}"
    )
    assert words in paper_theory.summary(theories)[0]
    theories[0]["predictions"] = cells.assign(lens_low=float("nan"), lens_high=float("nan"))
    assert "of 0 settings" in paper_theory.summary(theories)[0]


def test_ends_of_intervals():
    assert paper_theory.span(1, None) == "[1, inf]"
    assert paper_theory.span(0.5, 12345.6) == "[0.5, 12,346]"
    assert paper_theory.span(0.0123456, 7.2e13) == "[0.0123, 7.20e+13]"
    assert paper_theory.span(float("nan"), 1.0) == "-"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("figure-5", ["figure_5.png", "figure_5.pdf", "figure_5.csv"]),
        ("theory-fits", ["theory_fits.png", "theory_fits.pdf", "theory_fits.csv"]),
        ("theory-map", ["theory_map.png", "theory_map.pdf", "theory_map.csv"]),
    ],
)
def test_figures_are_drawn_and_repeat_bit_for_bit(lens, folders, tmp_path, command, files):
    points = ["--points", *folders[1]] if command == "theory-map" else []
    for out in ("one", "two"):
        lens(command, "--theory", *folders[0], *points, "--out-dir", tmp_path / out)
    name = command.replace("-", "_")
    seen = pd.read_csv(tmp_path / f"one/{name}_observations.csv")
    assert {"dataset", "seed", "n_pairs"} <= set(seen)
    assert (tmp_path / f"one/{name}_settings.json").exists()
    for name in files:
        first = (tmp_path / "one" / name).read_bytes()
        assert first == (tmp_path / "two" / name).read_bytes()
        assert len(first) > 500


@pytest.mark.slow
def test_map_of_what_is_neither_predicted_nor_measured(folders, tmp_path):
    from lens.paper.theory_figures import draw_map
    from lens.report import figures

    theories = paper_theory.read_theories(folders[0])
    unknown = ["predicted", "predicted_low", "predicted_high", "lens", "lens_low", "lens_high"]
    for theory in theories:
        theory["C1"]["estimate"] = -1.0
        theory["predictions"][unknown] = float("nan")
    figure = draw_map(theories)
    assert [text.get_text() for text in figure.axes[0].texts] == ["nothing can be predicted"]
    figures.save(figure, tmp_path, "map")
    assert (tmp_path / "map.pdf").stat().st_size > 500
    assert "predicts nothing" in paper_theory.summary(theories)[0]


@pytest.mark.slow
def test_figure_5_shows_the_fit_and_the_control(folders):
    from lens.paper.theory_figures import draw_figure_5, draw_map

    theories = paper_theory.read_theories(folders[0])
    axis = draw_figure_5(theories).axes[0]
    line, published, control = axis.get_lines()
    fitted = theories[0]["A"]["estimate"] * line.get_xdata() ** -theories[0]["p"]["estimate"]
    assert line.get_ydata() == pytest.approx(fitted)
    points = theories[0]["points"]["p"]
    assert len(published.get_xdata()) == (points["budget"] == "epochs").sum()
    assert len(control.get_xdata()) == (points["budget"] == "equal_steps").sum()
    dots = draw_map(theories).axes[0].collections[-1].get_array()
    assert list(dots) == pytest.approx(list(theories[0]["predictions"]["lens"]))


@pytest.mark.slow
def test_the_papers_constants_stand_beside_ours(folders):
    theories = paper_theory.read_theories(folders[0])
    names = {"dialogue": "hh_rlhf", "tiny": "llama-3.1-8b"}
    constants = paper_theory.constants_table(theories, names)
    kept = [
        CHECKED | {"seed": seed, "n_pairs": n_pairs, "order_kept": kept}
        for n_pairs, kept in ((100, 0.2), (2000, 0.9))
        for seed in range(3)
    ]
    theorem = paper_theory.together(theories, [pd.DataFrame(kept)] * 2)
    errors = paper_theory.together(theories, [one["points"]["p"] for one in theories])
    table = paper_theory.against_paper("theory", constants, theorem, errors, names, True)
    table = table.set_index("what")
    assert len(table) == 4 + 1 + 3 + 1  # the other dataset has no name in the paper
    error = table.loc["dialogue, tiny: reconstruction error, N = 1,000"]
    assert (error["reported"], error["verdict"]) == (0.83, "not comparable")
    assert table.loc["dialogue, tiny: C1", "reported"] == 0.24
    order = table.loc["dialogue, tiny, N = 2,000: order preserved"]
    assert (order["ours"], order["reported"]) == (pytest.approx(0.9), 0.939)
    claim = table.loc["dialogue, tiny, N = 2,000: order kept more often than not"]
    assert claim["verdict"] == "agrees"


def test_means_over_seeds_by_hand():
    table = pd.DataFrame({"k": ["a", "a", "b", "b"], "v": [1.0, 3.0, 5.0, 5.0]})
    found = paper_theory.over_seeds(table, ["k"], ["v"]).set_index("k")
    assert found["v"].tolist() == [2, 5]
    half = 12.706204736  # t of 1 degree of freedom times the standard error 1
    assert found.loc["a", "v_high"] == pytest.approx(2 + half)
    assert found.loc["b", "v_low"] == 5
