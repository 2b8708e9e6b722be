"""Pairs as tasks for annotators, each with what a labelling tool needs to show them.

What comes back (Label Studio's and Argilla's exports, the CSV with its last column filled) is read
like any other preference data, with the ids given here.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd

from lens.core.seeds import derive_seed
from lens.data.texts.conversations import as_messages
from lens.files import artifacts

FORMATS = ("jsonl", "labelstudio", "argilla", "csv")
ANSWERS = ("response_a", "response_b")
LABEL_STUDIO = """<View>
  <Text name="prompt" value="$prompt"/>
  <View style="display: grid; grid-template-columns: 1fr 1fr; column-gap: 1em">
    <View><Header value="A"/><Text name="response_a" value="$response_a"/></View>
    <View><Header value="B"/><Text name="response_b" value="$response_b"/></View>
  </View>
  <Header value="Which answer is better?"/>
  <Choices name="preference" toName="prompt" choice="single-radio" required="true">
    <Choice value="response_a" hotkey="1"/>
    <Choice value="response_b" hotkey="2"/>
    <Choice value="tie" hotkey="3"/>
  </Choices>
</View>
"""
ARGILLA = '''"""Puts the pairs of {tasks} into a new dataset of Argilla 2: pip install argilla, then
run this with ARGILLA_API_URL and ARGILLA_API_KEY set."""

import json
import os
from pathlib import Path

import argilla as rg

client = rg.Argilla(api_url=os.environ["ARGILLA_API_URL"], api_key=os.environ["ARGILLA_API_KEY"])
settings = rg.Settings(
    guidelines="Which of the two answers to the prompt is better?",
    fields=[rg.TextField(name=name) for name in ("prompt", "response_a", "response_b")],
    questions=[
        rg.LabelQuestion(name="preference", labels=["response_a", "response_b", "tie"])
    ],
)
dataset = rg.Dataset(name={name!r}, settings=settings, client=client)
dataset.create()
dataset.records.log(json.loads(Path(__file__).with_name({tasks!r}).read_text(encoding="utf-8")))
'''


def tasks(pairs: pd.DataFrame) -> list[dict]:
    """Pairs (id, prompt, first, second) as {id, prompt, response_a, response_b}; half of them, by
    their id, with sides exchanged, so that no side is the better one more often."""
    rows = []
    for pair in pairs.itertuples():
        turned = derive_seed("side", pair.id) % 2
        sides = (pair.second, pair.first) if turned else (pair.first, pair.second)
        shown = prompt_text(json.loads(str(pair.prompt)))
        rows.append({"id": pair.id, "prompt": shown} | dict(zip(ANSWERS, sides, strict=True)))
    return rows


def prompt_text(messages: list[dict]) -> str:
    """A prompt as text that is read as the same messages: a single turn as it is, a conversation
    as "Human: ... Assistant: ...", and where neither can be, JSON."""
    marks = {"user": "Human", "assistant": "Assistant"}
    texts = [messages[0]["content"]] if len(messages) == 1 else []
    if all(message["role"] in marks for message in messages):
        turns = (f"\n\n{marks[m['role']]}: {m['content']}" for m in messages)
        texts.append("".join(turns))
    for text in texts:
        if isinstance(text, str) and as_messages(text) == messages:
            return text
    return json.dumps(messages, ensure_ascii=False)


def write(path: str | Path, rows: list[dict], form: str) -> list[Path]:
    """Writes tasks in one of FORMATS, and next to them what sets the tool up; returns the files."""
    path = Path(path)
    if form == "csv":
        artifacts.write_text(path, _csv(rows))
        return [path]
    if form == "labelstudio":
        artifacts.write_text(path, _json([{"data": task} for task in rows]))
        config = path.with_suffix(".config.xml")
        artifacts.write_text(config, LABEL_STUDIO)
        return [path, config]
    if form == "argilla":
        artifacts.write_text(path, _json(rows))
        script = path.with_suffix(".argilla.py")
        artifacts.write_text(script, ARGILLA.format(tasks=path.name, name=path.stem))
        return [path, script]
    artifacts.write_text(path, "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in rows))
    return [path]


def _json(value: list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _csv(rows: list[dict]) -> str:
    """With an empty last column for the winner: a, b or tie."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "prompt", *ANSWERS, "winner"], restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
