"""Odd and malformed files of preferences, each as bytes, with what must become of it."""

import gzip
import io
import json
import os
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

EVIL = "\x1b]0;owned\x07\u202e\u2066"  # what would steer a terminal


@dataclass(frozen=True)
class Kept:
    """The pairs left, and how many rows were dropped for which reason."""

    pairs: int
    dropped: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """What the message says, beside the file's name; a pattern."""

    reason: str


def good(count=12):
    return [
        {"prompt": f"question {i}", "chosen": f"good {i}", "rejected": f"bad {i}"}
        for i in range(1, count + 1)
    ]


def lines(*rows) -> bytes:
    raw = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return b"".join(line + b"\n" for line in raw)


def among(*odd) -> bytes:
    """JSON lines: 12 good rows, but row 7 and on are these."""
    rows = good()
    return lines(*rows[:6], *odd, *rows[6 + len(odd) :])


def pair(prompt="question 7", chosen="good 7", rejected="bad 7", **more):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def table(*odd, header="prompt,chosen,rejected", mark=",", end="\n") -> bytes:
    """CSV: a header, 6 good rows (2 to 7), then these, then good ones to the end."""
    rows = [mark.join(row.values()) for row in good()]
    return end.join([header, *rows[:6], *odd, *rows[6 + len(odd) :], ""]).encode()


def parquet(frame) -> bytes:
    file = io.BytesIO()
    pq.write_table(frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame), file)
    return file.getvalue()


def columns(**more) -> bytes:
    """Parquet with 12 good rows and these columns in their place or beside them."""
    rows = good()
    plain = {name: [row[name] for row in rows] for name in rows[0]}
    return parquet(pa.table(plain | more))


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<sheet/>")
    return file.getvalue()


def twice_named() -> bytes:
    plain = pa.table(pd.DataFrame(good()))
    return parquet(plain.append_column("chosen", plain["rejected"]))


def thousand(odd: bytes) -> bytes:
    rows = good(1200)
    return lines(*rows[:999], odd, *rows[1000:])


TEXT = json.dumps(pair()).encode()
TURN = {"role": "user", "content": "question 7"}
HH = "\n\nHuman: question\n\nAssistant: "
ENCODINGS = {
    "latin-1": ("x.jsonl", among(TEXT.replace(b"good", b"g\xf6\xf6d")), Refused("row 7: .*UTF-8")),
    "cp1252 quotes": (
        "x.csv",
        table("question,\u201cyes\u201d,no").decode().encode("cp1252"),
        Refused("line 8: .*UTF-8"),
    ),
    "one bad byte in row 1000": (
        "x.jsonl",
        thousand(TEXT.replace(b"good", b"\xff")),
        Refused("row 1000: .*UTF-8"),
    ),
    "one bad byte in line 1001": (
        "x.csv",
        b"prompt,chosen,rejected\n" + b"".join(b"q%d,a,b\n" % i for i in range(999)) + b"q,\xff,b",
        Refused("line 1001: .*UTF-8"),
    ),
    "bad byte in a list": ("x.json", b'[{"prompt": "\xe9"}]', Refused("line 1: .*UTF-8")),
    "UTF-16 with a mark": ("x.jsonl", among().decode().encode("utf-16"), Refused("row 1: .*UTF-8")),
    "UTF-16 without": (
        "x.jsonl",
        among().decode().encode("utf-16-le"),
        Refused("row 1: .*NUL.*UTF-16"),
    ),
    "UTF-16 table": ("x.csv", table().decode().encode("utf-16"), Refused("line 1: .*UTF-8")),
    "UTF-16 table without": ("x.csv", table().decode().encode("utf-16-le"), Refused("UTF-16")),
    "UTF-32 list": ("x.json", json.dumps(good()).encode("utf-32"), Refused("UTF-8")),
    "byte order mark": ("x.jsonl", b"\xef\xbb\xbf" + among(), Kept(12)),
    "byte order mark within": ("x.jsonl", among(b"\xef\xbb\xbf" + TEXT), Refused("row 7: .*JSON")),
    "byte order mark of a list": (
        "x.json",
        b"\xef\xbb\xbf" + json.dumps(good()).encode(),
        Kept(12),
    ),
    "surrogate as bytes": (
        "x.jsonl",
        among(TEXT.replace(b"good", b"\xed\xa0\x80")),
        Refused("row 7: .*UTF-8"),
    ),
    "surrogate escaped": (
        "x.jsonl",
        among(TEXT.replace(b"good", rb"\ud800")),
        Kept(11, {"broken_text": 1}),
    ),
    "surrogate in a prompt": (
        "x.jsonl",
        among(pair([{"role": "user", "content": "\udfff"}])),
        Kept(11, {"broken_text": 1}),
    ),
    "surrogate in an id": ("x.jsonl", among(pair(id="\ud800")), Kept(11, {"broken_text": 1})),
    "surrogate in a name": ("x.jsonl", lines(*(row | {"\ud800": 1} for row in good())), Kept(12)),
    "surrogates in pairs": ("x.jsonl", among(TEXT.replace(b"good", rb"\ud83d\ude00")), Kept(12)),
    "NUL bytes": ("x.jsonl", among(TEXT.replace(b"good", b"g\0d")), Refused("row 7: .*NUL")),
    "NUL escaped": ("x.jsonl", among(pair(chosen="a\0b")), Kept(12)),
    "NUL in a cell": ("x.csv", table("question 7,a\0b,c"), Refused("line 8: .*NUL")),
    "a file of NULs": ("x.jsonl", bytes(9999), Refused("row 1: .*NUL")),
}

