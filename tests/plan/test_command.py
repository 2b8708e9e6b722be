"""The command `lens plan` and the rule `plan`."""

import json
import re

import pytest
import yaml

from lens.cli import main
from lens.core.errors import LensError
from lens.plan import graph
from tests.helpers.workflow_tools import ROOT, SMALL, snakemake


@pytest.mark.slow
def test_what_is_done_is_not_counted(tmp_path, monkeypatch, capsys):
    given = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(SMALL)]
    target = "results/small/build_world/truth.json"
    done = snakemake("--cores", "1", "--configfile", SMALL, "--", target, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    main(["plan", *given, "--out", "rest.json", "rest.md"])
    shown = capsys.readouterr().out
    main(["plan", *given, "--everything", "--out", "all.json"])
    rest, everything = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("rest", "all"))
    assert "build_world" not in rest["stages"]
    assert everything["total"]["jobs"] == rest["total"]["jobs"] + 1
    assert list(everything["measured"]) == ["build_world"]
    assert shown.startswith("## Run small\n\n| stage ")
    assert (tmp_path / "rest.md").read_text() == shown
    assert "The longest chain" in shown
    capsys.readouterr()
    main(["plan", *given, "--check", "results/small", "--out", "checked.md"])
    [line] = re.findall(r"^\| build_world .*", capsys.readouterr().out, re.MULTILINE)
    ratio = float(line.strip("| ").split()[-1])
    assert ratio * everything["measured"]["build_world"] == pytest.approx(1, abs=0.02)
    with pytest.raises(SystemExit, match=r"are of the run small.*--check results/small"):
        main(["plan", *given, "--check", "results/demo"])
    other = tmp_path / "other.yaml"
    other.write_text("run: other\n")
    main(["plan", *given, str(other), "--out", "other.json", "--earlier", str(SMALL)])
    with pytest.raises(SystemExit, match=r"no job of it has been measured.*snakemake"):
        main(["plan", *given, str(other), "--check", "results/other"])
    other = json.loads((tmp_path / "other.json").read_text())
    took, seconds = (plan["stages"]["build_world"]["seconds"] for plan in (everything, other))
    assert seconds == pytest.approx(took)


@pytest.mark.slow
def test_the_rule_writes_the_plan_of_its_own_config(tmp_path):
    given = ["--cores", "1", "--configfile", SMALL, "--config", "run=other"]
    done = snakemake(*given, "--", "results/other/plan.json", directory=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "results/other/plan.json").read_text())
    assert plan["run"] == "other"
    assert plan["stages"]["train_vae"]["jobs"] == 4
    assert "plan" not in plan["stages"]
    assert (tmp_path / "results/other/plan.md").read_text().startswith("## Run other")
    assert not (tmp_path / "results/other/build_world").exists()


@pytest.mark.slow
def test_errors_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LensError, match='"Snakefile" not found'):
        graph.resolve("Snakefile")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump({"compare": {"datasets": ["nowhere"]}}))
    with pytest.raises(LensError, match=r"compare.datasets names \['nowhere'\]"):
        graph.resolve(ROOT / "Snakefile", configfiles=[wrong])
    with pytest.raises(SystemExit, match=r"plan\.txt: the plan is written as \.md or \.json"):
        main(["plan", "--out", "plan.txt"])
