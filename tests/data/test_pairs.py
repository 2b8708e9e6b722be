"""From files as people have them to checked, split pairs; bad input gets one clear message."""

import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.core.errors import LensError
from lens.data.pairs import (
    InvalidRowError,
    Report,
    group_key,
    hold_out,
    keep_apart,
    normalise_pairs,
    parse_pair,
    sample_rows,
    select_rows,
    split_by_group,
)
from lens.data.reading.columns import rename_columns
from lens.data.sources import read_rows, read_source

TRANSCRIPT = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Why?\n\nAssistant: "
MESSAGES = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Why?"},
]


def said(text):
    return [{"role": "assistant", "content": text}]


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": TRANSCRIPT + "So.", "rejected": TRANSCRIPT + "No."},
        {"prompt": TRANSCRIPT.rstrip(), "chosen": "So.", "rejected": "No."},
        {"prompt": MESSAGES, "chosen": said("So."), "rejected": said("No.")},
        {"prompt": MESSAGES, "chosen": "\nSo. ", "rejected": " No. "},
        {"chosen": MESSAGES + said("So."), "rejected": MESSAGES + said("No.")},
    ],
)
def test_every_form_gives_the_same_pair(row):
    assert parse_pair(row) == (MESSAGES, "So.", "No.")


def test_a_plain_prompt_is_one_turn():
    row = {"prompt": " Say: \n\nAssistant: x ", "chosen": "a", "rejected": "b"}
    assert parse_pair(row)[0] == [{"role": "user", "content": "Say: \n\nAssistant: x"}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "p", "chosen": " ", "rejected": "b"}, "empty_response"),
        ({"prompt": "p", "chosen": "a", "rejected": None}, "empty_response"),
        ({"prompt": "p", "chosen": "b", "rejected": "b "}, "identical_responses"),
        ({"prompt": "p", "chosen": " b", "rejected": "b"}, "identical_responses"),
        ({"prompt": "p", "chosen": "a", "rejected": "\ud800"}, "broken_text"),
        ({"chosen": 3, "rejected": 4}, "wrong_type"),
        (
            {"chosen": TRANSCRIPT + "a", "rejected": TRANSCRIPT.replace("Hi", "Ho") + "b"},
            "prompts_differ",
        ),
        ({"prompt": MESSAGES[:2], "chosen": "a", "rejected": "b"}, "turns_do_not_alternate"),
        ({"prompt": MESSAGES[::2], "chosen": "a", "rejected": "b"}, "turns_do_not_alternate"),
        ({"prompt": [], "chosen": "a", "rejected": "b"}, "turns_do_not_alternate"),
        ({"prompt": " ", "chosen": "a", "rejected": "b"}, "empty_turn"),
        ({"prompt": 3, "chosen": "a", "rejected": "b"}, "wrong_type"),
        ({"prompt": "p", "chosen": 1, "rejected": "b"}, "wrong_type"),
        ({"prompt": [{"role": "user"}], "chosen": "a", "rejected": "b"}, "wrong_type"),
        ({"chosen": MESSAGES, "rejected": MESSAGES}, "no_final_answer"),
    ],
)
def test_unusable_rows_are_counted_by_reason_or_stop(row, reason):
    with pytest.raises(InvalidRowError) as error:
        parse_pair(row)
    assert error.value.reason == reason
    good = {"prompt": "q", "chosen": "a", "rejected": "b"}
    rows = [("f, row 1", good), ("f, row 2", row)]
    with pytest.raises(LensError, match=r"f, row 2: .*invalid_rows: drop"):
        normalise_pairs(rows)
    pairs, report = normalise_pairs(rows, invalid_rows="drop")
    assert len(pairs) == 1
    assert report.as_dict() == {
        "rows_not_selected": 0,
        "rows_read": 2,
        "rows_kept": 1,
        "pairs_beyond_limits": 0,
        "rows_dropped": {reason: 1},
        "first_dropped": {reason: ["f, row 2"]},
    }


def plain(prompt="p", **more):
    return {"prompt": prompt, "chosen": "a", "rejected": "b", **more}


