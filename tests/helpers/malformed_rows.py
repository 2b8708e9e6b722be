"""Rows that are odd or unusable: ids, answers, messages, transcripts, ratings."""

from tests.helpers.malformed import EVIL, Kept, Refused, among, good, lines, pair

TURN = {"role": "user", "content": "question 7"}
HH = "\n\nHuman: question\n\nAssistant: "
IDS = {
    "an id twice": (
        "x.jsonl",
        among(pair(id="a"), pair("q", id="a")),
        Refused("row 8: the id 'a' is used twice"),
    ),
    "1 and '1' as ids": (
        "x.jsonl",
        among(pair(id=71), pair("q", id="71")),
        Refused("row 8: the id '71' is used twice, first in row 7"),
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


def swapped(row):
    return pair(row["prompt"], row["rejected"], row["chosen"])


ANSWERS = {
    "every pair in both orders": (
        "x.jsonl",
        lines(*good(), *(swapped(row) for row in good())),
        Kept(24),
    ),
    "labels swapped in the second half": (
        "x.jsonl",
        lines(*good()[:6], *(swapped(row) for row in good()[6:])),
        Kept(12),
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
        among(pair([{"role": "narrator", "content": "q"}])),
        Kept(11, {"turns_do_not_alternate": 1}),
    ),
    "a role by another name": (
        "x.jsonl",
        among(pair([{"role": "human", "content": "q"}])),
        Kept(12),
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
        Kept(12),
    ),
    "content with an image": (
        "x.jsonl",
        among(pair([{"role": "user", "content": [{"type": "image", "image": "q.png"}]}])),
        Kept(11, {"not_text": 1}),
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
        Kept(12),
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
    "prompt a message": ("x.jsonl", among(pair(TURN)), Kept(12)),
    "prompt an object": ("x.jsonl", among(pair({"a": 1})), Kept(11, {"wrong_type": 1})),
    "every message of another kind": (
        "x.jsonl",
        lines(*(pair([{"who": "human", "says": "q"}]) for _ in range(9))),
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

CASES = IDS | ANSWERS | CHAT | RATED
