"""A few rows for each refusal of the reader, by the function that makes it."""

from tests.helpers.labelled_rows import judged
from tests.helpers.listed_rows import objects

TWO = ("first answer", "second answer")
PAIR = {"prompt": "q", "chosen": "good one", "rejected": "bad one"}
EARLIER = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good day!"}]


def beside(rows, more):
    """Rows with one more column for each list of values."""
    cells = [{name: values[at] for name, values in more.items()} for at in range(len(rows))]
    return [row | each for row, each in zip(rows, cells, strict=True)]


def both(*rows, **more):
    """Two answers in each row, with these columns beside them."""
    return beside(judged("letters", "id", *(rows or (1, 2))), more)


def pairs(**more):
    return beside([PAIR] * 2, more)


def listed(**more):
    texts = {"prompt": "q", "responses": ["bad", "fair", "good"]}
    return beside([texts] * 2, more)


def rated(**more):
    return beside([{"prompt": "q", "response": text} for text in TWO], more)


def without(rows, *names):
    return [{name: v for name, v in row.items() if name not in names} for row in rows]


STEPS = {"prompt": "q", "completions": ["one", "two"], "labels": [True, False]}
TASK = {"data": {"prompt": "q", "answer1": "bad", "answer2": "good"}}


NUMBER = {"from_name": "which", "value": {"number": 2}}


def task(*said, **data):
    """A task of Label Studio in which annotators chose these words, by their question."""
    result = [{"from_name": name, "value": {"choices": [word]}} for name, word in said]
    return {"data": TASK["data"] | data, "annotations": [{"result": result}]}


def stars(*questions):
    """Tasks with one answer each, rated by these questions."""
    made = []
    for at, text in enumerate(TWO):
        result = [{"from_name": name, "value": {"rating": at + 1}} for name in questions]
        data = {"prompt": "q", "response": text}
        made.append({"data": data, "annotations": [{"result": result}]})
    return made


