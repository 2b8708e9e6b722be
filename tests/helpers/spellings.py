"""Rows in which "good" is the better answer to "q", in forms that people and tools write."""

GOOD, BAD = "good one", "bad one"


def two(first, second, **more):
    """Two answers of a row, the better one first or second by turns."""
    rows = []
    for better in (0, 1):
        both = (GOOD, BAD)[:: 1 - 2 * better]
        told = {name: values[better] for name, values in more.items()}
        rows.append({"prompt": "q", first: both[0], second: both[1]} | told)
    return rows


def objects(first, second, text, **more):
    """As `two`, with what is known of an answer in an object with its text."""
    return [
        {"prompt": row["prompt"]}
        | {
            side: {text: row[side]} | {name: values[at][better] for name, values in more.items()}
            for at, side in enumerate((first, second))
        }
        for better, row in enumerate(two(first, second))
    ]


ASKED = {"role": "user", "content": "q"}


def said(text, role="role", content="content"):
    return [{role: "user", content: "q"}, {role: "assistant", content: text}]


READ = {
    "objects with scores": objects("response_a", "response_b", "text", score=[(5, 2), (2, 5)]),
    "objects with ratings": objects("answer_1", "answer_2", "content", rating=[(5, 2), (2, 5)]),
    "objects with ranks": objects("a", "b", "text", rank=[(1, 2), (2, 1)]),
    "objects and a winner by number": [
        row | {"winner": f"response_{at}"}
        for at, row in enumerate(objects("response_0", "response_1", "text"))
    ],
    "votes with ties": two(
        "response_a", "response_b", votes_a=(3, 1), votes_b=(1, 3), votes_tie=(1, 1)
    ),
    "a column for each annotator": two(
        "response_a",
        "response_b",
        annotator_1=("A", "B"),
        annotator_2=("A", "A"),
        annotator_3=("tie", "B"),
        annotator_4=("A", "response_b"),
    ),
    "a list of votes": two("response_a", "response_b", votes=(["A", "B", "A"], ["B", "tie"])),
    "the better answer's text": two("response_a", "response_b", winner=(GOOD, GOOD)),
    "a question as its header": two(
        "Response A", "Response B", **{"Which response is better?": ("Response A", "Response B")}
    ),
    "an answer in words": two(
        "Answer 1", "Answer 2", **{"Which one do you prefer?": ("The first one", "The second one")}
    ),
    "a flag in words": two("response_a", "response_b", is_a_better=("yes", "no")),
    "a flag with a question mark": two(
        "response_a", "response_b", **{"A better?": ("TRUE", "FALSE")}
    ),
    "two flags": two(
        "response_a", "response_b", a_accepted=(True, False), b_accepted=(False, True)
    ),
    "scores in per cent": two(
        "response_a", "response_b", score_a=("90 %", "5%"), score_b=("9%", "60%")
    ),
    "of five": two("response_a", "response_b", score_a=("4/5", "2/5"), score_b=("3/5", "5/5")),
    "named models": [
        {"prompt": "q", "chosen": "gpt", "rejected": "llama", "gpt": GOOD, "llama": BAD},
        {"prompt": "q", "chosen": "llama", "rejected": "gpt", "gpt": BAD, "llama": GOOD},
    ],
    "named among three": [
        {"prompt": "q", "response_a": BAD, "response_b": GOOD, "response_c": "c"}
        | {"best": "B", "worst": "A"},
    ],
    "positions in a list": [
        {"prompt": "q", "responses": [BAD, GOOD, "c"], "chosen": 1, "rejected": 0},
        {"prompt": "q", "responses": [GOOD, "c", BAD], "chosen": 0, "rejected": 2},
    ],
    "models in objects": [
        {"prompt": "q", "winner": "y"}
        | {"completions": [{"model": "x", "text": BAD}, {"model": "y", "text": GOOD}]},
    ],
    "retrieval's names": [{"query": "q", "pos": [GOOD], "neg": [BAD]}],
    "sentence-transformers": [{"anchor": "q", "positive": GOOD, "negative": BAD}],
    "several rejected, one of them": [{"prompt": "q", "chosen": GOOD, "rejected": [BAD]}],
    "rejected_responses": [{"prompt": "q", "chosen_response": GOOD, "rejected_responses": [BAD]}],
    "conversations with scores": [
        {"messages": said(GOOD), "score": 5},
        {"messages": said(BAD), "score": 1},
    ],
    "speakers": [
        {"dialog": [{"speaker": "user", "text": "q"}], "chosen": GOOD, "rejected": BAD},
    ],
    "posts and articles": [
        {"info": {"post": post, "article": article}, "choice": 1}
        | {"summaries": [{"text": BAD}, {"text": GOOD}]}
        for post, article in (("q", None), (None, "q"))
    ],
}
MARKED = {
    "ChatML": ("{}<|im_end|>\n", None),
    "end of text": ("{}<|endoftext|>", None),
    "end of sequence": ("{}</s>", None),
    "Llama 3": (
        "{}<|eot_id|>",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "Gemma": ("{}<end_of_turn>\n", "<start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\n"),
    "Zephyr": ("{}</s>", "<|user|>\nq</s>\n<|assistant|>\n"),
    "Phi": ("{}<|end|>", "<|user|>\nq<|end|>\n<|assistant|>\n"),
    "Phi 4": (
        "{}<|im_end|>",
        "<|im_start|>user<|im_sep|>q<|im_end|><|im_start|>assistant<|im_sep|>",
    ),
    "OLMo": ("{}<|endoftext|>", "<|endoftext|><|user|>\nq\n<|assistant|>\n"),
    "OpenAssistant": ("{}<|endoftext|>", "<|prompter|>q<|endoftext|><|assistant|>"),
    "DeepSeek": (
        "{}<\uff5cend\u2581of\u2581sentence\uff5c>",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c><\uff5cUser\uff5c>q<\uff5cAssistant\uff5c>",
    ),
    "Command R": (
        "{}<|END_OF_TURN_TOKEN|>",
        "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>q<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    ),
    "gpt-oss": (
        "{}<|return|>",
        "<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    "Llama 4": (
        "{}<|eot|>",
        "<|begin_of_text|><|header_start|>user<|header_end|>\n\nq<|eot|>"
        "<|header_start|>assistant<|header_end|>\n\n",
    ),
    "Granite": (
        "{}<|end_of_text|>",
        "<|start_of_role|>user<|end_of_role|>q<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>",
    ),
    "Exaone": ("{}[|endofturn|]", "[|user|]q\n[|assistant|]"),
    "Nemotron": ("{}", "<extra_id_0>System\n\n<extra_id_1>User\nq\n<extra_id_1>Assistant\n"),
    "Alpaca": (
        "{}",
        "Below is an instruction. Answer it.\n\n### Instruction:\nq\n\n### Response:\n",
    ),
    "Vicuna": ("{}</s>", "USER: q ASSISTANT: "),
}
for _name, (_answer, _prompt) in MARKED.items():
    _sides = {"chosen": _answer.format(GOOD), "rejected": _answer.format(BAD)}
    READ[f"marks of {_name}"] = [{"prompt": "q"} | _sides]
    if _prompt:
        READ[f"prompt of {_name}"] = [{"prompt": _prompt} | _sides]
        READ[f"whole in {_name}"] = [{side: _prompt + text for side, text in _sides.items()}]
READ["small letters"] = [
    {side: f"user: q\n\nassistant: {text}" for side, text in (("chosen", GOOD), ("rejected", BAD))}
]
