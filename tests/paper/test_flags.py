"""Flags from the stage that raises them to the report's first page; numbers refused on the way."""

import numpy as np
import pandas as pd
import pytest

from lens.core import diagnostics
from lens.core.errors import LensError
from lens.files import artifacts
from lens.paper import flags, table_1, theory
from lens.paper.cells import aggregate, read_cells
from tests.helpers.cell_files import write_cell

SIDES = ("chosen", "rejected")


def cell(folder, method="lens", **more):
    rng = np.random.default_rng(1)
    return write_cell(folder, method, 4, rng.normal(size=(3, 10)), np.ones((3, 4)), **more)


def spoil(file, change):
    seen = artifacts.read_table(file)
    artifacts.write_table(file, change(seen))


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (
            "pairs.parquet",
            lambda t: t.assign(correct=t["correct"].where(t.index != 6)),
            "correct of seed 1, id 2 is not finite",
        ),
        (
            "prompts.parquet",
            lambda t: t.assign(gold_reward=t["gold_reward"].where(t.index != 21)),
            "gold_reward of seed 1, prompt_id p0, n 2 is not finite",
        ),
        ("pairs.parquet", lambda t: t[t["seed"] != 1], "seed 1: 0 rows"),
        ("prompts.parquet", lambda t: t[t["seed"] != 2], "seed 2: 0 rows"),
        ("pairs.parquet", lambda t: t.assign(seed=t["seed"] % 2), "seed 0: 8 rows"),
        ("pairs.parquet", lambda t: t.sample(frac=1, random_state=0), "in the same order"),
        ("pairs.parquet", lambda t: t.assign(id=[*t["id"][:-1], "other"]), "the same items"),
        ("pairs.parquet", lambda t: t.iloc[:-3], "seed 2: 1 rows"),
        (
            "pairs.parquet",
            lambda t: pd.concat([t, t[t["seed"] == 2].assign(seed=9)]),
            "its seeds ([0, 1, 2]",
        ),
        ("pairs.parquet", lambda t: t.sort_values("id", kind="stable"), "its seeds ([0, 1, 2]"),
    ],
)
def test_a_cell_that_lacks_a_value_or_a_seed_is_refused_with_its_file(
    tmp_path, fail, file, change, message
):
    folder = cell(tmp_path / "cell")
    spoil(folder / file, change)
    said = fail("table-1", "--cells", folder, "--out-dir", tmp_path / "paper")
    assert str(folder / file) in said
    assert message in said
    assert not (tmp_path / "paper").exists()


def test_a_nan_in_metrics_stops_the_table_with_the_files_name(tmp_path, fail):
    folder = cell(tmp_path / "cell")
    text = (folder / "metrics.json").read_text()
    (folder / "metrics.json").write_text(text.replace('"mean_gold": 0.0', '"mean_gold": NaN'))
    said = fail("table-1", "--cells", folder, "--out-dir", tmp_path / "paper")
    assert f"{folder}/metrics.json is damaged (it holds NaN" in said


def test_a_measure_is_missing_at_all_seeds_or_at_none():
    seen = pd.DataFrame({"budget": ["a", "a", "b", "b"], "fitted": [1.0, 3.0, np.nan, np.nan]})
    found = theory.over_seeds(seen, ["budget"], ["fitted"])
    assert found["fitted"].tolist()[0] == 2
    assert found.iloc[1].drop("budget").isna().all()
    seen.loc[0, "fitted"] = np.nan
    with pytest.raises(LensError, match="1 of 2 values to average"):
        theory.over_seeds(seen, ["budget"], ["fitted"])


RAISED = [
    {"flag": "not_above_chance", "detail": "53 of 100 pairs in order, p = 0.31", "seed": 0},
    {"flag": "not_above_chance", "detail": "51 of 100 pairs in order, p = 0.46", "seed": 2},
]


def test_table_1_marks_what_is_flagged_and_nothing_else(tmp_path):
    plain, flagged = cell(tmp_path / "l"), cell(tmp_path / "r", "repeat", flags=RAISED)

    def text(folders):
        cells = read_cells(folders)
        gold, accuracy = table_1.table_1(cells, {}), aggregate(cells, "correct")
        return table_1.printed(gold, accuracy, cells).markdown()

    marked = text([plain, flagged])
    assert "| Repeat (control)\N{DAGGER} |" in marked
    assert "| LENS " in marked
    assert marked.count("\N{DAGGER}") == 2  # the row and what the mark means
    assert "\N{DAGGER}" not in text([plain, cell(tmp_path / "r", "repeat")])


