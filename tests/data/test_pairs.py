"""From files as people have them to checked, split pairs; bad input gets one clear message."""

import json

import pytest

from lens.core.errors import LensError
from lens.data.pairs import (
    InvalidRowError,
    Report,
    normalise_pairs,
    parse_pair,
    select_rows,
)
from lens.data.reading.columns import rename_columns
from tests.helpers.forms import MESSAGES, pairs_of, plain

TRANSCRIPT = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Why?\n\nAssistant: "


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
    remedy = "Fix or remove the rows, or set `invalid_rows: drop` to drop and count them."
    said, _, shows = str(error.value).partition(" Look at it: ")
    assert said == f"f, row 2: {words} {remedy}"
    assert shows.startswith("python -c ")


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
    assert report.first_dropped == {
        "empty_response": [f"f, row {n}" for n in (1, 3, 5, 7, 9)],
        "wrong_type": [f"f, row {n}" for n in (2, 4, 6, 8, 10)],
    }
    assert (report.read, report.kept) == (15, 1)


def test_no_usable_pair_is_an_error_with_the_count():
    with pytest.raises(LensError, match=r"no usable pair among 2 rows: \{'empty_response': 2\}"):
        pairs_of(plain(chosen=""), plain(rejected=""), invalid_rows="drop")
    with pytest.raises(LensError, match=r"no usable pair among 0 rows: \{\}"):
        pairs_of()


def test_a_pair_has_its_own_id_or_its_row_s_number():
    rows = [plain("p"), plain("q", id=0), plain("r", id=None), plain("s", id="x")]
    places = [f"my row 7.jsonl, row {number}" for number in (1, 2, 3, 4)]
    pairs, report = normalise_pairs(list(zip(places, rows, strict=True)))
    assert pairs.columns.tolist() == ["id", "prompt", "chosen", "rejected", "group"]
    assert pairs["id"].tolist() == ["1", "0", "3", "x"]
    assert report.where_by_id == dict(zip(["1", "0", "3", "x"], places, strict=True))
    with pytest.raises(LensError, match=r"f, row 2: the id '1' is used twice"):
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
    assert report.first_dropped == {"prompt_filtered_out": ["f, row 2"]}


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


def test_ids_that_are_no_use_are_left_out_by_the_command():
    rows = [(f"f.jsonl, row {number}", plain(id=1)) for number in (1, 2)]
    with pytest.raises(LensError) as refused:
        normalise_pairs(rows)
    assert str(refused.value).endswith("""lens check data f.jsonl --columns '{"id": ""}'""")


def test_sides_and_labels_are_kept_where_they_are_valid():
    given = [("first", 1.0), ("second", 0.0), ("third", 1.5), (None, -0.5), (1, "x"), ("", 1)]
    rows = [(f"f, row {i}", plain(side=side, label=label)) for i, (side, label) in enumerate(given)]
    table, _ = normalise_pairs(rows)
    assert table["side"].dropna().to_dict() == {0: "first", 1: "second"}
    assert table["label"].dropna().to_dict() == {0: 1.0, 1: 0.0}
    without, _ = normalise_pairs(rows[2:])
    assert not {"side", "label"} & {*without}
