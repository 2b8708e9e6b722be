"""A prompt, whose parts may be in several columns, and an answer: a model's input.

An answer is what follows the last user's turn: text, or, where tools were called, the JSON of its
messages. All commands read a row's texts by `conversation`.
"""

import json
import re
from itertools import pairwise
from typing import Any

import numpy as np

from lens.data.texts.cells import is_empty, listed
from lens.data.texts.turns import (
    LIKE_MESSAGES,
    ROLE_KEYS,
    ROLES,
    InvalidRowError,
    as_turns,
    calls_tools,
    decoded,
    is_message,
    is_transcript,
    joined,
    kind,
    opens_as_hh,
    whole,
    without_end,
)

PARTS = ("system", "history", "context", "prompt", "input")
TOOL = {"function", "name"}
ASKED = ("input", "user", "human", "question", "query", "prompt", "instruction")
ANSWERED = ("output", "assistant", "answer", "response", "gpt", "bot")
MARKUP = re.compile(
    r"(?:im|start|end|user|assistant|system|human|gpt|inst|sys|header|id|eot|bos|of|turn|text|begin"
    r"|\W|_|s)*",
    re.IGNORECASE,
)
ASKS = re.compile(r"^(?:Human|User):\s*(?!.*^(?:AI|Assistant|Bot):)", re.DOTALL | re.MULTILINE)
ANSWERS = re.compile(r"^\s*Assistant:\s*", re.IGNORECASE)
END_MARK = re.compile(  # with which chat templates end a turn
    r"(?:<[|\uff5c][^<>|\uff5c\s]{0,20}(?:end|eot|eom|return)[^<>|\uff5c\s]{0,20}[|\uff5c]>|\[\|endofturn\|\]"
    r"|<end_of_turn>|</s>|<eos>)$",
    re.IGNORECASE,
)
ANSWER_MESSAGES = re.compile(r'\[\{"role": "assistant", "content": ".*\}\]', re.DOTALL)


# Prompts


def as_messages(prompt: object) -> list[dict]:
    """A prompt as messages: a message list (or its JSON), a transcript, or one user's turn."""
    if not isinstance(prompt, str | list | dict | np.ndarray | tuple):
        raise InvalidRowError("wrong_type", f"the prompt is a {kind(prompt)}, not text.")
    messages = as_turns(prompt)
    if messages is None:
        text = whole(str(prompt)).strip()
        return [{"role": "user", "content": ASKS.sub("", text)}]
    if messages and messages[-1] == {"role": "assistant", "content": ""}:
        messages.pop()  # "...\n\nAssistant:" only asks for the answer
    return messages


def prompt_messages(parts: dict) -> list[dict] | None:
    """The prompt of a row whose parts go by `system`, `history`, `context`, `prompt`, `input`;
    None where there is none. `context` comes before the prompt's text, `input` after it."""
    filled = {name: value for name, value in parts.items() if not is_empty(value)}
    prompt = parts.get("prompt")
    if prompt is None and not filled.keys() & {"history", "input"}:
        return None
    before, after = (
        [joined(filled[name])] if name in filled else [] for name in ("context", "input")
    )
    messages = as_messages("" if prompt is None else prompt)
    if before or after:
        last = messages[-1] if messages else {"content": ""}
        texts = [text for text in (*before, last["content"], *after) if text]
        messages = [*messages[:-1], {"role": "user", "content": "\n\n".join(texts)}]
    if "history" in filled:
        earlier = earlier_turns(filled["history"])
        repeated = earlier and earlier[-1]["role"] == "user" and messages[:1] == earlier[-1:]
        messages = earlier[:-1] + messages if repeated else earlier + messages
    return _with_system(messages, parts.get("system"))


def _with_system(messages: list[dict], system: object) -> list[dict]:
    if is_empty(system):
        return messages
    turn = {"role": "system", "content": joined(system)}
    if messages and messages[0]["role"] == "system":
        if messages[0] != turn:
            raise InvalidRowError(
                "system_turns_differ", "the system column and the prompt's system turn differ."
            )
        return messages
    return [turn, *messages]


