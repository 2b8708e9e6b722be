"""Packed files, Parquet, CSV and what is no file, odd or malformed."""

import gzip
import os
from decimal import Decimal

import pandas as pd
import pyarrow as pa

from tests.helpers.malformed import (
    Kept,
    Refused,
    among,
    columns,
    good,
    lines,
    parquet,
    table,
    twice_named,
    zipped,
)

TURN = {"role": "user", "content": "question 7"}
PACKED = {
    "gzip cut short": ("x.jsonl.gz", gzip.compress(among())[:-9], Refused("the file is whole")),
    "gzip damaged": (
        "x.jsonl.gz",
        gzip.compress(among())[:40] + bytes(60) + bytes(range(99)),
        Refused("the file is whole"),
    ),
    "gzip in name only": ("x.jsonl.gz", among(), Refused("Not a gzip.*whole")),
    "gzip with more behind": (
        "x.jsonl.gz",
        gzip.compress(among()) + b"more",
        Refused("the file is whole"),
    ),
    "gzip with noughts behind": ("x.jsonl.gz", gzip.compress(among()) + bytes(99), Kept(12)),
    "two gzips": ("x.jsonl.gz", b"".join(gzip.compress(lines(row)) for row in good()), Kept(12)),
    "gzip without its name": ("x.jsonl", gzip.compress(among()), Refused("row 1: .*UTF-8")),
    "an empty gzip": ("x.jsonl.gz", gzip.compress(b""), Refused("no rows")),
    "a workbook as CSV": ("x.csv", zipped(), Refused("UTF-8")),
    "a workbook": ("x.xlsx", zipped(), Refused("unknown file type.*CSV UTF-8")),
    "a pickle": ("x.pkl", b"\x80\x04.", Refused("unknown file type")),
}

PARQUET = {
    "Parquet cut short": ("x.parquet", columns()[:-9], Refused("not a readable Parquet")),
    "Parquet cut in the middle": ("x.parquet", columns()[:200], Refused("not a readable Parquet")),
    "Parquet in name only": ("x.parquet", among(), Refused("not a readable Parquet")),
    "an empty Parquet": ("x.parquet", b"", Refused("not a readable Parquet")),
    "Parquet without rows": ("x.parquet", parquet(pd.DataFrame(good())[:0]), Refused("no rows")),
    "Parquet without columns": ("x.parquet", parquet(pa.table({})), Refused("no rows")),
    "Parquet with a name twice": ("x.parquet", twice_named(), Refused("'chosen' is used twice")),
    "Parquet of messages": (
        "x.parquet",
        columns(prompt=[[TURN | {"content": f"q{i}"}] for i in range(12)]),
        Kept(12),
    ),
    "Parquet of a dictionary": (
        "x.parquet",
        columns(chosen=pa.array(["yes"] * 12).dictionary_encode()),
        Kept(12),
    ),
    "Parquet with a struct unread": ("x.parquet", columns(note=[{"a": {"b": [1]}}] * 12), Kept(12)),
    "Parquet of bytes": ("x.parquet", columns(chosen=[b"a\xff"] * 12), Refused("wrong type|text")),
    "Parquet of dates": (
        "x.parquet",
        columns(chosen=pa.array([0] * 12, pa.timestamp("us"))),
        Refused("wrong type|text"),
    ),
    "Parquet with a date past counting": (
        "x.parquet",
        columns(when=pa.array([2**62] * 12, pa.timestamp("us"))),
        Refused("not a readable Parquet"),
    ),
    "Parquet with bytes for text": (
        "x.parquet",
        columns(chosen=pa.array([b"\xff\xfe"] * 12, pa.binary()).view(pa.string())),
        Refused("not a readable Parquet.*UTF-8|utf-8"),
    ),
    "Parquet with decimal scores": (
        "x.parquet",
        columns(score_chosen=[Decimal("2.5")] * 12, score_rejected=[Decimal("2.0")] * 12),
        Kept(12),
    ),
    "Parquet with nulls": (
        "x.parquet",
        columns(chosen=["yes"] * 11 + [None]),
        Kept(11, {"empty_response": 1}),
    ),
}