REFUSED = {
    "no_form: no label": both(opinion=["a", "b"]),
    "no_form: values of sides": both(loss_a=[1, 3], loss_b=[2, 1]),
    "no_form: votes of many": both(said=[["A", "B", "A"], ["B"]]),
    "no_form: votes in objects": both(notes=[[{"pref": "A"}], [{"pref": "B"}, {"pref": "tie"}]]),
    "no_form: a flag of the worse": both(worst=[0, 1]),
    "no_form: no label at all": both(),
    "no_form: no rating": rated(place=[1, 2]),
    "no_form: texts of unknown kind": without(pairs(old=TWO, new=TWO[::-1]), "chosen", "rejected"),
    "no_form: nothing": [{"size": 1}],
    "unrated_lists: numbers beside": listed(losses=[[1, 2, 3], [3, 2, 1]]),
    "unrated_lists: numbers inside": [{"prompt": "q", "responses": objects(loss=[1, 2, 3])}] * 2,
    "unrated_lists: no text": [
        {"prompt": "q", "answers": [{"body": "x y", "stars": 1}, {"body": "z", "stars": 2}]}
    ],
    "_all_alike: sides": both(score_A=[0, 0], score_B=[0, 0], said=["a", "b"]),
    "_all_alike: lists": listed(ratings=[[0, 0, 0]] * 2, stars=[[1, 2, 3]] * 2),
    "_all_alike: one answer each": [
        {"prompt": f"q{n}", "response": "a", "rating": n} for n in (1, 2)
    ],
    "_require_prompt": without(pairs(task_text=["do it now", "do that"]), "prompt"),
    "rename_columns": pairs(),
    "_mixed": [PAIR, {"prompt": "q", "responses": ["a", "b"], "ratings": [1, 2]}],
    "_texts": rated(text=TWO[::-1], rating=[1, 2]),
    "_first_number": [
        {"prompt": "q", "responses": ["a", "b", "c", "d"], "best": 1, "worst": 2},
        {"prompt": "q", "responses": ["a", "b", "c", "d"], "best": 2, "worst": 1},
    ],
    "require_no_other_pair": pairs(chosen_response=TWO, rejected_response=TWO[::-1]),
    "pair_columns": without(
        pairs(better_answer=TWO, worse_answer=TWO[::-1], good_text=TWO[::-1], bad_text=TWO),
        "chosen",
        "rejected",
    ),
    "_first_of": pairs(system=["Be brief."] * 2, system_prompt=["Be long."] * 2),
    "_add_part": pairs(question=["and this one"] * 2),
    "require_one_rating": rated(label=[1, 2]),
    "_both": rated(rating=[1, 2], score=[2, 1]),
    "require_one_spelling": both(winner=["a", "b"], Winner=["b", "a"]),
    "_orders_differ": pairs(
        score_chosen=[2, 1], score_rejected=[1, 2], chosen_rating=[1, 2], rejected_rating=[2, 1]
    ),
    "best_labels": listed(best=[1, 2]),
    "require_one_order": listed(ratings=[[1, 2, 3]] * 2, scores=[[3, 2, 1]] * 2),
    "list_column": listed(answers=[["x", "y", "z"]] * 2, ratings=[[1, 2, 3]] * 2),
    "answer_values: lengths": listed(ratings=[[1, 2], [1, 2]]),
    "answer_values: ranks": listed(ranks=[[0, 1, 2], [1, 2, 3]]),
    "kind_of": listed(ranking=[[3, 1, 2], [2, 3, 1]]),
    "by_order": listed(order=[[1, 1, 2], [1, 2, 3]]),
    "require_no_steps": [STEPS],
    "require_no_doubles": [{"prompt": "q", "answer": "a", "answer.1": "b", "winner": "A"}],
    "judge: words, another column": both(winner=["x", "y"], said=["a", "b"]),
    "judge: one of three": both(winner_a=[1, 1], winner_b=[1, 0]),
    "ambiguous: 0 and 1": both(label=[0, 1]),
    "ambiguous: signs": both(preference=[-1, 2]),
    "ambiguous: shares": both(label=[0.2, 0.9]),
    "ambiguous: codes": both(1, 2, 3, winner=[1, 2, 3]),
    "unknown_scale": both(preference=[1, 7]),
    "unknown_scale: HelpSteer's name": both(preference_strength=[1, 7]),
    "by_shown_order": both(winner=["a", "b"], swapped=[True, False]),
    "_require_counts": both(votes=[[1, 2], [2, 2]]),
    "side_scores": both(score_a=[1, 2], score_b=[2, 1], rating_a=[1, 2], rating_b=[2, 1]),
    "_unknown_direction": both(toxicity_score_a=[1, 2], toxicity_score_b=[2, 1]),
    "_require_no_judge": pairs(
        prompt=["Which is better: good one, really; bad one, sorry?"] * 2,
        orig_prompt=["q", "r"],
        chosen=["good one, really"] * 2,
        rejected=["bad one, sorry"] * 2,
    ),
    "_require_prompt_once": pairs(
        prompt=["How are you?"] * 2,
        chosen=["Q: How are you? A: good"] * 2,
        rejected=["Q: How are you? A: bad"] * 2,
    ),
    "require_rows_count": pairs(status=["submitted", "discarded"]),
    "require_no_media": pairs(image=[{"path": "a.png"}] * 2),
    "_require_turn": pairs(system=["gpt-4", "llama-2"]),
    "side_columns": both(output_1=TWO, output_2=TWO[::-1], winner=["a", "b"]),
    "_require_no_rival": both(preference=["a", "b"], label=[1, 0]),
    "_require_agreement": both(winner=["a", "b"], label=["b", "a"]),
    "winner_columns": pairs(preference=["chosen", "rejected"]),
    "_require_more_votes": pairs(chosen_votes=[1, 3], rejected_votes=[2, 0]),
    "_require_none_below: margin": pairs(margin=[-1, 2]),
    "_require_none_below: label": pairs(label=[1, -1]),
    "_require_none_below: share": pairs(label=[1, 0]),
    "require_turns_read": pairs(previous_turns=[EARLIER] * 2),
    "judge: scales": both(score_a=["4/5", "1/5"], score_b=["7/10", "2/10"]),
    "graded: scales": rated(rating=["4/5", "70 %"]),
    "number": rated(rating=["gut", "schlecht"]),
    "as_list": listed(ratings=["good", "bad"]),
    "placeholders": pairs(score_chosen=[0, 0], score_rejected=[0, 0]),
    "contradicted": both(winner=["a", "a"], score_a=[1, 1], score_b=[5, 5]),
    "scored_below": pairs(score_chosen=[1, 1], score_rejected=[5, 5]),
    "normalise_pairs: prompts differ": [
        {"chosen": [{"role": "user", "content": "x"}, *EARLIER[1:]], "rejected": EARLIER}
    ],
    "normalise_pairs: alike": [PAIR | {"rejected": "good one"}],
    "answer_columns": [task(("p", "left"), answer1="a", text_a="b", text_b="c")],
    "_find_answers": [
        {"data": {"prompt": "q", "gpt": "a b", "llama": "c d"}}
        | {"annotations": task(("p", "left"))["annotations"]}
    ],
    "choose: two questions": [task(("helpful", "answer1"), ("harmless", "answer2"))],
    "choose: the worse": [task(("which_is_worse", "answer1"))],
    "choose: words": [task(("mood", "sunny"))],
    "choose: numbers": [TASK | {"annotations": [{"result": [NUMBER]}]}],
    "choose: a scale": [TASK | {"annotations": [{"result": [NUMBER | {"value": {"number": 6}}]}]}],
    "rated_alone": stars("helpful", "honest"),
    "judged_rows": [task(("p", "tie"))],
}
# What nothing but another file can settle: no column is offered.
SHOWN = {"no_form: no label at all", "no_form: nothing", "_all_alike: one answer each"}
SHOWN |= {
    "_mixed",
    "answer_values: lengths",
    "by_order",
    "judge: one of three",
    "number",
}
SHOWN |= {
    "choose: words",
    "as_list",
    "judged_rows",
    "normalise_pairs: prompts differ",
    "normalise_pairs: alike",
}
SHOWN |= {"judge: scales", "graded: scales"}
COLUMNS = {"rename_columns": {"prompt": "prompts"}}