def earlier_turns(history: object) -> list[dict]:
    """A history as turns: messages, a transcript, or [what was asked, what was answered] each."""
    if isinstance(history, str) and not (items := listed(history)):
        parsed = as_turns(history)
        if parsed is None:
            raise InvalidRowError(
                "wrong_type", "the history is neither turns nor a transcript with its speakers."
            )
        return parsed
    items = listed(history)
    if items is None or all(map(is_message, items)):
        return as_turns(history) or []
    turns = []
    for item in items:
        if isinstance(item, dict):
            question = next((item[name] for name in ASKED if name in item), None)
            reply = next((item[name] for name in ANSWERED if name in item), None)
            exchange: list | None = [question, reply]
        else:
            exchange = listed(item)
        if (
            exchange is None
            or len(exchange) != 2
            or not all(isinstance(text, str) for text in exchange)
        ):
            raise InvalidRowError(
                "wrong_type", "the history is not a list of questions and answers."
            )
        turns += [
            {"role": role, "content": whole(text).strip()}
            for role, text in zip(("user", "assistant"), exchange, strict=True)
        ]
    return turns


def interleaved(questions: list[str], replies: list[str | None]) -> list[dict]:
    """A conversation of questions and their answers."""
    turns = []
    for question, answered in zip(questions, replies, strict=True):
        turns.append({"role": "user", "content": question or ""})
        turns.append({"role": "assistant", "content": answered or ""})
    return turns


# Answers


def answer(value: object) -> str:
    """An answer as text: a string, or an assistant's message or messages (or their JSON), without
    the speaker before it and the marks with which a chat template ends a turn."""
    text = _answer(value)
    cut = without_end(text, END_MARK)
    return text if "<s>" in text or cut == text else cut.rstrip()


def _answer(value: object) -> str:
    texts = listed(value) if not isinstance(value, str) else None
    if texts and len(texts) == 1 and isinstance(texts[0], str):
        return whole(texts[0])
    turns = as_turns(value) if not isinstance(value, str) or decoded(value) is not value else None
    if isinstance(value, str) and turns is None:
        return ANSWERS.sub("", whole(value))
    if turns and _is_one_answer(turns):
        return answer_text(turns)
    raise InvalidRowError(
        "wrong_type", "an answer must be text or a list of one assistant's message."
    )


def _is_one_answer(turns: list[dict]) -> bool:
    """Whether turns are one assistant's, with calls of tools and what they gave before it."""
    called = all(
        turn["role"] == "tool" or calls_tools(turn) or then["role"] == "tool"
        for turn, then in pairwise(turns)
    )
    return called and turns[-1]["role"] == "assistant" and turns[0]["role"] == "assistant"


def answer_text(turns: list[dict]) -> str:
    """The text of an assistant's turn; the JSON of all turns where tools were called."""
    if len(turns) == 1 and not calls_tools(turns[0]):
        return turns[0]["content"]
    return json.dumps(turns, ensure_ascii=False)


def answer_turns(text: str) -> list[dict]:
    """What `answer_text` was given."""
    if ANSWER_MESSAGES.fullmatch(text):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return [{"role": "assistant", "content": text}]


def split_answer(value: object) -> tuple[list[dict], str]:
    """(prompt messages, what follows the last user's turn) of a conversation or transcript."""
    messages = as_turns(value)
    if messages is None:
        raise InvalidRowError(
            "no_prompt",
            "there is no prompt, and the answers are no transcripts that repeat it "
            '("\\n\\nHuman: ...\\n\\nAssistant: ..."). Add a `prompt` column or rename yours.',
        )
    users = [position for position, message in enumerate(messages) if message["role"] == "user"]
    if not users or messages[-1]["role"] != "assistant":
        raise InvalidRowError("no_final_answer", "the conversation ends without an answer.")
    position = users[-1] + 1
    if not _is_one_answer(messages[position:]):
        position = len(messages) - 1
    return messages[:position], answer_text(messages[position:])


def is_whole(value: object) -> bool:
    """Whether an answer is a whole conversation, which has its prompt in it."""
    if isinstance(value, str) and not LIKE_MESSAGES.match(value):
        return is_transcript(value)
    try:
        turns = decoded(value)
    except InvalidRowError:
        return False
    if isinstance(turns, dict) and isinstance(turns.get("messages"), list):
        turns = turns["messages"]
    opening = turns[0] if isinstance(turns, list) and len(turns) > 1 else None
    if not isinstance(opening, dict):
        return False
    role = next((opening[name] for name in ROLE_KEYS if name in opening), None)
    return isinstance(role, str) and ROLES.get(role.casefold()) in ("system", "user")


