"""The tutorial's commands, run in their order as a reader would."""

import re

import pytest

from tests.helpers.pages import blocks, run
from tests.helpers.workflow_tools import ROOT

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What every sh and python block prints, by its first line."""
    folder = tmp_path_factory.mktemp("tutorial")
    found = {}
    for language, code in blocks(TUTORIAL):
        if language in ("sh", "python") and not code.startswith("make .venv/installed"):
            found[code.splitlines()[0]] = run(language, code, folder)
    return found


def shown_after(line):
    """The lines of the output that the page shows behind a command."""
    [(_, shown)] = re.findall(
        rf"^```sh\n{re.escape(line)}\n```\n(.*?)^```text\n(.*?)^```$",
        TUTORIAL,
        re.MULTILINE | re.DOTALL,
    )
    return shown.splitlines()


def test_check_says_what_the_page_shows(outputs):
    line = "lens check data replies.csv"
    assert outputs[line].splitlines() == shown_after(line)


def masks(text):
    """A line with # for its figures and for the recipe that is best."""
    text = re.sub(
        r"^(?:(Recommended: ).*?(?= \()|.*(?=, \d+ pairs; on held-out prompts))", r"\1#", text
    )
    return re.sub(r"\d+(\.\d+)?( s| min)?", "#", text)


@pytest.mark.parametrize(
    "line",
    [
        "lens advise replies.csv --model encoder --scales 4 --rounds 3",
        "lens fit --advice advice --out reward",
    ],
)
def test_outputs_have_the_shape_that_the_page_shows(outputs, line):
    """Figures may differ from machine to machine, and with them what is best; the rest may not."""
    masked = [
        {masks(text).split("#")[0].strip() for text in lines}
        for lines in (outputs[line].splitlines(), shown_after(line))
    ]
    missing = masked[1] - masked[0]
    assert not {text for text in missing if not text.startswith(("More labels", "Settings"))}, (
        missing
    )


def test_the_model_prefers_the_better_answer(outputs):
    printed = outputs["import lens"].splitlines()
    good, bad = map(float, re.findall(r"-?\d+\.\d+", printed[0]))
    assert good > bad
    assert '"best": 1' in outputs[next(line for line in outputs if line.startswith("echo"))]