def pairs_of(*rows, **options):
    return normalise_pairs([(f"f, row {i}", row) for i, row in enumerate(rows, 1)], **options)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (plain(chosen=" "), "the chosen answer is empty."),
        (plain(rejected=" "), "the rejected answer is empty."),
        (plain(chosen=None), "an answer is null."),
        (plain(3), "the prompt is a int, not text."),
        (plain([{"role": "user"}]), "a message needs `role` and `content` as text."),
        (plain([{"content": "p"}]), "a message needs `role` and `content` as text."),
        (plain([{"role": "user", "content": 3}]), "a message needs `role` and `content` as text."),
        (plain(["p"]), "a message needs `role` and `content` as text."),
        ({"chosen": 3, "rejected": 4}, "an answer must be text or a list of messages."),
        (
            {"chosen": said("a"), "rejected": said("b")},
            "the conversation ends without an answer.",
        ),
        (plain("p \ud800"), "a text holds half a character (a surrogate)."),
        (plain(chosen="\udfff"), "a text holds half a character (a surrogate)."),
        (plain(TRANSCRIPT + "\ud9ab"), "a text holds half a character (a surrogate)."),
    ],
)
def test_messages_name_place_reason_and_remedy(row, words):
    with pytest.raises(LensError) as error:
        pairs_of(plain("q"), row)
    remedy = "Mend or remove the rows, or set `invalid_rows: drop` to drop and count them."
    assert str(error.value) == f"f, row 2: {words} {remedy}"


@pytest.mark.parametrize("chosen", [[], said("a") * 2])
def test_an_answer_is_one_message(chosen):
    with pytest.raises(LensError, match="f, row 2: an answer must be text or a list of one "):
        pairs_of(plain("q"), plain(chosen=chosen))


def test_a_row_without_any_prompt_is_named():
    with pytest.raises(LensError, match=r"f, row 2: .*the answers are no transcripts"):
        pairs_of(plain("q"), plain(None))


def test_a_new_report_counts_nothing():
    assert not any(Report().as_dict().values())


def test_the_first_five_places_of_each_reason_are_kept():
    rows = [plain(chosen=""), plain(3)] * 7
    _, report = pairs_of(*rows, plain("q"), invalid_rows="drop")
    assert report.dropped == {"empty_response": 7, "wrong_type": 7}
    assert report.first_places == {
        "empty_response": [f"f, row {n}" for n in (1, 3, 5, 7, 9)],
        "wrong_type": [f"f, row {n}" for n in (2, 4, 6, 8, 10)],
    }
    assert (report.read, report.kept) == (15, 1)


def test_no_usable_pair_is_an_error_with_the_count():
    with pytest.raises(LensError, match=r"no usable pair among 2 rows: \{'empty_response': 2\}"):
        pairs_of(plain(chosen=""), plain(rejected=""), invalid_rows="drop")


def test_a_pair_has_its_own_id_or_its_row_s_number():
    rows = [plain("p"), plain("q", id=0), plain("r", id=None), plain("s", id="x")]
    places = [f"my row 7.jsonl, row {number}" for number in (1, 2, 3, 4)]
    pairs, report = normalise_pairs(list(zip(places, rows, strict=True)))
    assert pairs.columns.tolist() == ["id", "prompt", "chosen", "rejected", "group"]
    assert pairs["id"].tolist() == ["1", "0", "3", "x"]
    assert report.places == dict(zip(["1", "0", "3", "x"], places, strict=True))
    with pytest.raises(LensError, match=r"f, row 2: the id '1' stands twice"):
        pairs_of(plain("p"), plain("q", id=1))


def test_texts_are_kept_as_they_are_written():
    pairs, _ = pairs_of(plain("na\u00efve \u4f60", chosen="\U0001f600", rejected="\u05d0"))
    assert pairs["prompt"][0] == '[{"role": "user", "content": "na\u00efve \u4f60"}]'
    assert (pairs["chosen"][0], pairs["rejected"][0]) == ("\U0001f600", "\u05d0")


