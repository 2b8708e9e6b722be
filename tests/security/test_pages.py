"""Markup, commands for terminals and formulas in data or configs: shown as text wherever they are
shown."""

import csv
import json
from types import SimpleNamespace

import pytest
import yaml

from lens.report.render import escape_markdown
from lens.serving import model_card
from lens.textspace.endpoint import ask_endpoint
from tests.helpers.judge_server import server
from tests.helpers.report_page import opened
from tests.helpers.workflow_tools import ROOT, jobs, snakemake

MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(2)> ' \" & {{ 7*7 }} `"
NAMES = (
    MARKUP,
    "a\nlicense: mit",
    'a"\n---\n# x',
    "a\\",
    "a\x85b: c",
    "a\u2028b: c",
    "a\0\x1b[2J",
    "\U0001f642: {x}",
)
STEERING = {"\x1b[2J\x1b]0;owned\x07": r"\x1b[2J\x1b]0;owned\x07", "\u202ex": r"\u202ex"}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Snakemake's report of a run with markup in every free text of its config that may have some;
    the files are made up, what Snakemake notes about their jobs is not."""
    folder = tmp_path_factory.mktemp("markup")
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text("{}")
    (folder / "a ' & \" b.jsonl").write_text("{}\n")
    path = str(folder / "a ' & \" b.jsonl")
    own = {
        "path": path,
        "columns": {"prompt": MARKUP},
        "where": {MARKUP: MARKUP},
        "keep_prefix": MARKUP,
    }
    load = {"model": str(folder / "model"), "revision": MARKUP, "device": MARKUP}
    change = {
        "compare": {"datasets": ["own"], "models": ["m"]},
        "artefacts": ["table_1", "rewardbench_safety"],
        "textual": {"methods": []},
        "reward_bench": {"dataset": "own", "model": "m", "path": path, "revision": MARKUP},
        "datasets": {
            "own": {"pairs": own, "pool": {"path": path, "gold": True, "gold_field": MARKUP}}
        },
        "models": {"m": {"gpu": 0, "load": load, "embedding": {}}},
    }
    (folder / "change.yaml").write_text(json.dumps(change))
    configs = ("--configfile", ROOT / "tests/small.yaml", folder / "change.yaml")
    listing = snakemake(
        "-n", *configs, "--config", 'artefacts=["table_1", "rewardbench_safety"]', directory=folder
    )
    assert listing.returncode == 0, listing.stdout + listing.stderr
    for _, _, outputs in jobs(listing.stdout):
        for output in outputs:
            (folder / output).parent.mkdir(parents=True, exist_ok=True)
            (folder / output).write_text("made up")
    for what in (("--touch", "--forceall", "--cores", "1"), ("--report", "report.html")):
        made = snakemake("paper", *what, *configs, directory=folder)
        assert made.returncode == 0, made.stdout + made.stderr
    assert "Missing metadata" not in made.stderr
    return folder / "report.html"


@pytest.mark.slow
def test_no_text_of_a_config_becomes_markup_in_the_report(report):
    page = report.read_text()
    assert "--section" in page, "parameters stand in it"
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    with opened(report) as (shown, troubles):
        shown.locator("nav").first.inner_text()
        assert not troubles


def card(name=MARKUP):
    """A reward model whose texts are what strangers may have chosen."""
    names = (
        "calibration_error",
        "calibration_error_uncalibrated",
        "calibration_error_by_chance",
        "log_loss",
        "log_loss_uncalibrated",
    )
    held = {"rounds": 1, "reliability": [], "accuracy": dict.fromkeys(("mean", "low", "high"), 0.5)}
    held |= dict.fromkeys(names, 0.1)
    data = {
        "pairs": 1,
        "prompts": 1,
        "rows": 1,
        "source": MARKUP,
        "dropped": {MARKUP: 1},
        "form": {"form": "pairs", "ties": 0},
        "sha256": "0",
    }
    about = {
        "recipe": {"method": "original", "scale": 1},
        "held_out": held,
        "data": data,
        "command": f"lens fit {MARKUP} ```\n# Title",
        "seed": 0,
        "temperature": 1.0,
        "versions": {},
    }
    encoder = SimpleNamespace(model=name, as_dict=lambda: {"model": name, "revision": MARKUP})
    return model_card.model_card(SimpleNamespace(card=about, encoder=encoder))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_card_s_metadata_hold_any_name(name):
    _, front, _ = card(name).split("---\n", 2)
    assert yaml.safe_load(front) == {"tags": ["reward-model", "lens"], "base_model": name}


def test_a_model_card_shows_markup_as_text():
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").render(card().split("---\n", 2)[2])
    for tag in ("<script", "<img"):
        assert tag not in html
    assert html.count("<h1>") == 1
    assert html.count("&lt;/script&gt;") >= 3


def test_no_line_break_leaves_a_markdown_cell():
    for end in ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"):
        assert len(escape_markdown(f"a{end}b").splitlines()) == 1


def test_data_in_a_message_cannot_steer_the_terminal(fail, tmp_path):
    for name, said in STEERING.items():
        message = fail("check", tmp_path / f"{name}.jsonl")
        assert said in message
        assert name not in message


@pytest.mark.slow
def test_a_server_cannot_steer_the_terminal(tmp_path, capsys):
    pytest.importorskip("openai")
    with server(lambda text, times: (200, {}, "\x1b[2Jgone\x1b[0m")) as (base_url, _):
        answers = ask_endpoint(
            ["x"], base_url=base_url, model="judge", cache=tmp_path / "a.jsonl", retries=0
        )
    assert answers == [None]
    said = capsys.readouterr().err
    assert r"\x1b[2Jgone" in said
    assert "\x1b" not in said


def test_a_tracker_writes_below_its_folder(tmp_path, monkeypatch):
    from lens.files.tracking import track

    monkeypatch.setenv("LENS_TRACK", "tensorboard")
    monkeypatch.setenv("LENS_TRACK_DIR", str(tmp_path / "x/y/runs"))
    for name in ("a/../../../out", "../out", "/out", "./.././out"):
        track(name, {}, {"loss": 1.0})
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 4
    assert all(path.is_relative_to(tmp_path / "x/y/runs") for path in written)


def test_csv_keeps_data_as_they_are(tmp_path):
    """A spreadsheet may take a text for a formula: docs/security.md says so. Nothing is changed,
    since numbers and ids must come back as they went."""
    import pandas as pd

    from lens.files import artifacts

    ids = ["=1+1", "-2", "@x"]
    artifacts.write_table(tmp_path / "t.csv", pd.DataFrame({"id": ids, "value": [-1.5, 2, 3]}))
    with open(tmp_path / "t.csv", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ids
