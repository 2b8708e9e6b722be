"""Files of text and of JSON that are odd or malformed: encodings, sizes, JSON itself."""

import json

from tests.helpers.malformed import EVIL, Kept, Refused, among, good, lines, pair, table, thousand

TEXT = json.dumps(pair()).encode()

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
    "a line of 1 MB": ("x.jsonl", among(pair("q7", "w " * 2**19)), Kept(12)),
    "a field of 1 MB": ("x.csv", table("question 7," + "w " * 2**19 + ",no"), Kept(12)),
    "a name of 100 kB": ("x.jsonl", lines({"w" * 100_000: 1}), Refused("row 1: .*fit no form")),
    "an unusable label of 100 kB": (
        "x.jsonl",
        lines({"prompt": "p", "response_a": "x", "response_b": "y", "winner": "w" * 100_000}),
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
    "minus nought and NaN": (
        "x.jsonl",
        lines(
            *(
                b'{"prompt": "p%d", "responses": ["a", "b", "c"], "ratings": [-0, NaN, 1]}' % i
                for i in range(4)
            )
        ),
        Kept(4),
    ),
    "an infinite rating": (
        "x.jsonl",
        b'{"prompt": "p", "responses": ["a", "b", "c"], "ratings": [-0, 1e999, 1]}',
        Refused("row 1: .*infinite"),
    ),
    "a name twice in an object": (
        "x.jsonl",
        among(TEXT[:-1] + b', "chosen": "other"}'),
        Refused("row 7: .*'chosen' is used twice"),
    ),
    "a name twice in a list": (
        "x.json",
        b'[{"prompt": "p", "chosen": "a", "chosen": "b"}]',
        Refused("'chosen' is used twice"),
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
    "lines named as a list": ("x.json", among(), Refused(r"not valid JSON.*is read as \.jsonl")),
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
        Refused(r"row 1: there is no prompt: .*' chosen '"),
    ),
    "names in capitals": (
        "x.jsonl",
        lines({"Chosen": "a", "Rejected": "b"}),
        Refused(r"row 1: there is no prompt: .*'Chosen'"),
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

CASES = ENCODINGS | SIZES | JSON