def test_conversations_that_begin_alike_are_prompts_of_their_own_unless_grouped_by_first_turn():
    rows = [plain(MESSAGES), plain([*MESSAGES[:2], {"role": "user", "content": "When?"}])]
    assert pairs_of(*rows)[0]["group"].tolist() == ["hi hello. why?", "hi hello. when?"]
    assert pairs_of(*rows, group_by="first_turn")[0]["group"].tolist() == ["hi", "hi"]


def test_a_prompt_is_kept_by_how_its_last_turn_begins():
    rows = [plain(MESSAGES), plain("Hi"), plain("Why not?")]
    pairs, report = pairs_of(*rows, keep_prefix="Why")
    assert pairs["id"].tolist() == ["1", "3"]
    assert report.as_dict()["rows_dropped"] == {"prompt_filtered_out": 1}
    assert report.first_places == {"prompt_filtered_out": ["f, row 2"]}


SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([SYSTEM, *MESSAGES], None),
        ([MESSAGES[0]], None),
        ([SYSTEM], "turns_do_not_alternate"),
        ([SYSTEM, *MESSAGES[:2]], "turns_do_not_alternate"),
        ([MESSAGES[0], SYSTEM, MESSAGES[0]], "turns_do_not_alternate"),
        ([MESSAGES[1]], "turns_do_not_alternate"),
        ([{"role": "user", "content": ""}], "empty_turn"),
        ([{"role": "user", "content": " "}, *MESSAGES[1:]], "empty_turn"),
        ([{**SYSTEM, "content": "\n"}, *MESSAGES], "empty_turn"),
    ],
)
def test_turns_alternate_from_user_to_user_after_one_system_message(messages, reason):
    if reason is None:
        spaced = [{**message, "content": f" {message['content']}\n"} for message in messages]
        assert parse_pair(plain(messages))[0] == parse_pair(plain(spaced))[0] == messages
        return
    with pytest.raises(InvalidRowError) as error:
        parse_pair(plain(messages))
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        (json.dumps(MESSAGES), MESSAGES),
        (" \n[ \n" + json.dumps(MESSAGES)[1:], MESSAGES),
        ('[{"role": "user"', None),
        ('[{"role": "user"}]', None),
        ('[{"content": "user"}]', None),
        ('[{"role": "user", "content": "Hi"}, 3]', None),
        ("[1, 2]", None),
        ("see [{1}]", None),
    ],
)
def test_a_cell_that_holds_messages_is_read_as_such_and_any_other_as_text(text, turns):
    assert parse_pair(plain(text))[0] == (turns or [{"role": "user", "content": text}])
    if turns is None:
        assert parse_pair(plain(chosen=text))[1] == text


def test_an_answer_may_be_one_message_in_a_cell():
    row = plain(chosen=json.dumps(said(" yes ")), rejected=said(" no"))
    assert parse_pair(row) == ([{"role": "user", "content": "p"}], "yes", "no")


def test_a_transcript_keeps_an_assistant_s_last_turn_that_says_something():
    with pytest.raises(InvalidRowError, match="do not alternate"):
        parse_pair(plain(TRANSCRIPT + "So."))
    assert parse_pair(plain(TRANSCRIPT))[0] == MESSAGES


def test_conversations_of_two_turns_are_enough():
    chosen, rejected = ([MESSAGES[0], *said(text)] for text in "ab")
    expected = ([MESSAGES[0]], "a", "b")
    assert parse_pair({"chosen": chosen, "rejected": rejected}) == expected


def test_every_missing_column_is_named():
    with pytest.raises(LensError, match=r"column chosen and rejected missing; found \['a', 'b'\]"):
        parse_pair({"b": 1, "a": 2})
    with pytest.raises(LensError, match=r"column rejected missing"):
        parse_pair({"chosen": "a"})


def test_columns_are_renamed_where_every_row_has_them():
    rows = [("f, row 1", {"q": 1, "x": 2}), ("f, row 2", {"q": 3})]
    assert rename_columns(rows, {"prompt": "q"}) == [
        ("f, row 1", {"prompt": 1, "x": 2}),
        ("f, row 2", {"prompt": 3}),
    ]
    with pytest.raises(LensError, match=r"f, row 2: no column \['x'\]; found \['q'\]"):
        rename_columns(rows, {"prompt": "q", "chosen": "x"})