CSV = {
    "stray quote": ("x.csv", table('question 7,"yes" or so,no'), Refused("after row 7: .*CSV")),
    "quote within a field": ("x.csv", table('question 7,5" long,no'), Kept(12)),
    "quote without end": ("x.csv", table('question 7,"yes,no'), Refused("after row 7: .*CSV")),
    "a field too many": ("x.csv", table("question 7,a,b,c"), Refused("row 8: .*number of fields")),
    "a field too few": ("x.csv", table("question 7,a"), Refused("row 8: .*number of fields")),
    "a name twice in the header": (
        "x.csv",
        table(header="prompt,chosen,chosen,rejected"),
        Refused("'chosen' is used twice"),
    ),
    "names left empty": (
        "x.csv",
        b"".join(line + b",,\n" for line in table().splitlines()),
        Kept(12),
    ),
    "only a header": ("x.csv", b"prompt,chosen,rejected\n", Refused("no rows")),
    "an empty table": ("x.csv", b"", Refused("no rows")),
    "only line breaks in a table": ("x.csv", b"\n\n\n", Refused("no rows")),
    "no header": ("x.csv", b"question,yes,no\nquestion 2,a,b\n", Refused("row 2: .*fit no form")),
    "semicolons": ("x.csv", table(mark=";", header="prompt;chosen;rejected"), Kept(12)),
    "tabs": ("x.csv", table(mark="\t", header="prompt\tchosen\trejected"), Kept(12)),
    "tabs by name": ("x.tsv", table(mark="\t", header="prompt\tchosen\trejected"), Kept(12)),
    "commas named tabs": ("x.tsv", table(), Kept(12)),
    "carriage returns as line ends": ("x.csv", table(end="\r"), Kept(12)),
    "line ends of Windows": ("x.csv", table(end="\r\n"), Kept(12)),
    "lines in fields": ("x.csv", table('question 7,"yes\n\nand\r\nno",no'), Kept(12)),
    "a field beyond csv's limit": ("x.csv", table("question 7," + "w" * 140_000 + ",no"), Kept(12)),
    "spaces after commas": (
        "x.csv",
        table(header="prompt, chosen, rejected"),
        Kept(12),
    ),
    "names of nothing as answers": (
        "x.csv",
        table("q,NA,null", "r,nan,None", "s,#N/A,true"),
        Kept(12),
    ),
    "the header again": (
        "x.csv",
        table("prompt,chosen,rejected", "r,yes,no"),
        Refused("row 8: the header stands"),
    ),
    "numbers as text": ("x.csv", table("q,1,2.0", "r,-0,1e999"), Kept(12)),
    "empty cells": ("x.csv", table("question 7,,no"), Kept(11, {"empty_response": 1})),
    "messages in cells": (
        "x.csv",
        table('"[{""role"": ""user"", ""content"": ""q""}]",yes,no'),
        Kept(12),
    ),
    "formulas": ("x.csv", table("question 7,=cmd|' /C calc'!A0,no"), Kept(12)),
    "ids left empty": (
        "x.csv",
        b"".join(b"," + line + b"\n" for line in table().splitlines()).replace(
            b",prompt", b"id,prompt", 1
        ),
        Kept(12),
    ),
}

CASES = PACKED | PARQUET | CSV
PLACES = {
    "a folder": (os.mkdir, "a folder"),
    "a broken link": (lambda path: os.symlink("nowhere", path), "no such file"),
    "a link to itself": (lambda path: os.symlink(path, path), "no such file"),
    "a pipe": (os.mkfifo, "not a regular file"),
    "a device": (lambda path: os.symlink("/dev/zero", path), "not a regular file"),
}