def test_table_1_of_one_seed_claims_nothing_of_others(tmp_path):
    made = np.random.default_rng(1).normal(size=(3, 10)), np.ones((3, 4))
    for seeds, said in (
        (1, "interval over test items]"),
        (3, "interval over seeds and test items]"),
    ):
        folder = write_cell(tmp_path / str(seeds), "repeat", 4, *(part[:seeds] for part in made))
        cells = read_cells([folder])
        gold, accuracy = table_1.table_1(cells, {}), aggregate(cells, "correct")
        text = table_1.printed(gold, accuracy, cells).markdown()
        assert said in text
        assert ("One seed" in text) == (seeds == 1)


def results(folder, raised=RAISED):
    """A run's folder with metrics of stages that look for flags, and of one that does not."""
    rows = (
        ("train_reward/d/m/n200/lens/x4", {"flags": list(raised)}),
        ("train_vae/d/m/n200/beta_9", {"flags": []}),
        ("train_text/d/m/n200/lora", {"by_scale": {"4": {"flags": list(raised)}}}),
        ("build_world", {"texts": 3}),
    )
    for place, metrics in rows:
        artifacts.write_metrics(folder / place / "metrics.json", {}, {}, metrics)
    constants = {
        "flags": ["p_not_positive"] if raised else [],
        "flag_meanings": {"p_not_positive": "the error does not fall"},
    }
    artifacts.write_json(folder / "theory/d/m/constants.json", constants)
    near = [{"flag": "near_duplicate_prompts", "detail": "2 of 9"}] if raised else []
    artifacts.write_metrics(folder / "prepare_pairs/d/report.json", {}, {}, {"flags": near})
    return folder


def test_flags_of_all_stages_are_gathered_with_their_places(tmp_path):
    found, looked = flags.gather(results(tmp_path))
    assert looked == 5  # not build_world
    columns = ["stage", "place", "flag", "scale", "seed"]
    found = found[columns].astype(object).where(found[columns].notna(), None)
    assert found.to_numpy().tolist() == [
        ["prepare_pairs", "d", "near_duplicate_prompts", None, None],
        ["theory", "d/m", "p_not_positive", None, None],
        ["train_reward", "d/m/n200/lens/x4", "not_above_chance", None, 0],
        ["train_reward", "d/m/n200/lens/x4", "not_above_chance", None, 2],
        ["train_text", "d/m/n200/lora", "not_above_chance", 4, 0],
        ["train_text", "d/m/n200/lora", "not_above_chance", 4, 2],
    ]


def test_the_first_page_says_what_to_beware_of(tmp_path):
    section = flags.section(*flags.gather(results(tmp_path)))
    assert section.paragraphs[0].startswith("4 of 5 jobs")
    assert section.points == [
        f"near duplicate prompts: {diagnostics.FLAGS['near_duplicate_prompts']}",
        "p not positive: the error does not fall.",
        f"not above chance: {diagnostics.FLAGS['not_above_chance']}",
    ]
    measured = "; ".join(flag["detail"] for flag in RAISED)
    where = "train-reward: d, m, N = 200, lens, 4x; train-text: d, m, N = 200, lora, 4x"
    assert section.table[1] == [
        ["near duplicate prompts", "prepare-pairs: d", "-", "2 of 9"],
        ["p not positive", "theory: d, m", "-", "-"],
        ["not above chance", where, "0, 2", measured],
    ]


def test_a_run_without_flags_says_so_in_a_sentence(tmp_path):
    section = flags.section(*flags.gather(results(tmp_path, raised=())))
    assert section.paragraphs[0].startswith("Nothing: 5 jobs checked")
    assert section.table is None
    assert not section.points