def test_rows_are_selected_by_all_values_as_text():
    rows = [(f"row {i}", {"part": i % 2, "kind": "ab"[i // 2]}) for i in range(4)]
    assert select_rows(rows, {"part": "1", "kind": "b"}) == [rows[3]]
    with pytest.raises(LensError, match="no row has"):
        select_rows(rows, {"part": "2"})


def test_missing_columns_stop_even_when_rows_may_be_dropped():
    rows = [("f, row 1", {"prompt": "p", "winner": "a", "rejected": "b"})]
    with pytest.raises(LensError, match=r"row 1: column chosen missing.*'winner'"):
        normalise_pairs(rows, invalid_rows="drop")


def test_filtered_prompts_are_counted():
    rows = [
        (f"f, row {i}", {"prompt": p, "chosen": "a", "rejected": "b"})
        for i, p in enumerate(["SUBREDDIT: x", "TITLE: y"])
    ]
    pairs, report = normalise_pairs(rows, keep_prefix="SUBREDDIT:")
    assert len(pairs) == 1
    assert report.dropped == {"prompt_filtered_out": 1}


def test_group_key_sets_case_spacing_and_unicode_form_aside():
    keys = {
        group_key([{"role": "user", "content": text}], "prompt")
        for text in ("A  b", "a b ", "\uff41 b")
    }
    assert len(keys) == 1


def test_groups_by_first_turn_set_system_messages_aside():
    system = {"role": "system", "content": "Be brief."}
    other = [*MESSAGES[:2], {"role": "user", "content": "When?"}]
    assert group_key([system, *MESSAGES], "first_turn") == group_key(other, "first_turn") == "hi"
    assert group_key([system, *MESSAGES], "prompt") != group_key(other, "prompt")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60),
    st.floats(0.01, 0.99),
    st.integers(0, 99),
)
def test_no_group_stands_on_both_sides(groups, fraction, seed):
    groups = pd.Series(groups)
    if groups.nunique() < 2:
        with pytest.raises(LensError, match="share one prompt"):
            split_by_group(groups, fraction, seed)
        return
    test = split_by_group(groups, fraction, seed)
    assert not set(groups[test]) & set(groups[~test])
    assert test.any()
    assert not test.all()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.floats(0, 1), st.integers(0, 99))
def test_so_many_groups_are_held_out_whatever_the_order_of_rows(count, fraction, seed):
    groups = pd.Series([f"g{i % count}" for i in range(3 * count)])
    test = split_by_group(groups, fraction, seed)
    expected = sorted([1, round(fraction * count), count - 1])[1]
    assert groups[test].nunique() == expected
    turned = split_by_group(groups[::-1], fraction, seed)
    assert isinstance(turned, np.ndarray)  # by place, whatever the index
    assert set(groups[::-1][turned]) == set(groups[test])
    assert np.array_equal(hold_out(groups.to_numpy(), fraction, seed), test)


def test_which_groups_are_held_out_follows_the_seed():
    groups = pd.Series([f"g{i}" for i in range(60)])
    first, other = (split_by_group(groups, 0.5, seed) for seed in (0, 1))
    assert not np.array_equal(first, other)


def test_training_pairs_keep_apart_from_what_is_held_out():
    pairs, report = pairs_of(*(plain(f"p{i % 3}", id=f"x{i}") for i in range(6)))
    with pytest.raises(LensError) as error:
        keep_apart(pairs, {"p1"}, "prompt_is_held_out", report, "error")
    assert str(error.value) == (
        "f, row 2 (training pair x1): prompt is held out. "
        "Mend or remove the rows, or set `invalid_rows: drop` to drop and count them."
    )
    assert keep_apart(pairs, {"p9"}, "prompt_is_held_out", report, "error").equals(pairs)
    left = keep_apart(pairs, {"p1"}, "prompt_is_held_out", report, "drop")
    assert left["id"].tolist() == ["x0", "x2", "x3", "x5"]
    assert (report.kept, report.dropped) == (4, {"prompt_is_held_out": 2})
    assert report.first_places == {"prompt_is_held_out": ["f, row 2", "f, row 5"]}


def test_a_sample_may_be_everything_and_is_sorted():
    assert sample_rows(5, 5, seed=0).tolist() == [0, 1, 2, 3, 4]
    assert (np.diff(sample_rows(50, 20, seed=0)) > 0).all()


def test_samples_are_nested_and_follow_the_seed():
    small, large = sample_rows(1000, 50, seed=4), sample_rows(1000, 300, seed=4)
    assert set(small) < set(large)
    assert len(set(large)) == 300
    assert not np.array_equal(small, sample_rows(1000, 50, seed=5))
    with pytest.raises(LensError, match="2000 training pairs are asked for but only 1000"):
        sample_rows(1000, 2000, seed=4)


# The command on files


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def some_rows(count=30):
    return [
        {"prompt": f"p{i}", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(count)
    ]


def outputs(tmp_path):
    return (
        "--out",
        tmp_path / "pairs.parquet",
        "--out-prompts",
        tmp_path / "prompts.parquet",
        "--report",
        tmp_path / "report.json",
    )


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "json", "csv", "parquet"])
def test_file_types_give_the_same_pairs(tmp_path, lens, kind):
    rows, path = some_rows(), tmp_path / f"pairs.{kind}"
    if kind == "jsonl":
        path.write_bytes(b"\xef\xbb\xbf" + b"".join(json.dumps(r).encode() + b"\r\n" for r in rows))
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    elif kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        pd.DataFrame(rows).to_parquet(path)
    lens("prepare-pairs", "--path", path, *outputs(tmp_path))
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert sorted(pairs["chosen"]) == sorted(row["chosen"] for row in rows)
    assert pairs["split"].value_counts().to_dict() == {"train": 24, "test": 6}
    prompts = pd.read_parquet(tmp_path / "prompts.parquet")
    assert set(prompts["prompt_id"]) == set(pairs.loc[pairs["split"] == "test", "id"])


