"""Exports of Argilla 1 and 2, nested and flat: labels, rankings, ratings and suggestions."""

import json

import pandas as pd
import pytest

from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.data.forms import to_pairs
from lens.data.sources import read_rows
from tests.helpers.argilla_exports import (
    BAD,
    FIELDS,
    GOOD,
    LAYOUTS,
    RANKED,
    flat_1,
    flat_2,
    record_1,
    record_2,
    said,
)


def read(*rows, columns=None, **options):
    rows = [(f"f, row {number}", row) for number, row in enumerate(rows, 1)]
    return to_pairs(rows, columns=columns, **options)


def only(*rows, **options):
    [(_, pair)], report = read(*rows, **options)
    return pair, report


@pytest.fixture(params=LAYOUTS, ids=list(LAYOUTS))
def layout(request):
    return LAYOUTS[request.param]


@pytest.mark.parametrize("value", ["response-2", RANKED, ["response-2", "response-1"]])
def test_labels_and_rankings_in_every_layout(layout, value):
    pair, report = only(layout(said(value)))
    assert (pair["prompt"], pair["chosen"], pair["rejected"]) == ("What now?", GOOD, BAD)
    assert (pair["side"], pair["votes_for"], pair["annotators_for"]) == ("second", 1, ["u"])
    assert report.judgements == {"annotators": 1, "votes": 1}
    assert not report.unread


def test_votes_are_kept_in_every_layout(layout):
    pair, report = only(
        layout(said("response-2"), said("response-1", "v"), said("response-2", "w"))
    )
    assert (pair["chosen"], pair["votes_for"], pair["votes_against"]) == (GOOD, 2, 1)
    assert (pair["annotators_for"], pair["annotators_against"]) == (["u", "w"], ["v"])
    assert report.judgements == {"annotators": 3, "votes": 3}


@pytest.mark.parametrize("layout", [flat_1, record_1, flat_2])
def test_only_what_was_submitted_counts(layout):
    """Nested records of version 2 do not say the status of a response."""
    pair, report = only(
        layout(
            said("response-2"),
            said("response-1", "v", "discarded"),
            said("response-1", "w", "discarded"),
            said("response-1", "x", "draft"),
        )
    )
    assert (pair["chosen"], pair["votes_against"]) == (GOOD, 0)
    assert report.judgements == {"annotators": 1, "votes": 1, "discarded": 2, "drafts": 1}


def suggested(layout, value):
    if layout is flat_1:
        return {"suggestion": value}
    if layout is record_1:
        return {"suggestions": [{"question_name": "preference", "value": value, "agent": "m"}]}
    if layout is record_2:
        return {"suggestions": {"preference": {"value": value, "score": 0.9, "agent": "m"}}}
    more = {"preference.suggestion": value, "preference.suggestion.agent": "m"}
    return more | {"preference.suggestion.score": 0.9}


def test_a_suggestion_counts_only_where_nobody_answered(layout):
    guess = suggested(layout, "response-1")
    pairs, report = read(
        layout(said("response-2"), **guess, id="b"), layout(**guess, id="c", external_id="c")
    )
    assert [pair["chosen"] for _, pair in pairs] == [GOOD, BAD]
    assert report.judgements["rows judged by a model alone"] == 1
    assert not report.unread


def test_a_discarded_record_is_not_filled_by_a_suggestion():
    pairs, report = read(
        flat_1(said("response-2")),
        flat_1(said("response-2", status="discarded"), suggestion="response-1"),
        flat_1(said(None, status="discarded"), suggestion="response-1"),
    )
    assert len(pairs) == 1
    assert report.judgements["discarded"] == 2
    assert report.judgements["rows nobody judged"] == 2


def test_rankings_of_many_with_ties():
    replies = {"instruction": "What now?"} | {f"reply_{n}": f"Reply {n}" for n in (1, 2, 3)}
    ranks = [{"rank": r, "value": f"reply_{n}"} for n, r in ((1, 2), (2, 1), (3, 2))]
    pairs, report = read(flat_1(said(ranks), name="reply-ranking", fields=replies))
    assert [(p["chosen"], p["rejected"]) for _, p in pairs] == [
        ("Reply 2", "Reply 1"),
        ("Reply 2", "Reply 3"),
    ]
    assert report.ties == 1
    assert report.judgements["votes"] == 3
    assert len(read(flat_1(said(ranks), fields=replies), pair_rule="best_worst")[0]) == 1


def test_rankings_as_datasets_turns_them():
    """`datasets` keeps a list of objects as an object of lists."""
    columns = {"user_id": ["u"], "status": ["submitted"]}
    columns["value"] = [{"rank": [2, 1], "value": ["response-1", "response-2"]}]
    row = FIELDS | {"preference": columns, "preference-suggestion": {"rank": [], "value": []}}
    assert only(row)[0]["chosen"] == GOOD


