"""Rows of the forms in which people keep pairs, and what is read of them."""

import numpy as np

from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


GOOD, BAD = said("good"), said("bad")


HH = "\n\nHuman: q\n\nAssistant:"


ASKED = [user("q")]


FULL = [system("Be so."), user("a"), said("b"), user("q")]


def read(*rows, columns=None, rule="all"):
    """The table of pairs and the report."""
    places = [(f"own data.jsonl, row {number}", row) for number, row in enumerate(rows, 1)]
    pairs, form = to_pairs(places, columns=columns, pair_rule=rule)
    return normalise_pairs(pairs)[0], form


PAIRS = {
    "TRL": ({"prompt": ASKED, "chosen": [GOOD], "rejected": [BAD]}, ASKED),
    "one message a side": ({"prompt": ASKED, "chosen": GOOD, "rejected": BAD}, ASKED),
    "HH prompt and whole sides": (
        {"prompt": HH, "chosen": f"{HH} good", "rejected": f"{HH} bad"},
        ASKED,
    ),
    "a transcript without leading breaks": (
        {"prompt": HH.lstrip(), "chosen": "good", "rejected": "bad"},
        ASKED,
    ),
    "whole transcripts without leading breaks": (
        {"chosen": HH.lstrip() + " good", "rejected": HH.lstrip() + " bad"},
        ASKED,
    ),
    "one line break between turns": (
        {"prompt": "Human: a\nAssistant: b\nHuman: q\nAssistant:", "chosen": "good"}
        | {"rejected": "bad"},
        [user("a"), said("b"), user("q")],
    ),
    "HelpSteer's turns": (
        {"prompt": "a\n<extra_id_1>Assistant\nb\n<extra_id_1>User\nq", "chosen": "good"}
        | {"rejected": "bad"},
        [user("a"), said("b"), user("q")],
    ),
    "ShareGPT": (
        {
            "conversations": [
                {"from": "system", "value": "Be so."},
                {"from": "human", "value": "a"},
                {"from": "gpt", "value": "b"},
                {"from": "human", "value": "q"},
            ],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        },
        FULL,
    ),
    "OpenAI's preference file": (
        {
            "input": {
                "messages": [{"role": "developer", "content": "Be so."}, *FULL[1:]],
                "tools": [],
            },
            "preferred_output": [GOOD],
            "non_preferred_output": [BAD],
        },
        FULL,
    ),
    "ms-swift": ({"messages": [*FULL, GOOD], "rejected_response": "bad"}, FULL),
    "ms-swift, messages": ({"messages": [*FULL, GOOD], "rejected_messages": [*FULL, BAD]}, FULL),
    "ms-swift, query": (
        {
            "system": "Be so.",
            "history": [["a", "b"]],
            "query": "q",
            "response": "good",
            "rejected_response": "bad",
        },
        FULL,
    ),
    "LLaMA-Factory": (
        {
            "system": "Be so.",
            "history": [["a", "b"]],
            "instruction": "q",
            "input": "",
            "chosen": "good",
            "rejected": "bad",
        },
        FULL,
    ),
    "LLaMA-Factory, older": (
        {"instruction": "q", "input": "", "output": ["good", "bad"], "history": []},
        ASKED,
    ),
    "content in parts": (
        {
            "prompt": [{"role": "user", "content": [{"type": "text", "text": "q"}]}],
            "chosen": [{"role": "assistant", "content": [{"type": "text", "text": "good"}]}],
            "rejected": [{"role": "assistant", "content": "bad"}],
        },
        ASKED,
    ),
    "the system turn in the prompt alone": (
        {
            "prompt": [system("Be so."), user("q")],
            "chosen": [*ASKED, GOOD],
            "rejected": [*ASKED, BAD],
        },
        [system("Be so."), user("q")],
    ),
    "earlier turns in the prompt alone": (
        {"prompt": FULL, "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD]},
        FULL,
    ),
    "the prompt is the first turn only": (
        {"prompt": "a", "chosen": [*FULL[1:], GOOD], "rejected": [*FULL[1:], BAD]},
        FULL[1:],
    ),
    "earlier turns that end with an answer": (
        {"prompt": FULL[1:3], "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD]},
        FULL[1:],
    ),
    "a prompt with the marks of a template": (
        {"prompt": "<|im_start|>user\nq<|im_end|>", "chosen": [*ASKED, GOOD]}
        | {"rejected": [*ASKED, BAD]},
        ASKED,
    ),
    "a system column": (
        {"system": "Be so.", "question": "q", "chosen": "good", "rejected": "bad"},
        [system("Be so."), user("q")],
    ),
    "Gemini's system instruction": (
        {
            "systemInstruction": {"parts": [{"text": "Be so."}]},
            "contents": [{"role": "user", "parts": [{"text": "q"}]}],
            "chosen": {"role": "model", "parts": [{"text": "good"}]},
            "rejected": {"role": "model", "parts": [{"text": "bad"}]},
        },
        [system("Be so."), user("q")],
    ),
    "context and question": (
        {"context": "c", "question": "q", "chosen": "good", "rejected": "bad"},
        [user("c\n\nq")],
    ),
    "instruction and input": (
        {"instruction": "do", "input": "it", "chosen": "good", "rejected": "bad"},
        [user("do\n\nit")],
    ),
    "a history of messages": (
        {"history": FULL[1:3], "prompt": "q", "chosen": "good", "rejected": "bad"},
        FULL[1:],
    ),
    "other names for the sides": (
        {"question": "q", "response_chosen": "good", "response_rejected": "bad"},
        ASKED,
    ),
    "DPO's letters": ({"prompt": "q", "y_w": "good", "y_l": "bad"}, ASKED),
    "capitals and blanks": ({" Prompt ": "q", "CHOSEN": "good", "Rejected": "bad"}, ASKED),
    "messages as pandas prints them": (
        {
            "prompt": "q",
            "chosen": str([user("q"), GOOD]),
            "rejected": str(np.array([user("q"), BAD], dtype=object)),
        },
        ASKED,
    ),
    "an array of messages": (
        {"prompt": "q", "chosen": np.array([GOOD], object), "rejected": np.array([BAD], object)},
        ASKED,
    ),
    "one text in a list": ({"prompt": ["q"], "chosen": ["good"], "rejected": ["bad"]}, ASKED),
}
