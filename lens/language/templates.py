"""How a prompt and an answer become the text, and then the tokens, that a model reads."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.data.texts.conversations import answer_turns

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

SPEAKERS = {"system": "System", "user": "Human", "assistant": "Assistant", "tool": "Tool"}
# Some chat templates print today's date unless told one: a fixed one keeps results the same.
TEMPLATE_DATE = "26 Jul 2024"


def render(prompt: str, response: str | None, style: str, tokenizer: "Tokenizer") -> str:
    """The text of a prompt (JSON messages) with its answer, or asking for one if None.

    `style` is "chat" (the tokenizer's template) or "plain" (turns with speakers; a single turn
    stands alone, a blank line before the answer).
    """
    messages = json.loads(prompt)
    tools = [tool for message in messages for tool in message.pop("tools", ())]
    answered = [] if response is None else answer_turns(response)
    if style == "plain":
        if tools:
            shown = {"role": "system", "content": f"Tools: {json.dumps(tools)}"}
            messages = [shown, *messages]
        if len(answered) > 1:
            turns = [f"{SPEAKERS[m['role']]}: {_message_text(m)}" for m in [*messages, *answered]]
            return "\n\n".join(turns)
        if len(messages) == 1:
            return messages[0]["content"] + "\n\n" + (response or "")
        turns = [f"{SPEAKERS[m['role']]}: {_message_text(m)}" for m in messages]
        return "\n\n".join([*turns, "Assistant:"]) + (f" {response}" if response else "")
    name, templates = tokenizer.name_or_path, tokenizer.chat_template
    if templates is None:
        raise LensError(f"{name}: no chat template. Set `text_style: plain`.")
    if isinstance(templates, dict) and "default" not in templates:
        raise LensError(
            f"{name}: it has chat templates by name ({', '.join(sorted(templates))}) and none of "
            "them is the default. Set `text_style: plain` (--text-style plain), or save the one "
            f"that you want as {name}/chat_template.jinja."
        )
    messages = [*messages, *answered]
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=response is None,
            date_string=TEMPLATE_DATE,
            **({"tools": tools} if tools else {}),
        )
    except (TemplateError, OverflowError, TypeError, ValueError, LookupError) as error:
        # What it may do is limited, loops too.
        raise LensError(
            f"{name}: its chat template fails ({error}). Set "
            "`text_style: plain`, or choose another model."
        ) from error


def _message_text(message: dict) -> str:
    """What a message says in plain style, the tools that it calls as JSON."""
    calls = [json.dumps(call["function"]) for call in message.get("tool_calls", ())]
    return " ".join(filter(None, [message["content"], *calls]))


def tokenize(
    texts: Sequence[str],
    names: Sequence[str],
    tokenizer: "Tokenizer",
    *,
    style: str,
    limit: int,
    too_long: str,
    prefix: str = "",
) -> tuple[list[list[int]], int]:
    """(token ids of each text, how many were shortened).

    `prefix` is what all texts begin with: it is kept where they lose their beginning.

    A chat template writes its own special tokens, so none are added to it (a second
    beginning-of-sequence token would change every hidden state). A text longer than `limit` tokens
    raises LensError naming it, or, with `too_long` "cut_left" or "cut_right", loses tokens on that
    side, special tokens at the ends kept.
    """
    options = {"add_special_tokens": style == "plain", "verbose": False}
    whole = tokenizer(list(texts), **options)["input_ids"]
    shortened = sum(len(ids) > limit for ids in whole)
    if not shortened:
        return whole, 0
    if too_long == "error":
        ids, name = next(pair for pair in zip(whole, names, strict=True) if len(pair[0]) > limit)
        raise LensError(
            f"{name}: {len(ids)} tokens, but the model reads {limit} ({shortened} rows in all). "
            "Remove them, or set `too_long: cut_left` (keeps the answer) or `cut_right`."
        )
    if too_long == "cut_right":
        tokenizer.truncation_side = "right"
        cut = tokenizer(list(texts), truncation=True, max_length=limit, **options)["input_ids"]
        return cut, shortened
    keep = len(tokenizer(prefix, add_special_tokens=False)["input_ids"]) if prefix else 0
    return [cut_left(ids, limit, tokenizer, keep) for ids in whole], shortened


def cut_left(token_ids: list[int], limit: int, tokenizer: "Tokenizer", keep: int = 0) -> list[int]:
    """At most `limit` ids: the last ones, behind a beginning-of-sequence token if there was one and
    `keep` more.

    Special tokens at the end stay, as do a classifier's at the start ([CLS]).
    """
    firsts = (tokenizer.bos_token_id, tokenizer.cls_token_id)
    if len(token_ids) <= limit:
        return token_ids
    head = keep + (token_ids[0] in firsts)
    head = head if head < limit else 0
    return [*token_ids[:head], *token_ids[len(token_ids) - limit + head :]]


class AnswerTokens:
    """Token ids of prompts with answers, each distinct text tokenised once.

    `shortened` counts the distinct texts that were cut; other arguments as for `tokenize`.
    """

    def __init__(self, tokenizer: "Tokenizer", *, style: str, limit: int, too_long: str):
        self.tokenizer = tokenizer
        self.options: dict[str, Any] = {"style": style, "limit": limit, "too_long": too_long}
        self.known: dict[tuple[str, str], list[int]] = {}
        self.shortened = 0

    def __call__(
        self, prompts: Sequence[str], answers: Sequence[str], names: Sequence[str]
    ) -> list[list[int]]:
        """Token ids of each text; `names` say which one an error is about."""
        keys = list(zip(prompts, answers, strict=True))
        new = {key: name for key, name in zip(keys, names, strict=True) if key not in self.known}
        if new:
            texts = [render(*key, self.options["style"], self.tokenizer) for key in new]
            ids, cut = tokenize(texts, list(new.values()), self.tokenizer, **self.options)
            self.known.update(zip(new, ids, strict=True))
            self.shortened += cut
        return [self.known[key] for key in keys]


def answer_starts(
    prompts: Sequence[str],
    answers: Sequence[str],
    tokenizer: "Tokenizer",
    style: str,
    finished: Sequence[bool] | None = None,
) -> tuple[list[list[int]], list[int]]:
    """(token ids of each prompt with its answer, nothing cut; where the answer begins in them).

    The beginning is what the text has in common with the prompt that asks for an answer. In plain
    style, which has no end mark, the tokenizer's end token is put after the answer. No end follows
    an answer that its writer has not `finished` (all have where that is None).
    """
    options = {"add_special_tokens": style == "plain", "verbose": False}
    distinct = list(dict.fromkeys(prompts))
    questions = {prompt: render(prompt, None, style, tokenizer) for prompt in distinct}
    asking = tokenizer(list(questions.values()), **options)
    asked = dict(zip(distinct, asking["input_ids"], strict=True))
    pairs = list(zip(prompts, answers, strict=True))
    ended = [True] * len(pairs) if finished is None else finished
    texts = [render(*pair, style, tokenizer) for pair in pairs]
    texts = [
        text if ends else _up_to(answer, text, before=questions[prompt])
        for (prompt, answer), text, ends in zip(pairs, texts, ended, strict=True)
    ]
    whole = tokenizer(texts, **options)["input_ids"]
    end = tokenizer.eos_token_id
    if style == "plain" and end is not None:
        bare = [ids[:-1] if ids[-1] == end else ids for ids in whole]
        whole = [[*ids, end] if ends else ids for ids, ends in zip(bare, ended, strict=True)]
    return whole, [common_prefix(asked[p], ids) for p, ids in zip(prompts, whole, strict=True)]


def _up_to(answer: str, text: str, *, before: str) -> str:
    """The text without what follows the answer, which begins where what was `before` it ends; all
    of it where a template changed the answer."""
    place = text.find(answer, common_prefix(before, text))
    return text if place < 0 else text[: place + len(answer)]


def common_prefix(first: Sequence, second: Sequence) -> int:
    """How many ids, or letters, the common beginning of the two has."""
    same = (a == b for a, b in zip(first, second, strict=False))
    shorter = min(len(first), len(second))
    return next((i for i, equal in enumerate(same) if not equal), shorter)
