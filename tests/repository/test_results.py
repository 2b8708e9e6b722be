"""docs/results.md and README.md tell of one run, and of the settings that the project has now."""

import importlib.util
import re
import shutil

from tests.helpers.workflow_tools import ROOT


def script():
    spec = importlib.util.spec_from_file_location("make_results", ROOT / "docs/make_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(page):
    own = script()
    return (ROOT / page).read_text(encoding="utf-8").split(own.BEGIN)[1].split(own.END)[0]


def rows(text):
    lines = [line.replace("\N{DAGGER}", "") for line in text.splitlines() if "|" in line]
    cells = [re.split(r" *\| *", line.strip("| ")) for line in lines]
    return [row for row in cells if not row[0].startswith((":", "method"))]


def test_the_page_is_of_the_settings_as_they_are():
    runs, stamp = re.search(
        r"Runs: ([\w, ]+)\. Settings: (\w+)\.", made("docs/results.md")
    ).groups()
    assert script().settings_stamp(runs.split(", ")) == stamp, (
        "the real runs' settings changed: run `make real DATA=FOLDER`, then "
        "`python docs/make_results.py RUN ...`"
    )


def test_the_stamp_follows_sizes_but_no_comments(tmp_path):
    def stamp():
        return script().settings_stamp(["real", "real_pool"], tmp_path)

    for name in ("workflow/configs", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    config, data = tmp_path / "workflow/configs/real.yaml", tmp_path / "benchmarks/real_data.py"
    stamps = [stamp()]
    config.write_text("# more\n" + config.read_text())
    data.write_text(data.read_text() + "\n# more\n")
    assert stamp() == stamps[0]
    config.write_text(config.read_text().replace("seeds: [0,", "seeds: [7,"))
    stamps.append(stamp())
    data.write_text(data.read_text().replace("LONGEST = ", "LONGEST = 1 + "))
    stamps.append(stamp())
    assert len(set(stamps)) == 3


def test_the_readme_s_rows_are_the_page_s():
    page = rows(made("docs/results.md"))
    first = rows(made("README.md"))
    assert len(first) == 5
    for row in first:
        assert any(set(row) <= set(other) for other in page), row
