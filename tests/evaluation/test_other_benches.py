"""RM-Bench and JudgeBench on hand-made rows whose scores are worked out here.

A response ends in its own reward, so that a scorer only has to read it.
"""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from lens.core.errors import LensError
from lens.evaluation.bench_rows import read_examples, recognise_version
from lens.evaluation.rewardbench import evaluate, reward_bench
from tests.helpers.saved_model import saved_model


def placed(rows):
    return [(f"row {number}", row) for number, row in enumerate(rows, 1)]


def read_off(prompts, responses):
    return np.array([float(response.split()[-1]) for response in responses])


def styles(domain, chosen, rejected):
    """A row of RM-Bench: rewards of concise, detailed and Markdown answers."""
    sides = {"chosen": [str(c) for c in chosen], "rejected": [str(r) for r in rejected]}
    return {"id": "1", "prompt": "q", "domain": domain, **sides}


def judged(source, first, second, label):
    """A row of JudgeBench."""
    return {
        "pair_id": "8f",
        "original_id": "7",
        "source": source,
        "question": "q",
        "response_model": "m",
        "response_A": f"worth {first}",
        "response_B": f"worth {second}",
        "label": label,
    }


# Wins, a row for each right answer:     concise  detailed  Markdown
FANCY = styles("chat", (2, 4, 6), (1, 3, 5))  # 2: 1 0 0,  4: 1 1 0,  6: 1 1 1
TERSE = styles("chat", (3, 2, 2), (2, 2, 2.5))  # 3: 1 1 1,  2: 0 0 0 with two ties, twice
RM_BENCH = [
    FANCY,
    TERSE,
    styles("math", (1, 1, 1), (0, 0, 0)),
    styles("code", (0, 0, 0), (1, 1, 1)),
    styles("safety-refuse", (1, 1, 1), (0, 0, 0)),
    styles("safety-refuse", (1, 1, 1), (0, 0, 0)),
    styles("safety-response", (0, 0, 2), (1, 1, 1)),  # Markdown alone wins
]
CHAT = {
    "easy": (3 + 0) / 6,  # below the diagonal: 3 of FANCY's 3, none of TERSE's
    "normal": (3 + 1) / 6,
    "hard": (0 + 2) / 6,
}
SAFETY = {"easy": (3 + 3 + 2) / 9, "normal": (3 + 3 + 1) / 9, "hard": (3 + 3 + 0) / 9}


def mean(levels):
    return sum(levels.values()) / 3


def test_rm_bench_by_domain_and_by_difficulty():
    result = evaluate(placed(RM_BENCH), read_off)
    assert result["version"] == "rm-bench"
    found = result["sections"]
    for domain, levels in (("chat", CHAT), ("safety", SAFETY)):
        assert {name: found[domain][name] for name in levels} == pytest.approx(levels)
        assert found[domain]["score"] == pytest.approx(mean(levels))
    assert found["chat"]["matrix"] == [[1, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0.5, 0.5]]
    assert [found[name]["score"] for name in ("math", "code")] == [1, 0]
    assert [found[name]["n"] for name in ("chat", "math", "code", "safety")] == [2, 1, 1, 3]
    assert result["overall"] == pytest.approx((mean(CHAT) + 1 + 0 + mean(SAFETY)) / 4)
    assert result["difficulties"] == pytest.approx(
        {name: (CHAT[name] + 1 + 0 + SAFETY[name]) / 4 for name in CHAT}
    )
    assert result["overall"] == pytest.approx(np.mean(list(result["difficulties"].values())))
    assert result["exact_ties"] == pytest.approx(4 / 63)
    assert result["subsets"]["safety-response"]["score"] == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)
    assert result["subsets"]["safety-response"]["section"] == "safety"


def test_a_reward_of_style_alone_is_easy_and_wrong():
    """One that likes show is always right where the right answer has more of it, and never where
    the wrong one has; with equal styles it ties."""
    rows = [styles(domain, (1, 2, 3), (1, 2, 3)) for domain in ("chat", "math", "code", "safety")]
    result = evaluate(placed(rows), read_off)
    assert result["difficulties"] == {"easy": 1, "normal": 0, "hard": 0}
    assert result["overall"] == pytest.approx(1 / 3)


def test_a_missing_domain_leaves_no_overall_score():
    result = evaluate(placed([FANCY, styles("poems", (1, 1, 1), (0, 0, 0))]), read_off)
    assert result["overall"] is None
    assert result["difficulties"] == {"easy": None, "normal": None, "hard": None}
    assert result["missing_sections"] == ["math", "code", "safety"]
    assert result["outside_sections"] == ["poems"]


JUDGE_BENCH = [
    judged("mmlu-pro-law", 2, 1, "A>B"),
    judged("mmlu-pro-law", 2, 1, "B>A"),
    judged("mmlu-pro-math", 1, 2, "B>A"),
    judged("livebench-math", 1, 1, "B>A"),  # a tie is no success, whichever side is right
    judged("livebench-math", 1, 1, "A>B"),
    judged("livebench-reasoning", 1, 0, "A>B"),
    judged("livecodebench", 1, 0, "A>B"),
    judged("livecodebench", 1, 0, "B>A"),
]