def test_a_ranking_of_a_list_of_responses():
    row = flat_1(said(RANKED), name="ranking", fields={"prompt": "p", "responses": [BAD, GOOD]})
    pair, report = only(row)
    assert pair["chosen"] == GOOD
    assert report.description.startswith("`ranking` says which is better of `responses`")


def test_ratings_of_each_answer_as_distilabel_asks_for_them():
    fields = {"instruction": "What now?", "generations-0": BAD, "generations-1": GOOD}
    row = record_2(fields=fields)
    for number, rating in ((0, 2), (1, 5)):
        row["responses"][f"generations-{number}-rating"] = [{"value": rating, "user_id": "u"}]
        row["responses"][f"generations-{number}-rationale"] = [{"value": "ok", "user_id": "u"}]
    pair, report = only(row)
    assert (pair["chosen"], pair["side"]) == (GOOD, "second")
    assert report.unread == ["generations-0-rationale", "generations-1-rationale"]


def test_several_kinds_of_ratings_are_refused_until_one_is_named():
    row = record_2()
    values = {"honesty-1": 1, "honesty-2": 5, "style-1": 4, "style-2": 2}
    row["responses"] = {name: [{"value": v, "user_id": "u"}] for name, v in values.items()}
    with pytest.raises(
        LensError,
        match=r"by `honesty-1`, `honesty-2`: lens check .* by `style-1`, `style-2`: lens",
    ):
        read(row)
    pair, _ = only(row, columns={"rating_1": "style-1", "rating_2": "style-2"})
    assert pair["chosen"] == BAD


def test_a_rating_of_both_is_refused_unless_it_is_a_preference():
    row = record_1(said(2), name="which")
    with pytest.raises(LensError, match=r"`which` says 2.*\"preference\": \"which\""):
        read(row)
    assert only(row, columns={"preference": "which"})[0]["chosen"] == GOOD


def test_numbers_mean_the_names_that_end_so():
    """ "1" is `generations-1`, the second answer, and not the first."""
    fields = {"prompt": "p", "generations-0": BAD, "generations-1": GOOD}
    assert only(record_1(said("1"), fields=fields))[0]["chosen"] == GOOD
    with pytest.raises(LensError, match="no question says"):
        read(record_1(said("2"), fields=fields))


def test_sets_of_labels_are_no_rankings():
    both = ["response-1", "response-2"]
    pairs, report = read(record_1(said(both)), record_1(said(["response-2"])))
    assert [pair["chosen"] for _, pair in pairs] == [GOOD]
    assert report.ties == 1


def test_questions_about_something_else_are_left_aside():
    row = flat_1(said("response-2"), comment=[said("good")], length=[said("too long", "v")])
    pair, report = only(row)
    assert pair["chosen"] == GOOD
    assert report.unread == ["comment", "length"]


def test_two_questions_that_compare_are_refused_until_one_is_named():
    row = record_1(said("response-2"), name="a")
    row["responses"][0]["values"]["b"] = {"value": "response-1"}
    with pytest.raises(LensError, match="`a`, `b`, and each may decide"):
        read(row)
    assert only(row, columns={"preference": "b"})[0]["chosen"] == BAD


def test_records_that_nobody_answered_are_refused():
    with pytest.raises(LensError, match="2 records, and none has a submitted response"):
        read(record_1(), record_1())
    with pytest.raises(LensError, match="2 records, and none has"):
        read(record_2(), record_2())


def test_parquet_csv_and_frames_give_the_same(tmp_path):
    frame = pd.DataFrame([flat_2(said("response-2"), id=f"r{n}") for n in range(3)])
    frame.to_parquet(tmp_path / "a.parquet")
    cells = {n: frame[n].map(json.dumps) for n in frame if ".responses" in n}
    frame.assign(**cells).to_csv(tmp_path / "a.csv", index=False)
    tables = [read_pairs(frame), *(read_pairs(tmp_path / f"a.{end}") for end in ("parquet", "csv"))]
    for each in tables:
        assert list(each.table["id"]) == ["r0", "r1", "r2"]
        assert set(each.table["chosen"]) == {GOOD}


def test_json_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(flat_1(said("response-2"))) + "\n")
    assert to_pairs(read_rows(path))[0][0][1]["chosen"] == GOOD


def test_a_flat_record_of_version_2_may_hold_a_suggestion_alone():
    row = {"id": "1", "_server_id": "s", "prompt": "q", "response_1": "good", "response_2": "bad"}
    row |= {"preference.suggestion": "response_1", "preference.suggestion.agent": "gpt"}
    [(_, pair)], report = to_pairs([("f, row 1", row)])
    assert (pair["chosen"], pair["rejected"]) == ("good", "bad")
    assert report.judgements["rows judged by a model alone"] == 1
