"""The small inputs in ../shared/cases/pairs, in which the long answer is the preferred one."""

import json

import pytest

from lens.core.errors import LensError
from lens.data.check import check_data
from lens.data.forms import to_pairs
from lens.data.pairs import normalise_pairs
from lens.data.sources import read_rows

# (pairs, ties, rows that nobody judged)
READ = {
    "alpacafarm.jsonl": (24, 0, 0),
    "argilla1.jsonl": (24, 0, 0),
    "argilla_rank.jsonl": (24, 0, 0),
    "capybara.jsonl": (18, 6, 0),
    "context_question.jsonl": (24, 0, 0),
    "excel sep line.csv": (24, 0, 0),
    "excel.csv": (40, 0, 0),
    "handmade spaces.csv": (24, 0, 0),
    "helpsteer3.jsonl": (24, 0, 0),
    "hh_prompt_stripped.jsonl": (24, 0, 0),
    "hh_prompt_whole.jsonl": (24, 0, 0),
    "history_in_prompt.jsonl": (24, 0, 0),
    "judgebench.jsonl": (24, 0, 0),
    "kaggle_arena_winner.csv": (24, 0, 0),
    "labelstudio.json": (24, 0, 0),
    "labelstudio_left.csv": (24, 0, 0),
    "llamafactory_old.jsonl": (24, 0, 0),
    "mysql_backslash.csv": (24, 0, 0),
    "oasst_flat.jsonl": (24, 0, 0),
    "openai_dict.jsonl": (24, 0, 0),
    "openai_pref.jsonl": (24, 0, 0),
    "orca.jsonl": (24, 0, 0),
    "pandas_repr.csv": (24, 0, 0),
    "pku_safer_only.jsonl": (24, 0, 0),
    "ppe_ab.jsonl": (16, 8, 0),
    "rb1_convs.jsonl": (24, 0, 0),
    "rb2_str.jsonl": (48, 0, 0),
    "sff.jsonl": (24, 0, 0),
    "sharegpt.jsonl": (24, 0, 0),
    "sheets caps.csv": (24, 0, 0),
    "shp.jsonl": (24, 0, 0),
    "system_in_prompt.jsonl": (24, 0, 0),
    "trl_parts.jsonl": (24, 0, 0),
    "trl_tools.jsonl": (24, 0, 0),
    "tulu3.jsonl": (24, 0, 0),
    "uf_bin.jsonl": (21, 3, 0),
    "uf_orig.jsonl": (24, 0, 0),
    "unjudged_rows.csv": (20, 0, 4),
}
REFUSED = {
    "helpsteer_pos.jsonl": r"1 means `response_1`: lens check .* 1 means `response_2`: lens check",
    "label_flag.jsonl": r"`label` and `preference` may both be the label.*lens check data .*'\{",
    "ranking_order.jsonl": r'ranks.*"ranks": "ranking".*order.*"order": "ranking"',
    "placeholder_scores.jsonl": r"are 0 in all 24 rows.*placeholders.*lens check data",
    "bestof_refs.jsonl": r"`answers` are the answers.*`outputs` are the answers",
}


def find(shared, name):
    path = shared / "cases/pairs" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


@pytest.mark.parametrize("name", READ)
def test_the_long_answer_is_preferred(shared, name):
    pairs, form = to_pairs(read_rows(find(shared, name)))
    table, report = normalise_pairs(pairs)
    judged = dict(form.judgements)
    unjudged = form.unjudged + judged.get("rows nobody judged", 0)
    assert (len(table), form.ties, unjudged) == READ[name]
    assert report.kept == report.read
    assert table["chosen"].str.contains("For the ").all()
    assert not table["rejected"].str.contains("For the ").any()


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(shared, name):
    path = find(shared, name)
    with pytest.raises(LensError, match=REFUSED[name]) as error:
        to_pairs(read_rows(path))
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("alpacafarm.jsonl", ["Sentence 0: the kayak lay in the snow."]),
        ("context_question.jsonl", ["Passage 0. The kayak is blue.\n\nWhat colour is it?"]),
        ("hh_prompt_stripped.jsonl", ["kayak number 0?", "Which one?", "The red one."]),
        ("history_in_prompt.jsonl", ["I own a kayak (0).", "Nice.", "How do I clean it?"]),
        ("orca.jsonl", ["Be brief.", "kayak number 0?"]),
        ("system_in_prompt.jsonl", ["Answer in rhyme.", "kayak number 0?"]),
        ("mysql_backslash.csv", ['number 0? "now"']),
    ],
)
def test_no_part_of_the_prompt_is_lost(shared, name, turns):
    table, _ = normalise_pairs(to_pairs(read_rows(find(shared, name)))[0])
    said = [message["content"] for message in json.loads(table["prompt"][0])]
    assert len(said) == len(turns)
    assert all(content.endswith(end) for content, end in zip(said, turns, strict=True))


def test_the_settling_columns_do_settle(shared):
    for name, columns in {
        "helpsteer_pos.jsonl": {"second_is_better": "preference"},
        "label_flag.jsonl": {"winner": "label"},
        "ranking_order.jsonl": {"order": "ranking"},
        "placeholder_scores.jsonl": {"chosen_score": "", "rejected_score": ""},
    }.items():
        rows = read_rows(find(shared, name))
        check = check_data(rows, columns=columns)
        assert check.pairs >= 24
        if name != "ranking_order.jsonl":
            continue
        pairs, _ = to_pairs(rows, columns=columns, pair_rule="best_worst")
        assert all("For the" in pair["chosen"] for _, pair in pairs)
