"""docs/results.md and README.md tell of one run, and of the settings that the project has now."""

import importlib.util
import re
import shutil

import pytest

from lens.files.artifacts import read_table
from tests.helpers.workflow_tools import ROOT


def script():
    spec = importlib.util.spec_from_file_location("make_results", ROOT / "docs/make_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(page, begin=None):
    own = script()
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.split(begin or own.BEGIN)[1].split(own.END)[0]


def rows(text):
    lines = [line.replace("\N{DAGGER}", "") for line in text.splitlines() if "|" in line]
    cells = [re.split(r" *\| *", line.strip("| ")) for line in lines]
    return [row for row in cells if not row[0].startswith((":", "method"))]


@pytest.mark.parametrize("begin", [script().BEGIN, script().BEGIN_TEXT])
def test_the_page_is_of_the_settings_as_they_are(begin):
    runs, stamp = re.search(
        r"Runs: ([\w, ]+)\. Settings: (\w+)\.", made("docs/results.md", begin)
    ).groups()
    assert script().settings_stamp(runs.split(", ")) == stamp, (
        "the real runs' settings changed: run `make real ...` or `make real-text ...`, then "
        "`python docs/make_results.py RUN ...`"
    )


def test_the_rows_of_text_space_are_those_of_the_whole_table():
    whole = read_table(ROOT / "docs/results_real_text.csv").astype(str)
    names = ["method", "scale", "pair accuracy %", "pair accuracy % vs repeat"]
    names += ["gold reward", "gold reward vs repeat"]
    known = {tuple(row) for row in rows(whole[names].to_csv(sep="|", index=False))}
    shown = set(map(tuple, rows(made("docs/results.md", script().BEGIN_TEXT))))
    assert len(shown) > 5
    assert shown <= known


def test_the_stamp_follows_sizes_but_no_comments(tmp_path):
    def stamp():
        return script().settings_stamp(["real", "real_pool"], tmp_path)

    for name in ("workflow/configs", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    config, data = tmp_path / "workflow/configs/real.yaml", tmp_path / "benchmarks/real_data.py"
    stamps = [stamp()]
    config.write_text("# more\n" + config.read_text())
    config.write_text(config.read_text().replace("written: ", "written: 1"))  # for lens plan
    data.write_text(data.read_text() + "\n# more\n")
    assert stamp() == stamps[0]
    config.write_text(config.read_text().replace("seeds: [0,", "seeds: [7,"))
    stamps.append(stamp())
    data.write_text(data.read_text().replace("LONGEST_GOLD = ", "LONGEST_GOLD = 1 + "))
    stamps.append(stamp())
    assert len(set(stamps)) == 3


def test_the_readme_s_rows_are_the_page_s():
    page = rows(made("docs/results.md"))
    first = rows(made("README.md"))
    assert len(first) == 5
    for row in first:
        assert any(set(row) <= set(other) for other in page), row


def test_the_page_s_rows_are_those_of_the_whole_table():
    text = made("docs/results.md")
    [runs] = re.findall(r"^Runs: ([\w, ]+)\.", text, re.MULTILINE)
    kept, known = ["method", "scale", "pair accuracy %", "gold reward", "VAE explains %"], set()
    versus = ["method", "scale", "pair accuracy %", "pair accuracy % vs repeat", "VAE explains %"]
    beside = set()
    for run in runs.split(", "):
        whole = read_table(ROOT / f"docs/results_{run}.csv").map(
            lambda cell: str(cell).replace("\N{DAGGER}", "")
        )
        known |= set(whole[kept].itertuples(index=False, name=None))
        for name, scale, accuracy, difference, explained in whole[versus].itertuples(index=False):
            share = f", VAE {explained} %" * (explained != "-")
            beside.add((name, scale, f"{accuracy.split(' [')[0]} ({difference}){share}"))
        lens = whole["method"].str.contains("LENS") & ~whole["method"].str.contains(
            "+", regex=False
        )
        assert (whole.loc[lens, "VAE explains %"] != "-").all()
    of_cells = [row for row in rows(text) if "(" in row[2]]
    shown = {(row[0], row[1], row[2], row[4], row[6]) for row in rows(text) if row not in of_cells}
    assert shown
    assert shown <= known
    assert {(row[0], row[1], cell) for row in of_cells for cell in row[2:]} <= beside


def test_data_sets_and_models_stand_side_by_side():
    header = ["method", "scale", "gold reward", "vs repeat", "pair accuracy %", "vs repeat"]
    tables = [
        (
            f"{name}, m, N = 300: best of 3",
            [
                [*header, "VAE explains %"],
                ["Original", "1x", "1", "+9", f"{accuracy} [50.0, 70.0]", "+1.0 [-1.0, +3.0]", "-"],
                ["Repeat (control)", "4x", "1", "+9", "57.0", "-", "-"],
                ["LENS", "2x", "1", "+9", "51.0", "-", "3.4"],
                ["LENS\N{DAGGER}", "4x", "1", "+9", "52.0 [40.0, 60.0]", "-", "3.4"],
                ["LENS, converged VAE", "4x", "1", "+9", "53.0", "-", "60.1"],
                ["Gaussian sampling", "4x", "1", "+9", "54.0", "-", "-"],
                ["Evidence probe", "1x", "1", "+9", "55.0", "-", "-"],
            ],
        )
        for name, accuracy in (("a", "60.0"), ("b", "61.0"))
    ]
    assert script().side_by_side(tables) == (
        ["method", "scale", "a, m", "b, m"],
        [
            ["Original", "1x", "60.0 (+1.0 [-1.0, +3.0])", "61.0 (+1.0 [-1.0, +3.0])"],
            ["Repeat (control)", "4x", *2 * ["57.0 (-)"]],
            ["LENS", "4x", *2 * ["52.0\N{DAGGER} (-), VAE 3.4 %"]],
            ["LENS, converged VAE", "4x", *2 * ["53.0 (-), VAE 60.1 %"]],
            ["Evidence probe", "1x", *2 * ["55.0 (-)"]],
        ],
    )


def test_the_page_shows_300_pairs_at_the_largest_scale_and_the_file_all(tmp_path, monkeypatch):
    table = """**a, m, N = 5: best of 3**

| method | scale | gold reward | vs repeat | pair accuracy % | vs repeat | VAE explains % |
| :----- | ----: | ----------: | --------: | --------------: | --------: | -------------: |
| plain  |    1x |           0 |         - |              50 |         - | - |

**a, m, N = 300: best of 3**

| method | scale | gold reward | vs repeat | pair accuracy % | vs repeat | VAE explains % |
| :----- | ----: | ----------: | --------: | --------------: | --------: | -------------: |
| plain  |    1x |           1 |         - |              51 |         - | - |
| lens   |    4x |           2 |        +2 |              52 |        +3 | 9 |
| lens   |   16x |           3 |        +4 |              53 |        +5 | 9 |

**a, m, N = 1,300: best of 3**

| method | scale | gold reward | vs repeat | pair accuracy % | vs repeat | VAE explains % |
| :----- | ----: | ----------: | --------: | --------------: | --------: | -------------: |
| plain  |    1x |           4 |         - |              54 |         - | - |

Mean.
"""
    (tmp_path / "r/paper").mkdir(parents=True)
    (tmp_path / "r/paper/table_1.md").write_text(table)
    own = script()
    monkeypatch.setattr(own, "RESULTS", tmp_path)
    [(title, cells)] = own.of_a_few_hundred(own.blocks("r"))
    assert title == "a, m, N = 300: best of 3"
    header, *shown = own.at_largest_scale(cells)
    assert own.columns([header, *shown])[1] == [
        ["plain", "1x", "51", "-", "1", "-", "-"],
        ["lens", "16x", "53", "+5", "3", "+4", "9"],
    ]
    whole = own.all_rows("r")
    assert whole["setting"].tolist() == [
        "a, m, N = 5",
        *3 * ["a, m, N = 300"],
        "a, m, N = 1,300",
    ]
    assert whole["pair accuracy % vs repeat"].tolist() == ["-", "-", "+3", "+5", "-"]
    assert whole["gold reward vs repeat"].tolist() == ["-", "-", "+2", "+4", "-"]
