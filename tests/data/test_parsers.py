"""Whatever bytes a file holds, it is read or refused in words; what is written comes back."""

import csv
import gzip
import io
import json
import unicodedata
from contextlib import suppress
from math import nan
from time import process_time

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.pairs import group_key, normalise_pairs
from lens.data.sources import SUFFIXES, read_rows
from lens.data.texts.conversations import answer, as_messages, is_whole
from lens.data.texts.turns import InvalidRowError
from tests.helpers.malformed import good, lines, parquet

HH = "\n\nHuman: q\n\nAssistant: "
FORMS = (
    ("prompt", "chosen", "rejected"),
    ("chosen", "rejected", "score_chosen", "score_rejected"),
    ("prompt", "response_a", "response_b", "winner"),
    ("prompt", "responses", "ratings"),
    ("prompt", "responses", "ranks"),
    ("prompt", "answers"),
    ("prompt", "response", "rating"),
)

# What files hold

roles = st.sampled_from(["user", "assistant", "system", "tool", None, 1, []])
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", " ", "a", "b", "\u200b", "\ud800", "nan", "tie", "[1, 2]", "[" * 2000]),
    st.sampled_from([HH + "a", HH + "b", '[{"role": "user", "content": "q"}]', "\n\nHuman:"]),
)
messages = st.lists(
    st.fixed_dictionaries({"role": roles, "content": texts | st.none()}), max_size=3
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**400, 1e308, nan, -nan, 1e999, -0.0]),
    texts,
)
inside = st.dictionaries(st.sampled_from(["text", "score", "rank", "content"]) | texts, leaves)
values = st.one_of(leaves, messages, st.lists(leaves, max_size=3), st.lists(inside, max_size=3))
anything = st.recursive(
    leaves,
    lambda some: st.lists(some, max_size=4) | st.dictionaries(texts, some, max_size=4),
    max_leaves=12,
)


@st.composite
def rows_of_a_form(draw):
    names = draw(st.sampled_from(FORMS))
    row = st.fixed_dictionaries(dict.fromkeys(names, values), optional={"id": values, "x": values})
    return draw(st.lists(row, min_size=1, max_size=5))


def as_json(rows) -> bytes:
    return json.dumps(rows).encode()


def as_jsonl(rows) -> bytes:
    return lines(*rows)


def as_csv(rows, mark=",") -> bytes:
    file = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(file, names, delimiter=mark)
    writer.writeheader()
    cells = [{k: v if isinstance(v, str) else json.dumps(v) for k, v in r.items()} for r in rows]
    writer.writerows(cells)
    return file.getvalue().encode("utf-8", "backslashreplace")


WRITERS = {
    ".jsonl": as_jsonl,
    ".jsonl.gz": lambda rows: gzip.compress(as_jsonl(rows), 1),
    ".json": as_json,
    ".csv": as_csv,
    ".tsv": lambda rows: as_csv(rows, "\t"),
    ".parquet": lambda rows: parquet(pd.DataFrame(rows)),
}
VALID = {suffix: write(good(4)) for suffix, write in WRITERS.items()}


@st.composite
def damaged(draw):
    """A valid file with some bytes changed, put in, doubled or left out."""
    suffix = draw(st.sampled_from(SUFFIXES))
    content = bytearray(VALID[suffix])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        end = place + draw(st.integers(0, 6))
        content[place:end] = draw(st.binary(max_size=6) | st.just(bytes(content[place:end]) * 2))
    return suffix, bytes(content)


files = st.one_of(
    st.tuples(st.sampled_from(SUFFIXES), st.binary(max_size=60)),
    st.tuples(
        st.sampled_from([".jsonl", ".json", ".csv", ".tsv"]),
        st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    ),
    st.tuples(st.just(".json"), anything.map(as_json)),
    st.tuples(st.just(".jsonl"), st.lists(anything, max_size=3).map(as_jsonl)),
    rows_of_a_form().flatmap(
        lambda rows: st.sampled_from([".json", ".jsonl", ".csv", ".tsv"]).map(
            lambda suffix: (suffix, WRITERS[suffix](rows))
        )
    ),
    damaged(),
)


def check_any_file(folder, suffix, content):
    path = folder / f"x{suffix}"
    path.write_bytes(content)
    try:
        pairs, form = to_pairs(read_rows(path))
        table, report = normalise_pairs(pairs, invalid_rows="drop")
    except LensError:
        return
    assert form.responses >= 2
    assert report.kept + sum(report.dropped.values()) == report.read == len(pairs)
    assert len(table) == report.kept > 0
    assert table["id"].is_unique
    assert "".join(table.to_numpy().ravel()).encode("utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(files)
@example((".jsonl", b'{"00": [""], "": {"": ":", "0": 0}}\n'))
def test_any_file_is_read_or_refused_in_words(folder, file):
    check_any_file(folder, *file)


@pytest.mark.torture
@settings(max_examples=5_000, deadline=None, database=None)
@given(files)
def test_many_files_are_read_or_refused_in_words(folder, file):
    check_any_file(folder, *file)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["id", "prompt", "chosen", "note", "ratings"])
