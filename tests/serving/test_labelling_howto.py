"""The how-to from a labelling tool to a reward model, its commands run as they stand."""

import json
import re
import shlex

import pytest

from lens.files import artifacts
from tests.helpers.word_pairs import some_rows
from tests.helpers.workflow_tools import ROOT

HOWTO = (ROOT / "docs/howto.md").read_text()
SECTION = HOWTO.split("## From a labelling tool to a reward model")[1].split("\n## ")[0]
VOTES = (["left"], ["left", "left", "right"], ["left", "right"], ["right", "right", "left"])


def label_studio(rows):
    """An export of a pairwise task with one to three annotators."""
    for number, row in enumerate(rows):
        sides = VOTES[number % 4]
        turn = number % 2
        annotations = [
            {
                "completed_by": by,
                "was_cancelled": False,
                "result": [
                    {
                        "from_name": "better",
                        "to_name": "answer1,answer2",
                        "type": "pairwise",
                        "value": {
                            "selected": side if not turn else {"left": "right"}.get(side, "left")
                        },
                    }
                ],
            }
            for by, side in enumerate(sides)
        ]
        first, second = (
            (row["rejected"], row["chosen"]) if turn else (row["chosen"], row["rejected"])
        )
        data = {"prompt": row["prompt"], "answer1": first, "answer2": second}
        yield {"id": number, "data": data, "annotations": annotations, "predictions": []}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, llama_folder):
    """What the section's commands leave behind, run in a folder with an export and an encoder."""
    from lens.cli import main

    folder = tmp_path_factory.mktemp("labels")
    rows = list(some_rows(48))
    (folder / "export.json").write_text(json.dumps(list(label_studio(rows))))
    answers = [{"prompt": row["prompt"], "response": row["chosen"]} for row in rows[:3]]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    (folder / "encoder").symlink_to(llama_folder)
    [commands] = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in commands.splitlines():
            program, *arguments = shlex.split(command, comments=True)
            assert program == "lens"
            main(arguments)
    return folder


@pytest.mark.slow
def test_the_commands_lead_to_a_reward_model(workplace):
    card = artifacts.read_json(workplace / "reward/config.json")
    assert card["data"]["form"]["form"] == "judgements"
    assert card["data"]["form"]["judgements"] == {"annotators": 3, "votes": 108}
    assert card["data"]["pairs"] == 48


@pytest.mark.slow
def test_the_advice_compares_hard_and_soft_labels(workplace):
    advice = artifacts.read_json(workplace / "advice/advice.json")
    assert advice["data"]["label_counts"] == {"pairs": 48, "graded": 36, "ties": 12}
    assert advice["pairs"] == 36
    assert {each["method"] for each in advice["soft_labels"]} >= {"evidence_probe", "original"}
    assert "Soft labels" in (workplace / "advice/advice.txt").read_text()
    table = artifacts.read_table(workplace / "advice/pairs.parquet")
    assert {round(label, 3) for label in table["label"]} == {1, 0.667, 0.5}
    assert set(table["side"]) == {"first", "second"}


@pytest.mark.slow
def test_labels_of_an_advice_may_be_asked_for(workplace, lens, capsys):
    """Hard labels alone, and a fit on soft ones without an advice."""
    export, encoder = workplace / "export.json", workplace / "encoder"
    common = [export, "--model", encoder, "--device", "cpu"]
    hard = ["--scales", 2, "--rounds", 1, "--labels", "hard", "--out", workplace / "hard"]
    lens("advise", *common, *hard)
    assert "soft_labels" not in artifacts.read_json(workplace / "hard/advice.json")
    lens("fit", *common, "--labels", "soft", "--out", workplace / "soft")
    card = artifacts.read_json(workplace / "soft/config.json")
    assert card["recipe"]["labels"] == "soft"
    assert "evidence probe, soft" in (workplace / "soft/README.md").read_text()
