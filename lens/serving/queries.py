"""What a trainer sends to be scored, as prompts and responses.

OpenRLHF sends whole texts (`query`), decoded from tokens with the marks of the policy's chat
template in them, and with each the text of its prompt.
"""

import json
import re

from lens.core.errors import LensError
from lens.data.texts.conversations import as_messages, split_answer
from lens.data.texts.turns import InvalidRowError, whole

BEGINNING = re.compile(r"\A(?:<\|begin_of_text\|>|<bos>|<s>|<\|startoftext\|>)+")
ENDS = (
    *("<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "<|pad|>"),
    *("<end_of_turn>", "</s>", "<eos>", "<pad>"),
)
# Turns of Llama 3 and of Gemma, written as those of ChatML.
HEADER = re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n*|<start_of_turn>(\w+)\n")
END_OF_TURN = re.compile(r"<\|eot_id\|>|<end_of_turn>")


def read_queries(
    queries: list[str], prompts: list[str] | None = None
) -> tuple[list[list[dict]], list[str]]:
    """(prompts as messages, responses) of whole texts and, where they are known, the texts of
    their prompts. LensError names the query in which the two cannot be distinguished."""
    parsed = []
    for number, query in enumerate(queries):
        try:
            parsed.append(_read(query, None if prompts is None else prompts[number]))
        except InvalidRowError as error:
            raise LensError(f"query {number + 1}: {error}") from error
    return [prompt for prompt, _ in parsed], [response for _, response in parsed]


def _read(query: str, prompt: str | None) -> tuple[list[dict], str]:
    query = BEGINNING.sub("", whole(query)).lstrip()
    lead = BEGINNING.sub("", prompt or "")  # blanks at its start may belong to a transcript
    start = lead.lstrip()
    if start and query.startswith(start):
        response = query.removeprefix(start)
        return as_messages(_as_chatml(lead)), _without_ends(response).strip()
    try:
        messages, response = split_answer(_as_chatml(query))
    except InvalidRowError as error:
        raise InvalidRowError(
            error.reason,
            "its prompt is not known. Send `prompts`, the text that each query begins with, or "
            "queries that are transcripts.",
        ) from error
    return messages, _without_ends(response)


def _without_ends(text: str) -> str:
    """Without the marks and blanks that it ends in; in time that grows as its length does."""
    stop = len(text)
    while True:
        while stop and text[stop - 1].isspace():
            stop -= 1
        end = next((mark for mark in ENDS if text.endswith(mark, 0, stop)), None)
        if end is None:
            return text[:stop]
        stop -= len(end)


def _as_chatml(text: str) -> str:
    def header(match: re.Match) -> str:
        role = match[1] or match[2]
        return f"<|im_start|>{'assistant' if role == 'model' else role}\n"

    return END_OF_TURN.sub("<|im_end|>\n", HEADER.sub(header, text))


def read_request(body: bytes, most: int) -> tuple[list[list[dict]], list[str]]:
    """(prompts as messages, responses) of a request's body: JSON with `query`, a text or at most
    `most` of them, and perhaps `prompts`. LensError says what is wrong with it."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LensError("the body is not JSON.") from error
    queries, prompts = (_texts(given, name) for name in ("query", "prompts"))
    if queries is None:
        raise LensError('the body has no `query`: {"query": ["..."], "prompts": ["..."]}.')
    if len(queries) > most:
        raise LensError(f"{len(queries)} queries: at most {most} in one request.")
    if prompts is not None and len(prompts) != len(queries):
        raise LensError(f"{len(queries)} queries, but {len(prompts)} prompts.")
    return read_queries(queries, prompts)


def _texts(given: object, name: str) -> list[str] | None:
    value = given.get(name) if isinstance(given, dict) else None
    texts = [value] if isinstance(value, str) else value
    if texts is None or (isinstance(texts, list) and all(isinstance(t, str) for t in texts)):
        return texts
    raise LensError(f"`{name}` is not a list of texts.")
