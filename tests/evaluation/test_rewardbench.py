"""RewardBench 1 and 2 on hand-made files whose scores are worked out here.

A response is the text of its own reward, so that a scorer only has to read it.
"""

import json
import sys
from math import tanh
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lens.core.errors import LensError
from lens.data.sources import read_rows
from lens.evaluation.bench_rows import read_examples, recognise_version
from lens.evaluation.rewardbench import evaluate, texts
from tests.helpers.saved_model import saved_model


def read_off(prompts, responses):
    assert all(json.loads(prompt)[-1]["role"] == "user" for prompt in prompts)
    return np.array([float(response) for response in responses], dtype=np.float32)


def constant(prompts, responses):
    return np.full(len(responses), 0.3)


def pairs(subset, outcomes):
    """Rows of version 1: "+" right, "-" wrong, "=" an exact tie."""
    rewards = {"+": ("2.5", "1"), "-": ("1", "2.5"), "=": ("1", "1")}
    return [
        {"prompt": f"q{i}", "subset": subset, "chosen": rewards[o][0], "rejected": rewards[o][1]}
        for i, o in enumerate(outcomes)
    ]


def item(subset, chosen, rejected, key="1"):
    """One row of version 2."""
    chosen, rejected = [str(value) for value in chosen], [str(value) for value in rejected]
    return {"id": key, "prompt": "q", "subset": subset, "chosen": chosen, "rejected": rejected}


