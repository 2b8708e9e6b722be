"""Rows with a list of answers."""

import numpy as np

from tests.helpers.pair_rows import user

ANSWERS = ["bad", "fair", "good"]


def objects(**fields):
    return [
        {"text": text} | {name: values[place] for name, values in fields.items()}
        for place, text in enumerate(ANSWERS)
    ]


LISTS = {
    "ratings": {"prompt": "q", "responses": ANSWERS, "ratings": [1, 2, 3]},
    "ratings in words": {"prompt": "q", "responses": ANSWERS, "scores": ["1", "2.5", "3"]},
    "ranks": {"prompt": "q", "responses": ANSWERS, "ranks": [3, 2, 1]},
    "an order": {"prompt": "q", "responses": ANSWERS, "order": [3, 2, 1]},
    "an order from 0": {"prompt": "q", "responses": ANSWERS, "order": [2, 1, 0]},
    "an order of letters": {"prompt": "q", "responses": ANSWERS, "ranking": ["C", "B", "A"]},
    "an order of names": {
        "prompt": "q",
        "responses": ANSWERS,
        "ranking": ["response-3", "response-2", "response-1"],
    },
    "an order in one text": {"prompt": "q", "responses": ANSWERS, "ranking": "C > B > A"},
    "a ranking that is its own order": {"prompt": "q", "responses": ANSWERS, "ranking": [3, 2, 1]},
    "inside": {"instruction": "q", "completions": objects(overall_score=[1, 2, 3])},
    "ranks inside": {"prompt": "q", "answers": objects(rank=[3.0, 2.0, 1.0])},
    "marks by aspect": {
        "instruction": "q",
        "completions": objects(
            annotations=[{"a": {"Rating": "N/A"}, "b": {"Rating": str(mark)}} for mark in "123"]
        ),
    },
    "an object of lists": {
        "prompt": "q",
        "completions": {"response": ANSWERS, "rating": [1.0, 2.0, 3.0]},
    },
    "arrays": {"prompt": "q", "responses": np.array(ANSWERS), "ratings": np.array([1.0, 2, 3])},
    "as NumPy prints them": {
        "prompt": "q",
        "responses": str(np.array(ANSWERS)),
        "ratings": str(np.array([1.0, 2, 3])),
    },
    "messages": {
        "prompt": [user("q")],
        "candidates": [[{"role": "assistant", "content": text}] for text in ANSWERS],
        "rewards": [-1, 0, 1],
    },
    "conversations": {
        "prompt": "q",
        "candidates": [[user("q"), {"role": "assistant", "content": text}] for text in ANSWERS],
        "rewards": [-1, 0, 1],
    },
}