def test_nesting_near_the_limit_is_no_traceback(folder, name):
    """Just below what the parser takes, nothing that comes after it may fail."""
    for depth in range(800, 1000, 4):
        row = b'{"%s": %s}' % (name.encode(), b"[" * depth + b"]" * depth)
        check_any_file(folder, ".jsonl", row)
        rated = b'{"prompt": %s, "response": "a", "rating": 1}\n' % (b"[" * depth + b"]" * depth)
        check_any_file(folder, ".jsonl", rated + rated.replace(b"1", b"2"))


# What is written comes back

said = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: any(unicodedata.category(c)[0] not in "CZ" for c in text)
)
pairs_of_text = st.lists(
    st.tuples(said, said, said).filter(
        lambda pair: len({unicodedata.normalize("NFC", text.strip()) for text in pair[1:]}) == 2
    ),
    min_size=1,
    max_size=4,
).map(lambda rows: [dict(zip(("prompt", "chosen", "rejected"), row, strict=True)) for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(rows=pairs_of_text)
def test_pairs_come_back_as_they_were_written(folder, suffix, rows):
    if suffix in (".csv", ".tsv"):  # NUL is refused there, and in the others written as an escape
        rows = [{k: v.replace("\0", "") for k, v in row.items()} for row in rows]
    path = folder / f"x{suffix}"
    path.write_bytes(WRITERS[suffix](rows))
    table, _ = normalise_pairs(to_pairs(read_rows(path))[0])
    prompts = [json.loads(prompt)[-1]["content"] for prompt in table["prompt"]]
    expected = [[row[k].strip() for row in rows] for k in ("prompt", "chosen", "rejected")]
    if suffix in (".csv", ".tsv"):
        expected = [[lines_end_alike(text) for text in column] for column in expected]
        prompts = [lines_end_alike(text) for text in prompts]
        table = table.map(lines_end_alike)
    assert [prompts, list(table["chosen"]), list(table["rejected"])] == expected


def lines_end_alike(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.slow
@settings(max_examples=80, deadline=None, derandomize=True)
@given(rows_of_a_form(), st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    def found(some):
        try:
            pairs, _ = to_pairs(some)
            table, report = normalise_pairs(pairs, invalid_rows="drop")
        except LensError:
            return None
        kept = table[["prompt", "chosen", "rejected", "group"]]
        return sorted(map(tuple, kept.to_numpy().tolist())), dict(report.dropped)

    numbered = [(f"f, row {number}", dict(row, id=number)) for number, row in enumerate(rows)]
    shuffled = numbered.copy()
    random.shuffle(shuffled)
    assert found(numbered) == found(shuffled)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=20), st.sampled_from(["prompt", "first_turn"]))
@example("\u0390 \u03b0 \u1fe2 \u00df \ufb01", "prompt")
def test_the_group_is_its_own_group_and_knows_no_case_or_spacing(text, group_by):
    def key(content):
        return group_key([{"role": "user", "content": content}], group_by)

    assert key(key(text)) == key(text)
    assert key(f"  {text}\t\n") == key(text)
    assert key("\u3000 ".join(text.split())) == key(text)
    assert key(text.casefold()) == key(text)
    if "\u0131" not in text:  # the dotless i, whose capital is I
        assert key(text.upper()) == key(text)
    assert key(unicodedata.normalize("NFD", text)) == key(text)


OPENINGS = ["", "User: a", "System: a", "USER: a", "<s>", "[INST] a [/INST]", "[", '{"role"']
OPENINGS += ["<|im_start|>user\n", "<|begin_of_text|>", "<start_of_turn>user\n", "<|user|>\n"]
OPENINGS += ["### Instruction:\na", "Below is an", "A chat between a", "<|a|>" * 50, "[|a|]user\n"]
OPENINGS += ["### Human: a", "a<extra_id_1>Assistant\n", '{"role": "user", "content"']


def seconds(count):
    started = process_time()
    for opening in OPENINGS:
        for blank in (" ", "\n", "<s>"):
            for ending in ("", "ssistant:", "<|im_start|>", "ASSISTANT", "Response:"):
                text = opening + blank * count + ending
                with suppress(InvalidRowError):
                    is_whole(text)
                    as_messages(text)
                    answer(text)
    return process_time() - started


@pytest.mark.slow
def test_a_run_of_blanks_takes_time_that_grows_with_its_length():
    ratios = (seconds(16_000) / seconds(2_000) for _ in range(3))
    assert any(ratio < 24 for ratio in ratios)  # 8 if linear, 64 if quadratic