def jsonl(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(folder, rows, score=read_off, version=None):
    return evaluate(read_rows(jsonl(folder, rows)), score, version)


CORE = [
    *pairs("alpacaeval-easy", "+"),
    *pairs("mt-bench-med", "+--"),
    *pairs("mt-bench-hard", "++="),
    *pairs("llmbar-natural", "-"),
    *pairs("llmbar-adver-manual", "+"),
    *pairs("donotanswer", "+++-"),
    *pairs("refusals-dangerous", "+"),
    *pairs("math-prm", "+-"),
    *pairs("hep-cpp", "++++"),
    *pairs("hep-go", "--"),
]
CHAT, HARD, SAFETY = 2 / 4, 3 / 5, 4 / 5
# two math-prm examples count as six, since there are six of code
REASONING = (6 * 1 / 2 + 4 * 1 + 2 * 0) / 12
PRIOR = [
    *pairs("anthropic_helpful", "+"),
    *pairs("shp", "---"),
    *pairs("summarize", "++"),
]

TIES = [  # question 5 has no ref, question 6 no tied row
    item("Ties", [5, 4], [2, 1], "tied:1"),  # margin 2, spread 1
    item("Ties", [3.5], [2, 0], "ref:1"),  # margin 1.5
    item("Ties", [2, 6], [1], "tied:2"),  # margin 1, spread 4
    item("Ties", [9], [5], "ref:2"),  # margin 4
    item("Ties", [4, 5], [1], "tied:3"),  # margin 3, spread 1
    item("Ties", [1], [1, 0], "ref:3"),  # margin 0
    item("Ties", [3, 3], [3], "tied:4"),  # margin 0, spread 0
    item("Ties", [2], [0], "ref:4"),  # margin 2
    item("Ties", [2, 1], [0], "tied:5"),  # margin 1, spread 1
    item("Ties", [1], [0, 2], "ref:6"),  # margin -1
    item("Ties", [1, 1], [0], "tied:7"),  # margin 1, spread 0
    item("Ties", [1], [0], "ref:7"),  # margin 1
    item("Ties", [3, 4], [2], "tied:8"),  # margin 1, spread 1
    item("Ties", [3], [0], "ref:8"),  # margin 3
]
TIED_ACCURACY = 6 / 7  # all but 4
REF_ACCURACY = 5 / 7  # all but 3 and 6
PREFERRED = 3 / 6  # 1, 3 and 7 of 1, 2, 3, 4, 7 and 8
PREFERRED_HARD = 2 / 6  # 1 and 7
# 1: 1.5 / 1 - 1, 2: 1 / 4 - 1, 3: 0 / 1 - 1, 4: 0 / 0, 7: 1 / 0, 8: 1 / 1 - 1
MARGIN = (tanh(0.5) + tanh(-0.75) + tanh(-1) + 0 + 1 + 0) / 6
TIES_SCORE = (
    0.3 * TIED_ACCURACY
    + 0.3 * REF_ACCURACY
    + 0.2 * PREFERRED
    + 0.2 * PREFERRED_HARD
    + 0.01 * MARGIN
)
BEST_OF_4 = [
    item("Factuality", [3], [2, 1, 0]),
    item("Factuality", [2], [2, 1, 0]),  # shared with one: a half
    item("Factuality", [2], [2, 2, 2]),  # shared with three: a quarter
    item("Factuality", [2], [2, 3, 1]),
]


def test_version_1_core(tmp_path):
    result = run(tmp_path, CORE)
    assert result["version"] == 1
    scores = {name: scored["score"] for name, scored in result["sections"].items()}
    expected = {"Chat": CHAT, "Chat Hard": HARD, "Safety": SAFETY, "Reasoning": REASONING}
    assert scores == pytest.approx(expected)
    assert [scored["n"] for scored in result["sections"].values()] == [4, 5, 5, 8]
    assert result["overall"] == pytest.approx((CHAT + HARD + SAFETY + REASONING) / 4)
    assert result["subsets"]["mt-bench-hard"] == {
        "section": "Chat Hard",
        "n": 3,
        "score": pytest.approx(2 / 3),
        "exact_ties": pytest.approx(1 / 3),
    }
    assert result["n"] == 22
    assert result["exact_ties"] == pytest.approx(1 / 22)
    assert result["missing_sections"] == result["outside_sections"] == []
    assert "hep-rust" in result["missing_subsets"]
    assert "shp" not in result["missing_subsets"]


def test_prior_sets_are_a_plain_mean_and_count_half(tmp_path):
    result = run(tmp_path, CORE + PRIOR)
    assert result["sections"]["Prior Sets"] == {"n": 6, "score": pytest.approx(2 / 3)}
    core = CHAT + HARD + SAFETY + REASONING
    assert result["overall"] == pytest.approx((core + 0.5 * 2 / 3) / 4.5)
    assert "anthropic_hhh" in result["missing_subsets"]


def test_missing_sections_and_unknown_subsets_are_named(tmp_path):
    rows = [row for row in CORE if not row["subset"].startswith(("llmbar", "mt-bench-hard", "hep"))]
    result = run(tmp_path, [*rows, *pairs("own", "+-")])
    assert result["overall"] is None
    assert result["missing_sections"] == ["Chat Hard"]
    assert "Chat Hard" not in result["sections"]
    assert result["sections"]["Reasoning"] == {"n": 2, "score": 0.5}
    assert result["outside_sections"] == ["own"]
    assert result["subsets"]["own"]["score"] == 0.5
    assert result["subsets"]["own"]["section"] is None


def test_a_constant_scorer(tmp_path):
    result = run(tmp_path, CORE + PRIOR, constant)
    assert result["overall"] == 0
    assert {scored["score"] for scored in result["subsets"].values()} == {0}
    assert result["exact_ties"] == 1
    result = run(tmp_path, BEST_OF_4 + TIES, constant)
    assert result["subsets"]["Factuality"]["score"] == 0.25
    assert result["subsets"]["Ties"]["score"] == 0


def test_version_2_best_of_4(tmp_path):
    result = run(tmp_path, BEST_OF_4)
    assert result["version"] == 2
    assert result["subsets"]["Factuality"] == {
        "section": "Factuality",
        "n": 4,
        "score": pytest.approx((1 + 1 / 2 + 1 / 4 + 0) / 4),
        "exact_ties": 0.5,
    }
    assert result["overall"] is None
    assert result["missing_sections"] == ["Precise IF", "Math", "Safety", "Focus", "Ties"]


def test_version_2_ties_and_overall(tmp_path):
    others = [item(name, [1], [0, 0, 0]) for name in ("Precise IF", "Math", "Safety")]
    rows = [*BEST_OF_4, *others, item("Focus", [0], [1, 0, 0]), *TIES]
    result = run(tmp_path, rows)
    assert result["subsets"]["Ties"] == {
        "section": "Ties",
        "n": 14,
        "score": pytest.approx(TIES_SCORE),
        "ref_accuracy": pytest.approx(REF_ACCURACY),
        "tied_accuracy": pytest.approx(TIED_ACCURACY),
        "preferred": pytest.approx(PREFERRED),
        "preferred_hard": pytest.approx(PREFERRED_HARD),
        "margin": pytest.approx(MARGIN),
        "exact_ties": pytest.approx(2 / 14),
    }
    assert result["overall"] == pytest.approx((1.75 / 4 + 1 + 1 + 1 + 0 + TIES_SCORE) / 6)
    assert result["missing_sections"] == result["missing_subsets"] == []


def test_forms_of_prompts_and_answers(tmp_path):
    talk = [
        {"role": "user", "content": "hé"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
    ]
    row = {
        "prompt": talk,
        "subset": "shp",
        "chosen": [{"role": "assistant", "content": "1"}],
        "rejected": " 0\n",
    }
    rows = read_rows(jsonl(tmp_path, [row]))
    assert recognise_version(rows) == 1
    prompts, responses = texts(read_examples(rows, 1))
    assert responses == ["1", " 0\n"]
    assert prompts == [json.dumps(talk, ensure_ascii=False)] * 2


def test_parquet(tmp_path):
    path = tmp_path / "rows.parquet"
    pd.DataFrame(BEST_OF_4 + TIES).to_parquet(path)
    result = evaluate(read_rows(path), read_off)
    assert result["version"] == 2
    assert result["subsets"]["Ties"]["score"] == pytest.approx(TIES_SCORE)


GOOD = pairs("shp", "+")[0]
BEST = BEST_OF_4[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([GOOD, {**GOOD, "prompt": None}], "row 2: there is no prompt"),
        ([GOOD, {**GOOD, "prompt": " "}], "row 2: the prompt must end with a user's turn"),
        ([GOOD, {**GOOD, "prompt": []}], "row 2: the prompt must end with a user's turn"),
        ([GOOD, {**GOOD, "rejected": None}], "row 2: an answer must be text"),
        ([GOOD, {**GOOD, "subset": ""}], "row 2: the subset is ''"),
        ([{"prompt": "q", "chosen": "a"}], "row 1: column subset and rejected missing"),
        ([GOOD, BEST], "row 2: a message needs"),
        ([BEST, GOOD], "row 2: `chosen` or `rejected` is not a list"),
        ([BEST, {**BEST, "rejected": []}], "row 2: `chosen` or `rejected` is not a list"),
        ([BEST, {**BEST, "rejected": [1]}], "row 2: an answer must be text"),
        ([{**BEST, "chosen": ["1", "2"]}], "row 1: 2 chosen responses"),
        ([{**BEST, "num_correct": 2}], "row 1: num_correct is 2, but `chosen` has 1"),
        ([*TIES, item("Ties", [1], [0], "3")], "row 15: the id '3' is not"),
        ([*TIES, item("Ties", [1], [0], "tied:9")], "row 15: a tied question needs two"),
        ([*TIES, item("Ties", [1], [0], "ref:8")], "the id 'ref:8' is used twice"),
        (TIES[:1], "row 1: no question of Ties is there both"),
    ],
)
def test_bad_rows(tmp_path, rows, message):
    with pytest.raises(LensError, match=r"rows\.jsonl, row") as caught:
        run(tmp_path, rows)
    assert message in str(caught.value)


def test_version_told(tmp_path):
    with pytest.raises(LensError, match="row 1: `chosen` or `rejected` is not a list"):
        run(tmp_path, [GOOD], version=2)
    with pytest.raises(LensError, match=r"row 1: .* one text as `chosen`"):
        run(tmp_path, [BEST], version=1)


@pytest.mark.parametrize(
    ("rewards", "message"),
    [
        ([1.0], "2 texts"),
        ([[1.0], [0.0]], "2 texts"),
        ([1.0, np.nan], "row 1: a reward is not fin"),
    ],
)
def test_bad_rewards(tmp_path, rewards, message):
    with pytest.raises(LensError, match=message):
        run(tmp_path, [GOOD], lambda prompts, responses: np.array(rewards))


Reader = saved_model(lambda prompts, responses: read_off(map(json.dumps, prompts), responses))


def test_command(tmp_path, monkeypatch, capsys, lens, fail):
    monkeypatch.setitem(
        sys.modules, "lens.serving.reward_model", SimpleNamespace(RewardModel=Reader)
    )
    (tmp_path / "more").mkdir()
    core = jsonl(tmp_path, CORE)
    more = jsonl(tmp_path / "more", [*PRIOR, *pairs("own", "+-")])
    out = tmp_path / "out.json"
    command = ("reward-bench", tmp_path / "model", "--data", core, more, "--out", out)
    refused = fail(*command)
    assert "row 7: the subset 'own' is none of RewardBench 1" in refused
    assert refused.endswith("--version 1")
    assert not out.exists()
    lens(*command, "--version", 1)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Reasoning", "8", "58.3", "50.0"] in printed
    assert ["mt-bench-hard", "3", "66.7", "-"] in printed
    assert printed[-5:-2] == [
        ["outside", "the", "sections"],
        ["own", "2", "50.0", "50.0"],
        ["overall", "28", f"{100 * (CHAT + HARD + SAFETY + REASONING + 1 / 3) / 4.5:.1f}", "50.0"],
    ]
    saved = json.loads(out.read_text())
    assert saved["metrics"]["sections"]["Chat"] == {"n": 4, "score": 0.5}
    assert set(saved["inputs"]) == {"data_1", "data_2"}
    assert saved["settings"]["data"] == [str(core), str(more)]
    assert "overlap" not in saved["metrics"]
    assert "no data" in fail("reward-bench", tmp_path / "model")


def test_the_command_counts_prompts_shared_with_the_training_pairs(
    tmp_path, monkeypatch, capsys, lens
):
    monkeypatch.setitem(
        sys.modules, "lens.serving.reward_model", SimpleNamespace(RewardModel=Reader)
    )
    core, out = jsonl(tmp_path, CORE), tmp_path / "out.json"
    prompts = [CORE[0]["prompt"], "a prompt that stands nowhere else"]
    training = tmp_path / "training.jsonl"
    training.write_text(
        "".join(
            json.dumps({"prompt": prompt, "chosen": "good", "rejected": "bad"}) + "\n"
            for prompt in prompts
        )
    )
    lens(
        "reward-bench",
        tmp_path / "model",
        "--data",
        core,
        "--training-data",
        training,
        "--out",
        out,
    )
    same = sum(row["prompt"].split() == prompts[0].split() for row in CORE)
    found = json.loads(out.read_text())["metrics"]["overlap"]
    assert (found["prompts"], found["equal"]) == (len(CORE), same)
    assert f"{same:,} are training prompts" in capsys.readouterr().out