def conversations(parts: dict, values: list) -> tuple[list[dict], list[str]]:
    """(prompt messages, answers) of the answers of a row, as `conversation` reads each.

    InvalidRowError too where their prompts differ; but conversations of which only the assistant's
    turns differ have been judged as a whole, where `parts` says that they stood side by side: the
    prompt is then what they have in common, and each answer the rest.
    """
    if any(value is None for value in values):
        raise InvalidRowError("empty_response", "an answer is null.")
    wholes = [value for value in values if is_whole(value)]
    if prompt_messages(parts) is None and 0 < len(wholes) < len(values):
        parts = parts | {"prompt": split_answer(wholes[0])[0]}
    conversations_read = [conversation(parts, value) for value in values]
    prompts, answers = map(list, zip(*conversations_read, strict=True))
    if all(prompt == prompts[0] for prompt in prompts):
        return prompts[0], answers
    if parts.get("side") and (side_by_side := _side_by_side(prompts, answers)):
        return side_by_side
    without_system = [[turn for turn in prompt if turn["role"] != "system"] for prompt in prompts]
    what = (
        "system turns"
        if all(prompt == without_system[0] for prompt in without_system)
        else "prompts"
    )
    raise InvalidRowError("prompts_differ", f"the two sides have different {what}.")


def _side_by_side(prompts: list[list[dict]], answers: list[str]) -> tuple | None:
    without_assistant = [
        [turn for turn in prompt if turn["role"] != "assistant"] for prompt in prompts
    ]
    if any(chat != without_assistant[0] for chat in without_assistant):
        return None
    turns = [prompt + answer_turns(text) for prompt, text in zip(prompts, answers, strict=True)]
    shared = 0
    while all(chat[shared] == turns[0][shared] for chat in turns):
        shared += 1
    return turns[0][:shared], [answer_text(chat[shared:]) for chat in turns]


def conversation(parts: dict, value: object) -> tuple[list[dict], str]:
    """(prompt messages, answer) of a row's answer with the parts of its prompt, which a whole
    conversation repeats. The first message keeps the `tools` that the chat template shows.

    InvalidRowError where there is no prompt, or the two prompts cannot be one.
    """
    messages, text = _conversation(parts, value)
    tools = described_tools(parts.get("tools"))
    if tools and messages and messages[0]["role"] in ("system", "user"):
        messages = [messages[0] | {"tools": tools}, *messages[1:]]
    return messages, text


def described_tools(value: object) -> list[dict] | None:
    """Functions that may be called, as a list of objects with names, nulls left out; else None."""
    items = listed(value) if not is_empty(value) else None
    if not items or not all(isinstance(tool, dict) and TOOL & tool.keys() for tool in items):
        return None
    return [_without_nulls(tool) for tool in items]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _conversation(parts: dict, value: object) -> tuple[list[dict], str]:
    column_prompt = prompt_messages(parts)
    if column_prompt is None:
        lead, text = split_answer(value)
        return _with_system(lead, parts.get("system")), text
    if not is_whole(value):
        return column_prompt, answer(value)
    lead, text = split_answer(value)
    prompt = reconciled(column_prompt, lead)
    if prompt is None and isinstance(value, str) and not opens_as_hh(value):
        return column_prompt, answer(value)  # a dialogue that was asked for
    if prompt is None:
        raise InvalidRowError(
            "prompts_differ",
            "the prompt column and the conversations have prompts that differ. If the column is "
            'none, leave it out: --columns \'{"prompt": ""}\'.',
        )
    return prompt, text


def reconciled(column_prompt: list[dict], lead: list[dict]) -> list[dict] | None:
    """The prompt that a prompt column and a conversation make, of which each may hold more; None
    if they differ."""
    system = [turn for turn in (column_prompt[:1] + lead[:1]) if turn["role"] == "system"]
    if len(system) == 2 and system[0] != system[1]:
        return None
    column, dialogue = (
        part[1:] if part and part[0]["role"] == "system" else part for part in (column_prompt, lead)
    )
    if column[-len(dialogue) :] == dialogue:
        return system[:1] + column
    if column and (dialogue[: len(column)] == column or dialogue[-len(column) :] == column):
        return system[:1] + dialogue
    if column and column[-1]["role"] == "assistant" and dialogue[0]["role"] == "user":
        return system[:1] + column + dialogue
    if len(column) == 1 and _only_marked_up(column[0]["content"], lead):
        return lead
    return None


def _only_marked_up(text: str, turns: list[dict]) -> bool:
    """Whether a text is these turns with the marks of a chat template between them."""
    remainder = text
    for turn in turns:
        if turn["content"] not in remainder:
            return False
        remainder = remainder.replace(turn["content"], " ", 1)
    return bool(MARKUP.fullmatch(remainder))