def test_renamed_columns_and_chosen_rows(tmp_path, lens):
    rows = [{"q": f"p{i}", "a": "x", "b": "y", "part": "ab"[i % 2]} for i in range(20)]
    path = write(tmp_path / "own.jsonl", rows)
    lens(
        "prepare-pairs",
        "--path",
        path,
        "--where",
        '{"part": "a"}',
        "--columns",
        '{"prompt": "q", "chosen": "a", "rejected": "b"}',
        *outputs(tmp_path),
    )
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert len(pairs) == 10
    assert set(pairs["chosen"]) == {"x"}
    report = json.loads((tmp_path / "report.json").read_text())["metrics"]["train_source"]
    assert report["rows_not_selected"] == 10


BAD_FILES = {
    "misnamed column": (b'{"prompt": "p", "winner": "a", "rejected": "b"}\n', r"row 1: .*chosen"),
    "empty answer": (b'{"prompt": "p", "chosen": "", "rejected": "b"}\n', r"row 1: .*empty"),
    "same answers": (b'{"prompt": "p", "chosen": "b", "rejected": "b"}\n', r"row 1: .*the same"),
    "no JSON": (b'{"prompt": "p"\n', r"row 1: not valid JSON"),
    "no object": (b"[1, 2]\n", r"row 1: a JSON object is needed"),
    "no rows": (b"\n", r"no rows"),
    "not UTF-8": (b'{"prompt": "\xff\xfe"}\n', r"row 1: not in UTF-8 .*Save it as UTF-8"),
    "one prompt": (b'{"prompt": "p", "chosen": "a", "rejected": "b"}\n' * 2, r"share one prompt"),
    "same id": (b'{"id": 1, "prompt": "p", "chosen": "a", "rejected": "b"}\n' * 2, r"stands twice"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_get_one_message_and_leave_earlier_results(tmp_path, fail, lens, name):
    content, message = BAD_FILES[name]
    good = write(tmp_path / "good.jsonl", some_rows())
    lens("prepare-pairs", "--path", good, *outputs(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(content)
    text = fail("prepare-pairs", "--path", bad, *outputs(tmp_path))
    assert re.search(message, text), text
    assert {path: path.read_bytes() for path in before} == before
    assert not list(tmp_path.glob(".*tmp"))


def test_other_unreadable_inputs(tmp_path, fail):
    tail = outputs(tmp_path)
    assert "no such file" in fail("prepare-pairs", "--path", tmp_path / "none.jsonl", *tail)
    (tmp_path / "x.xlsx").write_bytes(b"x")
    assert "unknown file type" in fail("prepare-pairs", "--path", tmp_path / "x.xlsx", *tail)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 cut short")
    assert "not a readable Parquet" in fail(
        "prepare-pairs", "--path", tmp_path / "x.parquet", *tail
    )
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b'{"prompt": "p"}\n' * 99)[:-9])
    assert "Make sure that the file is whole" in fail(
        "prepare-pairs", "--path", tmp_path / "x.jsonl.gz", *tail
    )
    (tmp_path / "x.csv").write_text("prompt,chosen,rejected\np,a,b\np,a,b,c\n")
    assert "row 3: the number of fields" in fail(
        "prepare-pairs", "--path", tmp_path / "x.csv", *tail
    )
    assert "either --path" in fail("prepare-pairs", *tail)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("kind", "mark"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_tables_as_spreadsheets_save_them(tmp_path, kind, mark, end, start):
    header = mark.join(["prompt", '"chosen"', "rejected"])
    row = mark.join([f'"Two{end}lines, ""so"""', "a;b" if mark != ";" else '"a;b"', "b"])
    path = tmp_path / f"pairs.{kind}"
    path.write_bytes(start + end.join([header, row, row, ""]).encode())
    expected = {"prompt": 'Two\nlines, "so"', "chosen": "a;b", "rejected": "b"}
    assert read_rows(path) == [(f"{path}, row {number}", expected) for number in (2, 3)]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ('"a,b";c', ["a,b", "c"]),
        ('"a;b",c', ["a;b", "c"]),
        ("a,b;c", ["a", "b;c"]),
        ("a", ["a"]),
    ],
)
def test_what_separates_columns(tmp_path, header, columns):
    path = tmp_path / "x.csv"
    separator = ";" if header.startswith('"a,b"') else ","
    path.write_text(f"{header}\n{separator.join('1' for _ in columns)}\n")
    assert list(read_rows(path)[0][1]) == columns


def test_line_ends_within_a_field_stay_where_rows_end_otherwise(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b\n"x\r\ny",z\n')
    assert read_rows(path)[0][1] == {"a": "x\r\ny", "b": "z"}


def test_json_lines_of_windows_hold_no_carriage_return(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": "x"}\r\n\r\n{"a": "y\\n"}\r\n')
    assert read_rows(path) == [
        (f"{path}, row 1", {"a": "x"}),
        (f"{path}, row 3", {"a": "y\n"}),
    ]


@pytest.mark.parametrize("kind", ["csv", "tsv", "json"])
def test_files_in_a_windows_code_page_are_to_be_saved_as_utf_8(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes('"prompt"\nna\u00efve \u201cwords\u201d\n'.encode("cp1252"))
    with pytest.raises(LensError, match=r"x\.\w+, line 2: .*Save it as UTF-8"):
        read_rows(path)


def test_sources_are_files_before_they_are_hub_ids(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("lens.data.sources.read_hub_rows", lambda *given: asked.append(given))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org").mkdir()
    write(tmp_path / "org/name.jsonl", some_rows(1))
    assert read_source("org/name.jsonl") == [("org/name.jsonl, row 1", some_rows(1)[0])]
    for name in ("org/none.jsonl", "org/none.CSV", "none", "./org/none", "a/b/c"):
        with pytest.raises(LensError, match=rf"{name}: no such file"):
            read_source(name)
    assert not asked
    read_source("org/name", split="test", revision="main")
    read_source("org-1/some.name_2")
    read_source(str(tmp_path / "org"))
    assert asked == [
        ("org/name", "main", "test"),
        ("org-1/some.name_2", None, "train"),
        (str(tmp_path / "org"), None, "train"),
    ]


def test_prompts_of_the_test_split_may_not_train(tmp_path, fail, lens):
    train = write(tmp_path / "train.jsonl", some_rows(10))
    test = write(tmp_path / "test.jsonl", [{**row, "prompt": "P3 "} for row in some_rows(1)])
    command = ("prepare-pairs", "--path", train, "--test-path", test, *outputs(tmp_path))
    assert "train.jsonl, row 4 (training pair 4): prompt stands in test split" in fail(*command)
    lens(*command, "--invalid-rows", "drop")
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert len(pairs[pairs["split"] == "train"]) == 9
    report = json.loads((tmp_path / "report.json").read_text())["metrics"]["train_source"]
    assert report["rows_dropped"] == {"prompt_stands_in_test_split": 1}
    assert report["rows_kept"] == 9


def test_prompts_of_a_pool_may_not_train(tmp_path, fail, lens):
    train = write(tmp_path / "train.jsonl", some_rows(10))
    pool = write(tmp_path / "pool.jsonl", [{"prompt": "p4", "candidates": ["a", "b"]}])
    lens(
        "prepare-candidates",
        "--path",
        pool,
        "--out",
        tmp_path / "pool.parquet",
        "--metrics",
        tmp_path / "pool.json",
    )
    command = (
        "prepare-pairs",
        "--path",
        train,
        "--pool",
        tmp_path / "pool.parquet",
        *outputs(tmp_path),
    )
    assert "train.jsonl, row 5 (training pair 5): prompt stands in candidate pool" in fail(*command)
    lens(*command, "--invalid-rows", "drop")
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert "p4" not in set(pairs["group"])


def test_limits_take_samples(tmp_path, lens):
    path = write(tmp_path / "own.jsonl", some_rows(100))
    lens(
        "prepare-pairs",
        "--path",
        path,
        "--max-train-pairs",
        30,
        "--max-test-pairs",
        10,
        "--test-prompts",
        5,
        *outputs(tmp_path),
    )
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert pairs["split"].value_counts().to_dict() == {"train": 30, "test": 10}
    report = json.loads((tmp_path / "report.json").read_text())["metrics"]["train_source"]
    assert report["pairs_beyond_limits"] == 60
    assert len(pd.read_parquet(tmp_path / "prompts.parquet")) == 5


def test_hub_datasets(tmp_path, lens, fail, monkeypatch):
    """A local folder stands for the Hub: the loading code is the same."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "dataset"
    folder.mkdir()
    write(folder / "train.jsonl", some_rows(10))
    write(folder / "test.jsonl", [{**row, "prompt": f"t{i}"} for i, row in enumerate(some_rows(4))])
    lens(
        "prepare-pairs",
        "--hub",
        folder,
        "--train-split",
        "train",
        "--test-split",
        "test",
        *outputs(tmp_path),
    )
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert pairs["split"].value_counts().to_dict() == {"train": 10, "test": 4}
    message = fail("prepare-pairs", "--hub", tmp_path / "none", *outputs(tmp_path))
    assert "cannot be loaded" in message


def test_the_workflow_reads_ratings_as_pairs_too(tmp_path, lens):
    rows = [
        {"prompt": f"question {i}", "responses": ["a", "b", "c"], "ratings": [3, 1, 3]}
        for i in range(4)
    ]
    source = tmp_path / "rated.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = [tmp_path / name for name in ("pairs.parquet", "prompts.parquet", "report.json")]
    for rule, count in (("all", 8), ("best_worst", 4)):
        lens(
            "prepare-pairs",
            "--path",
            source,
            "--pair-rule",
            rule,
            "--out",
            out[0],
            "--out-prompts",
            out[1],
            "--report",
            out[2],
        )
        pairs = pd.read_parquet(out[0])
        assert len(pairs) == count
        assert set(pairs["rejected"]) == {"b"}
        assert not set(pairs["group"][pairs["split"] == "train"]) & set(
            pairs["group"][pairs["split"] == "test"]
        )
        assert json.loads(out[2].read_text())["metrics"]["form"]["form"] == "ratings"