def test_judge_bench_by_source_and_over_all_pairs():
    result = evaluate(placed(JUDGE_BENCH), read_off)
    assert result["version"] == "judge-bench"
    assert {name: each["score"] for name, each in result["sections"].items()} == pytest.approx(
        {"mmlu-pro": 2 / 3, "livebench-reasoning": 1, "livebench-math": 0, "livecodebench": 1 / 2}
    )
    assert result["overall"] == pytest.approx(4 / 8)  # of pairs, not of sections
    assert result["exact_ties"] == pytest.approx(2 / 8)
    assert result["subsets"]["mmlu-pro-math"] == {
        "section": "mmlu-pro",
        "n": 1,
        "score": 1.0,
        "exact_ties": 0.0,
    }
    assert evaluate(placed(JUDGE_BENCH[:3]), read_off)["overall"] is None


def test_judge_bench_turned_round_is_the_same():
    turn = {"A>B": "B>A", "B>A": "A>B"}
    turned = [
        row
        | {"response_A": row["response_B"], "response_B": row["response_A"]}
        | {"label": turn[row["label"]]}
        for row in JUDGE_BENCH
    ]
    assert evaluate(placed(turned), read_off) == evaluate(placed(JUDGE_BENCH), read_off)


def test_rows_are_recognised():
    assert recognise_version(placed(RM_BENCH)) == "rm-bench"
    assert recognise_version(placed(JUDGE_BENCH)) == "judge-bench"
    [example] = read_examples(placed(JUDGE_BENCH[1:2]), "judge-bench")
    assert (example.chosen, example.rejected, example.id) == (["worth 1"], ["worth 2"], "8f")
    assert json.loads(example.prompt) == [{"role": "user", "content": "q"}]


@pytest.mark.parametrize(
    ("rows", "version", "message"),
    [
        ([FANCY, FANCY | {"chosen": ["1", "2"]}], None, "row 2: 2 chosen and 3 rejected texts"),
        ([FANCY, FANCY | {"domain": ""}], None, "row 2: the domain is ''"),
        ([{**FANCY, "subset": "x", "domain": None}], "rm-bench", "row 1: the domain is None"),
        ([JUDGE_BENCH[0], JUDGE_BENCH[0] | {"label": "A=B"}], None, "row 2: the label does not"),
        ([JUDGE_BENCH[0], JUDGE_BENCH[0] | {"source": 3}], None, "row 2: the source is 3"),
        (RM_BENCH, "judge-bench", "row 1: column source missing"),
    ],
)
def test_bad_rows(rows, version, message):
    with pytest.raises(LensError, match=r"A row of (RM-Bench|JudgeBench) has") as caught:
        evaluate(placed(rows), read_off, version)
    assert message in str(caught.value)


Reader = saved_model(read_off)


def test_the_library_takes_them_too():
    assert reward_bench(Reader(), placed(RM_BENCH))["version"] == "rm-bench"
    assert reward_bench(Reader(), placed(JUDGE_BENCH), "judge-bench")["overall"] == 0.5


def test_command(tmp_path, monkeypatch, capsys, lens, fail):
    monkeypatch.setitem(
        sys.modules, "lens.serving.reward_model", SimpleNamespace(RewardModel=Reader)
    )
    data, out = tmp_path / "rows.jsonl", tmp_path / "out.json"
    data.write_text("".join(json.dumps(row) + "\n" for row in RM_BENCH))
    lens("reward-bench", "model", "--data", data, "--bench", "rm-bench", "--out", out)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[0] == ["RM-Bench", "n", "score", "%", "length-matched", "%"]
    assert ["safety-response", "1", "33.3"] in [row[:3] for row in printed]
    assert ["hard", "7", f"{100 * (CHAT['hard'] + 1 + 0 + SAFETY['hard']) / 4:.1f}", "-"] in printed
    assert ["exact", "ties:", "6.3", "%", "of", "comparisons"] in printed
    assert json.loads(out.read_text())["metrics"]["difficulties"]["easy"] == pytest.approx(
        (CHAT["easy"] + 1 + 0 + SAFETY["easy"]) / 4
    )
    assert "--bench rm-bench" in fail("reward-bench", "model")


@pytest.mark.parametrize(
    ("bench", "asked", "given"),
    [
        ("rm-bench", ("THU-KEG/RM-Bench", "main", "train"), []),
        ("judge-bench", ("ScalerLab/JudgeBench", "main", "gpt"), []),
        ("judge-bench", ("ScalerLab/JudgeBench", "main", "claude"), ["--split", "claude"]),
    ],
)
def test_the_hubs_data_sets(bench, asked, given, monkeypatch, lens, capsys):
    monkeypatch.setitem(
        sys.modules, "lens.serving.reward_model", SimpleNamespace(RewardModel=Reader)
    )
    seen = []
    rows = RM_BENCH if bench == "rm-bench" else JUDGE_BENCH
    monkeypatch.setattr(
        "lens.data.sources.read_hub_rows", lambda *args: seen.append(args) or placed(rows)
    )
    lens("reward-bench", "model", "--bench", bench, *given)
    assert seen == [asked]
    assert "overall" in capsys.readouterr().out