SIZES = {
    "lines of 1 MB": ("x.jsonl", among(*[pair(f"q{i}", "w " * 2**19) for i in range(3)]), Kept(12)),
    "a field of 4 MB": ("x.csv", table("question 7," + "w " * 2**21 + ",no"), Kept(12)),
    "a name of 1 MB": ("x.jsonl", lines({"w" * 2**20: 1}), Refused("row 1: .*fit no form")),
    "an unusable label of 1 MB": (
        "x.jsonl",
        lines({"prompt": "p", "response_a": "x", "response_b": "y", "winner": "w" * 2**20}),
        Refused("row 1: `winner` is"),
    ),
    "lists in lists": ("x.jsonl", among(pair(note=[[[[[[1]]]]]])), Kept(12)),
    "brackets without end": ("x.jsonl", among(b"[" * 100_000), Refused("row 7: .*nested")),
    "nested too deeply": (
        "x.jsonl",
        among(b'{"chosen": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        Refused("row 7: .*nested"),
    ),
    "objects in objects": ("x.json", b'[{"a": ' * 100_000, Refused("nested")),
    "an answer like deep JSON": (
        "x.jsonl",
        among(pair(chosen='[{"a": ' + "[" * 100_000)),
        Kept(12),
    ),
    "ratings like deep JSON": (
        "x.jsonl",
        lines({"prompt": "p", "responses": ["a", "b"], "ratings": "[" * 100_000}),
        Refused("row 1: `ratings` must be a list"),
    ),
    "a number of 5000 digits": (
        "x.jsonl",
        among(b'{"id": ' + b"9" * 5000 + b"}"),
        Refused("row 7: .*digits"),
    ),
    "an id of 4000 digits": ("x.jsonl", among(pair(id=10**3999)), Kept(12)),
    "a rating of 4000 digits": (
        "x.jsonl",
        lines({"prompt": "p", "responses": ["a", "b"], "ratings": [1, 10**3999]}),
        Refused("row 1: `ratings` is 1000.*not a number"),
    ),
}

JSON = {
    "NaN and infinity unread": (
        "x.jsonl",
        among(pair(score=float("nan"), weight=float("-inf"))),
        Kept(12),
    ),
    "NaN as an answer": ("x.jsonl", among(pair(chosen=float("nan"))), Kept(11, {"wrong_type": 1})),
    "minus nought and 1e999": (
        "x.jsonl",
        lines(
            *(
                b'{"prompt": "p%d", "responses": ["a", "b", "c"], "ratings": [-0, 1e999, 1]}' % i
                for i in range(4)
            )
        ),
        Kept(4),
    ),
    "a name twice in an object": (
        "x.jsonl",
        among(TEXT[:-1] + b', "chosen": "other"}'),
        Refused("row 7: .*'chosen' stands twice"),
    ),
    "a name twice in a list": (
        "x.json",
        b'[{"prompt": "p", "chosen": "a", "chosen": "b"}]',
        Refused("'chosen' stands twice"),
    ),
    "a list in a line": ("x.jsonl", among(b'["a", "b"]'), Refused("row 7: .*not list.*json")),
    "a number in a line": ("x.jsonl", among(b"7"), Refused("row 7: .*not int")),
    "trailing comma": ("x.jsonl", among(TEXT[:-1] + b",}"), Refused("row 7: not valid JSON")),
    "commas between lines": (
        "x.jsonl",
        lines(*(json.dumps(row).encode() + b"," for row in good())),
        Refused("row 1: not valid JSON"),
    ),
    "single quotes": ("x.jsonl", among(repr(pair()).encode()), Refused("row 7: not valid JSON")),
    "over several lines": (
        "x.jsonl",
        lines(*(json.dumps(row, indent=1).encode() for row in good())),
        Refused("row 1: not valid JSON.*one object"),
    ),
    "two on one line": ("x.jsonl", among(TEXT + TEXT), Refused("row 7: not valid JSON")),
    "comments": ("x.jsonl", among(b"# more to come"), Refused("row 7: not valid JSON")),
    "carriage returns alone": (
        "x.jsonl",
        among().replace(b"\n", b"\r"),
        Refused("row 1: not valid JSON"),
    ),
    "cut within a row": ("x.jsonl", among()[:-20], Refused("row 12: not valid JSON")),
    "empty lines between": ("x.jsonl", among().replace(b"\n", b"\n \t\r\n\n"), Kept(12)),
    "an object for a list": (
        "x.json",
        json.dumps({"data": good()}).encode(),
        Refused("list of objects.*'data'"),
    ),
    "lines named as a list": ("x.json", among(), Refused(r"not valid JSON.*name it \.jsonl")),
    "a list with a text": (
        "x.json",
        json.dumps([*good(), "more"]).encode(),
        Refused("row 13: .*not str"),
    ),
    "an empty list": ("x.json", b"[]", Refused("no rows")),
    "empty list file": ("x.json", b"", Refused("not valid JSON")),
    "empty": ("x.jsonl", b"", Refused("no rows")),
    "only line breaks": ("x.jsonl", b"\n\r\n\n", Refused("no rows")),
    "only a mark": ("x.jsonl", b"\xef\xbb\xbf", Refused("no rows")),
    "other columns in row 7": (
        "x.jsonl",
        among({"prompt": "p", "response_a": "a", "response_b": "b", "winner": "a"}),
        Refused("row 7: this row is labelled_pair.*One file"),
    ),
    "no form in row 7": ("x.jsonl", among({"question": "p"}), Refused("row 7: .*fit no form")),
    "an empty object": ("x.jsonl", among({}), Refused("row 7: .*fit no form")),
    "names with spaces": (
        "x.jsonl",
        lines({" chosen ": "a", "rejected": "b"}),
        Refused(r"row 1: .*' chosen '.*Rename"),
    ),
    "names in capitals": (
        "x.jsonl",
        lines({"Chosen": "a", "Rejected": "b"}),
        Refused(r"row 1: .*'Chosen'.*Rename"),
    ),
    "names in wide letters": (
        "x.jsonl",
        lines({"\uff43hosen": "a", "rejected": "b"}),
        Refused("row 1: .*fit no form"),
    ),
    "names that steer": (
        "x.jsonl",
        lines({EVIL: "a", "rejected": "b"}),
        Refused(r"row 1: .*\\x1b\]0;owned"),
    ),
    "values that steer": (
        "x.jsonl",
        lines({"prompt": "p", "response_a": "x", "response_b": "y", "winner": EVIL + "\n"}),
        Refused(r"row 1: .*\\x1b\]0;owned"),
    ),
    "ids that steer": ("x.jsonl", among(pair(id=EVIL), pair(id=EVIL)), Refused(r"row 8: .*twice")),
}

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
    "Parquet with a name twice": ("x.parquet", twice_named(), Refused("'chosen' stands twice")),
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
        Refused("'chosen' stands twice"),
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
    "commas named tabs": ("x.tsv", table(), Refused("row 2: .*fit no form")),
    "carriage returns as line ends": ("x.csv", table(end="\r"), Kept(12)),
    "line ends of Windows": ("x.csv", table(end="\r\n"), Kept(12)),
    "lines in fields": ("x.csv", table('question 7,"yes\n\nand\r\nno",no'), Kept(12)),
    "a field beyond csv's limit": ("x.csv", table("question 7," + "w" * 140_000 + ",no"), Kept(12)),
    "spaces after commas": (
        "x.csv",
        table(header="prompt, chosen, rejected"),
        Refused("row 2: .*' chosen'.*Rename"),
    ),
    "names of nothing as answers": (
        "x.csv",
        table("q,NA,null", "r,nan,None", "s,#N/A,true"),
        Kept(12),
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

IDS = {
    "an id twice": (
        "x.jsonl",
        among(pair(id="a"), pair("q", id="a")),
        Refused("row 8: the id 'a' stands twice"),
    ),
    "1 and '1' as ids": (
        "x.jsonl",
        among(pair(id=71), pair("q", id="71")),
        Refused("row 8: the id '71' stands twice, first in row 7"),
    ),
    "ids that are null": ("x.jsonl", lines(*(row | {"id": None} for row in good())), Kept(12)),
    "ids that are NaN": (
        "x.jsonl",
        lines(*(row | {"id": float("nan")} for row in good())),
        Kept(12),
    ),
    "ids of many kinds": (
        "x.jsonl",
        among(pair(id=True), pair("q", id=2.5), pair("r", id="\u202eid")),
        Kept(12),
    ),
    "ids that are lists": ("x.jsonl", among(pair(id=[1]), pair("q", id={"a": 1})), Kept(12)),
    "null ids of ratings": (
        "x.jsonl",
        lines(
            *(
                {"id": None, "prompt": f"p{i}", "responses": ["a", "b"], "ratings": [1, 2]}
                for i in range(3)
            )
        ),
        Kept(3),
    ),
}

ANSWERS = {
    "labels swapped half way": (
        "x.jsonl",
        lines(*good(), *(pair(row["prompt"], row["rejected"], row["chosen"]) for row in good())),
        Kept(24),
    ),
    "emoji": (
        "x.jsonl",
        among(pair(chosen="\U0001f600", rejected="\U0001f44d\U0001f3fd")),
        Kept(12),
    ),
    "joined emoji": (
        "x.jsonl",
        among(pair(chosen="\U0001f469\u200d\U0001f4bb", rejected="\U0001f469\U0001f4bb")),
        Kept(12),
    ),
    "right to left": (
        "x.jsonl",
        among(
            pair(
                "\u0645\u0627 \u0647\u0630\u0627", "\u202b\u0646\u0639\u0645\u202c", "\u05dc\u05d0"
            )
        ),
        Kept(12),
    ),
    "texts that steer": ("x.jsonl", among(pair(EVIL + "p", EVIL + "a", EVIL + "b")), Kept(12)),
    "combining characters": (
        "x.jsonl",
        among(pair(chosen="Z\u0351\u036b\u0343", rejected="Z")),
        Kept(12),
    ),
    "composed and decomposed": (
        "x.jsonl",
        among(pair(chosen="caf\u00e9", rejected="cafe\u0301")),
        Kept(11, {"identical_responses": 1}),
    ),
    "zero width alone": (
        "x.jsonl",
        among(pair(chosen="\u200b\u2060\ufeff")),
        Kept(11, {"empty_response": 1}),
    ),
    "a zero-width prompt": ("x.jsonl", among(pair("\u200b\u202e")), Kept(11, {"empty_turn": 1})),
    "every kind of space": (
        "x.jsonl",
        among(pair(rejected="\t\n\x0b\x0c\r\x1c\x1d\x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000")),
        Kept(11, {"empty_response": 1}),
    ),
    "control characters alone": (
        "x.jsonl",
        among(pair(chosen="\x00\x07\x1b")),
        Kept(11, {"empty_response": 1}),
    ),
    "null answers": ("x.jsonl", among(pair(chosen=None)), Kept(11, {"empty_response": 1})),
    "true and false": (
        "x.jsonl",
        among(pair(chosen=True, rejected=False)),
        Kept(11, {"wrong_type": 1}),
    ),
    "numbers": ("x.jsonl", among(pair(chosen=7, rejected=8.5)), Kept(11, {"wrong_type": 1})),
    "null prompt": ("x.jsonl", among(pair(None)), Kept(11, {"no_prompt": 1})),
    "prompt left out": (
        "x.jsonl",
        among({"chosen": "a", "rejected": "b"}),
        Kept(11, {"no_prompt": 1}),
    ),
    "no prompt anywhere": (
        "x.jsonl",
        lines(*({"chosen": f"a{i}", "rejected": "b"} for i in range(9))),
        Refused("row 1: .*no prompt"),
    ),
}

CHAT = {
    "unknown role": (
        "x.jsonl",
        among(pair([{"role": "human", "content": "q"}])),
        Kept(11, {"turns_do_not_alternate": 1}),
    ),
    "role null": (
        "x.jsonl",
        among(pair([{"role": None, "content": "q"}])),
        Kept(11, {"turns_do_not_alternate": 1}),
    ),
    "role a number": (
        "x.jsonl",
        among(pair([{"role": 1, "content": "q"}])),
        Kept(11, {"turns_do_not_alternate": 1}),
    ),
    "role a list": (
        "x.jsonl",
        among(pair([{"role": ["user"], "content": "q"}])),
        Kept(11, {"turns_do_not_alternate": 1}),
    ),
    "role an object": (
        "x.jsonl",
        among(pair(chosen=[{"role": {}, "content": "q"}])),
        Kept(11, {"wrong_type": 1}),
    ),
    "content null": (
        "x.jsonl",
        among(pair([{"role": "user", "content": None}])),
        Kept(11, {"wrong_type": 1}),
    ),
    "content in parts": (
        "x.jsonl",
        among(pair([{"role": "user", "content": [{"type": "text", "text": "q"}]}])),
        Kept(11, {"wrong_type": 1}),
    ),
    "content a number": (
        "x.jsonl",
        among(pair([{"role": "user", "content": 7}])),
        Kept(11, {"wrong_type": 1}),
    ),
    "a call without content": (
        "x.jsonl",
        among(pair(chosen=[{"role": "assistant", "tool_calls": [{"id": 1}]}])),
        Kept(11, {"wrong_type": 1}),
    ),
    "from and value": (
        "x.jsonl",
        among(pair([{"from": "human", "value": "q"}])),
        Kept(11, {"wrong_type": 1}),
    ),
    "system alone": (
        "x.jsonl",
        among(pair([{"role": "system", "content": "s"}])),
        Kept(11, {"turns_do_not_alternate": 1}),
    ),
    "empty prompt list": ("x.jsonl", among(pair([])), Kept(11, {"turns_do_not_alternate": 1})),
    "empty answer list": ("x.jsonl", among(pair(chosen=[])), Kept(11, {"wrong_type": 1})),
    "empty lists": (
        "x.jsonl",
        among({"chosen": [], "rejected": []}),
        Kept(11, {"no_final_answer": 1}),
    ),
    "several turns as an answer": (
        "x.jsonl",
        among(pair(chosen=[{"role": "assistant", "content": "a"}, TURN])),
        Kept(11, {"wrong_type": 1}),
    ),
    "the user's turn as an answer": (
        "x.jsonl",
        among(pair(chosen=[TURN])),
        Kept(11, {"wrong_type": 1}),
    ),
    "prompt an object": ("x.jsonl", among(pair(TURN)), Kept(11, {"wrong_type": 1})),
    "every message of another kind": (
        "x.jsonl",
        lines(*(pair([{"from": "human", "value": "q"}]) for _ in range(9))),
        Refused("row 1: a message needs `role`"),
    ),
    "transcripts": (
        "x.jsonl",
        lines(
            *(
                {
                    "chosen": HH.replace("n\n", f"n{i}\n") + "a",
                    "rejected": HH.replace("n\n", f"n{i}\n") + "b",
                }
                for i in range(12)
            )
        ),
        Kept(12),
    ),
    "transcript without a human": (
        "x.jsonl",
        among({"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"}),
        Kept(11, {"no_prompt": 1}),
    ),
    "transcript with the assistant first": (
        "x.jsonl",
        among(
            {
                side: "\n\nHuman: \n\nAssistant: Hi\n\nAssistant: " + side
                for side in ("chosen", "rejected")
            }
        ),
        Kept(11, {"turns_do_not_alternate": 1}),
    ),
    "transcript with a human in the answer": (
        "x.jsonl",
        among({"chosen": HH + "They said \n\nHuman: no", "rejected": HH + "b"}),
        Kept(11, {"no_final_answer": 1}),
    ),
    "transcripts that differ": (
        "x.jsonl",
        among({"chosen": HH + "a", "rejected": HH.replace("question", "other") + "b"}),
        Kept(11, {"prompts_differ": 1}),
    ),
    "a human in a plain answer": ("x.jsonl", among(pair(chosen="a\n\nHuman: b")), Kept(12)),
}


def rated(**more) -> bytes:
    rows = [{"prompt": f"p{i}", "responses": ["a", "b"], "ratings": [1, 2]} for i in range(12)]
    return lines(*rows[:6], rows[6] | more, *rows[7:])


def ranked(ranks) -> bytes:
    rows = [{"prompt": f"p{i}", "responses": ["a", "b"], "ranks": [1, 2]} for i in range(12)]
    return lines(*rows[:6], rows[6] | {"ranks": ranks}, *rows[7:])


RATED = {
    "ratings in lists": ("x.jsonl", rated(ratings=[[1], [2]]), Refused("row 7: .*not a number")),
    "ratings NaN": ("x.jsonl", rated(ratings=[float("nan"), 2]), Kept(11)),
    "ratings in words": ("x.jsonl", rated(ratings=["five", 2]), Refused("row 7: .*'five'")),
    "ratings one number": ("x.jsonl", rated(ratings=2), Refused("row 7: .*must be a list")),
    "ratings null": ("x.jsonl", rated(ratings=None), Refused("row 7: .*must be a list")),
    "ratings too few": ("x.jsonl", rated(ratings=[1]), Refused("row 7: .*1 values for 2")),
    "responses an object": (
        "x.jsonl",
        rated(responses={"a": 1}),
        Refused("row 7: .*must be a list"),
    ),
    "responses null": ("x.jsonl", rated(responses=[None, "b"]), Kept(11, {"empty_response": 1})),
    "responses empty": ("x.jsonl", rated(responses=[], ratings=[]), Kept(11)),
    "rank 0": ("x.jsonl", ranked([0, 1]), Refused("row 7: .*ranks start at 1")),
    "rank 99": ("x.jsonl", ranked([1, 99]), Kept(12)),
    "ranks alike": ("x.jsonl", ranked([1, 1]), Kept(11)),
    "ranks in words": ("x.jsonl", ranked(["first", "second"]), Refused("row 7: .*'first'")),
    "a rating a row, prompts of any kind": (
        "x.jsonl",
        lines(
            *(
                {"prompt": prompt, "response": f"r{i}", "rating": i}
                for prompt in ("p", "q", ["r"], {"s": 1}, None)
                for i in range(2)
            )
        ),
        Kept(2, {"wrong_type": 2, "no_prompt": 1}),
    ),
    "a label that is a list": (
        "x.jsonl",
        lines({"prompt": "p", "response_a": "x", "response_b": "y", "winner": ["a"]}),
        Refused("row 1: `winner` is"),
    ),
}

CASES = ENCODINGS | SIZES | JSON | PACKED | PARQUET | CSV | IDS | ANSWERS | CHAT | RATED
PLACES = {
    "a folder": (os.mkdir, "a folder"),
    "a broken link": (lambda path: os.symlink("nowhere", path), "no such file"),
    "a link to itself": (lambda path: os.symlink(path, path), "no such file"),
    "a pipe": (os.mkfifo, "no ordinary file"),
    "a device": (lambda path: os.symlink("/dev/zero", path), "no ordinary file"),
}
