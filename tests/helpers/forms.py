"""Rows in several forms, and what LENS reads from them."""

from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs

HH = "\n\nHuman: Hi\n\nAssistant:"
USER = {"role": "user", "content": "Hi"}


def numbered(*rows):
    return [(f"f, row {number}", row) for number, row in enumerate(rows, 1)]


def said(text):
    return {"role": "assistant", "content": text}


def read(*rows, rule="all"):
    """The (chosen, rejected) texts in order, and the report."""
    pairs, report = to_pairs(numbered(*rows), pair_rule=rule)
    table, _ = normalise_pairs(pairs)
    return list(zip(table["chosen"], table["rejected"], strict=True)), report


def rated(texts, values, prompt="p"):
    return {"prompt": prompt, "responses": list(texts), "ratings": values}


MESSAGES = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Why?"},
]


def plain(prompt="p", **more):
    return {"prompt": prompt, "chosen": "a", "rejected": "b", **more}


def pairs_of(*rows, **options):
    return normalise_pairs([(f"f, row {i}", row) for i, row in enumerate(rows, 1)], **options)