def write_run(folder):
    """60 pairs, half of them held out, whose embeddings know nothing of the labels; one of their
    features never varies. 8 prompts with 4 candidates each, of which one feature is the gold."""
    rng = np.random.default_rng(0)
    names = [f"a{i}" for i in range(60)]
    pairs = pd.DataFrame(
        {
            "id": names,
            "group": names,
            "prompt": "[]",
            "chosen": "x",
            "rejected": "y",
            "split": ["train"] * 30 + ["test"] * 30,
        }
    )
    pool = pd.DataFrame(
        {
            "prompt_id": np.repeat([f"p{i}" for i in range(8)], 4),
            "candidate": np.tile(range(4), 8),
            "response": "x",
        }
    )
    answers = rng.normal(size=(32, 5)).astype(np.float32)
    sides = {side: rng.normal(size=(60, 5)).astype(np.float32) for side in SIDES}
    for values in (answers, *sides.values()):
        values[:, 4] = 2.0
    for name, table, arrays in (("pairs", pairs, sides), ("pool", pool, {"candidates": answers})):
        artifacts.write_table(folder / f"{name}.parquet", table)
        about = {"rows_sha256": artifacts.sha256(folder / f"{name}.parquet")}
        artifacts.write_embeddings(folder / f"{name}.safetensors", arrays, "float32", about)
    gold = pool[["prompt_id", "candidate"]].assign(gold=answers[:, 0])
    artifacts.write_table(folder / "gold.parquet", gold)


def train_and_judge(lens, files, results, at):
    """The folders of a VAE whose posterior collapses, and of three methods' judged models."""
    pairs, counts = f"--pairs {files}/pairs.parquet", "--n-pairs 30 --seeds 4 5"
    data = f"{pairs} --embeddings {files}/pairs.safetensors {counts}"
    vae, judged = results / f"train_vae/{at}/standard", []
    training = "--beta 1000000.0 --epochs 40 --learning-rate 0.01"
    lens(*f"train-vae {data} {training} --out-dir {vae}".split())
    for method, scale in (("original", 1), ("repeat", 2), ("lens", 2)):
        reward = results / f"train_reward/{at}/{method}/x{scale}"
        cell = results / f"best_of_n/{at}/{method}/x{scale}"
        which = f"--method {method} --scale {scale}"
        more = f"--vae-dir {vae}" if method == "lens" else ""
        lens(*f"train-reward {data} {which} {more} --epochs 2 --out-dir {reward}".split())
        lens(
            *(
                f"best-of-n --models {reward}/seed_4.safetensors {reward}/seed_5.safetensors "
                f"{pairs} --pair-embeddings {files}/pairs.safetensors "
                f"--candidates {files}/pool.parquet --candidate-embeddings {files}/pool.safetensors"
                f" --gold {files}/gold.parquet --dataset d --model m {which} {counts} "
                f"--out-prompts {cell}/prompts.parquet --out-pairs {cell}/pairs.parquet "
                f"--metrics {cell}/metrics.json"
            ).split()
        )
        judged.append(cell)
    return vae, judged


@pytest.mark.slow
def test_a_dead_vae_and_a_coin_reach_the_first_page(tmp_path, lens):
    """By the stages' own commands: beta is so large that the posterior collapses, and the reward
    models learn nothing that holds for other pairs."""
    write_run(tmp_path)
    results, at = tmp_path / "results", "d/m/n30"
    vae, judged = train_and_judge(lens, tmp_path, results, at)
    paper = results / "paper"
    lens("table-1", "--cells", *judged, "--out-dir", paper)
    lens(
        *(
            f"overview --name r --results {results} --out-dir {paper} "
            f"--table-1 {paper}/table_1.csv --observations {paper}/table_1_observations.csv "
            f"--comparisons {paper}/table_1_comparisons.csv"
        ).split()
    )
    raised = artifacts.read_json(vae / "metrics.json")["metrics"]["flags"]
    assert [(flag["flag"], flag["seed"]) for flag in raised] == [
        (name, seed)
        for seed in (4, 5)
        for name in ("constant_features", "collapsed_posterior", "no_reconstruction")
    ]
    page = (paper / "overview.md").read_text()
    assert "7 of 7 jobs" in page
    rows = [line for line in page.splitlines() if line.startswith("| collapsed posterior")]
    assert len(rows) == 1
    assert "train-vae: d, m, N = 30, standard |  4, 5 | 0 of 16 units active" in rows[0]
    coins = artifacts.read_table(paper / "overview_flags.csv").query("flag == 'not_above_chance'")
    assert set(coins["place"]) <= {f"{at}/original/x1", f"{at}/repeat/x2", f"{at}/lens/x2"}
    assert len(coins) == 6
    assert (paper / "table_1.md").read_text().count("\N{DAGGER}") == 4
