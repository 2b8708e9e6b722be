"""Prompts and responses, in whatever form they come, as preference pairs are stored."""

import json
from collections.abc import Sequence
from typing import Any

from lens.core.errors import LensError
from lens.data.texts.conversations import answer_text, as_messages, conversation, is_whole
from lens.data.texts.turns import InvalidRowError, as_turns, calls_tools, whole


def as_stored(prompts: Sequence, responses: Sequence) -> tuple[list[str], list[str]]:
    """JSON messages and texts, as pairs are kept; LensError naming the text that cannot be used."""
    stored, texts = [], []
    for number, (prompt, response) in enumerate(zip(prompts, responses, strict=True), 1):
        try:
            messages, text = _as_read(as_messages(_with_text(prompt)), response)
        except InvalidRowError as error:
            raise LensError(f"text {number}: {error}") from error
        stored.append(json.dumps(messages, ensure_ascii=False))
        texts.append(text.strip())
    return stored, texts


def _as_read(prompt: list[dict], response: object) -> tuple[list[dict], str]:
    """Prompt and response as a pair's are read; of several messages of which none calls a tool the
    last counts."""
    if isinstance(response, str):
        return prompt, whole(response)
    response = _with_text(response)
    if not isinstance(response, list) or not response:
        raise InvalidRowError("wrong_type", "a response must be text or a list of messages.")
    if is_whole(response):
        return conversation({"prompt": prompt}, response)
    turns = as_turns(response) or []
    called = any(map(calls_tools, turns))
    return prompt, answer_text(turns if called else turns[-1:])


def _with_text(messages: object) -> Any:
    """Messages whose content is text: parts of text joined, none as an empty text."""
    if not isinstance(messages, list):
        return messages
    return [
        message | {"content": _joined(message["content"])}
        if isinstance(message, dict) and "content" in message
        else message
        for message in messages
    ]


def _joined(content: object) -> object:
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    return "".join(
        part["text"] for part in content if isinstance(part, dict) and part.get("type") == "text"
    )
