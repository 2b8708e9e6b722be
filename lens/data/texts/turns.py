"""Turns, however they are kept, as messages with `role` and `content`.

Read are message lists (also ShareGPT's `from` and `value`, content in parts, tool calls), the same
as JSON or Python text, and transcripts.
"""

import re
import unicodedata
from itertools import product

import numpy as np

from lens.data.texts.cells import as_list, listed, parse_cell

ROLES = {"human": "user", "user": "user", "prompter": "user"}
ROLES |= dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "ai", "model"), "assistant")
ROLES |= dict.fromkeys(("system", "developer"), "system")
ROLES |= dict.fromkeys(("tool", "function", "observation", "ipython"), "tool")
SPEAKERS = ROLES | {"h": "user", "a": "assistant", "[inst]": "user", "[/inst]": "assistant"}
SPEAKERS |= {"chatbot": "assistant", "instruction": "user", "response": "assistant"}
SPEAKERS |= {"input": "input"}  # what an instruction is about
ROLE_KEYS, CONTENT_KEYS = ("role", "from", "speaker"), ("content", "value", "text", "parts")
BODIES = ("text", "content", "contents", "passage", "body")  # of a document
TOOL_KEYS = ("tool_calls", "name", "tool_call_id")
SURROGATE = re.compile("[\ud800-\udfff]")
# The marks of chat templates, and those before a turn, which name its speaker.
MARK = (
    r"(?:<[|\uff5c][^<>|\uff5c\s]{1,30}[|\uff5c]>|\[\|\w{1,30}\|\]|</?s>|<(?:bos|eos)(?:_token)?>"
)
MARK += r"|<(?:start|end)_of_turn>|<extra_id_\d>)"
SPOKEN = "system|developer|user|human|prompter|assistant|chatbot|model|tool|ipython|observation"


def _turn_mark(speakers: str) -> str:
    channel = "(?:analysis|commentary|final)"
    return (
        rf"(?:<[|\uff5c]({speakers})(?:_token)?[|\uff5c]>|\[\|({speakers})\|\]"
        rf"|{MARK}({speakers})(?:(?:{MARK}{channel})?{MARK}|\n|$))"
    )


# (how a transcript opens, what parts its turns): HH's, with or without its leading line breaks,
# Guanaco's, and HelpSteer's, which opens with the user's words. No two repeats in a row may match
# the same blanks, or long runs of them take time that grows with the square of their length.
HELPSTEER = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")
TRANSCRIPTS = [
    (re.compile(r"\n\nHuman:"), re.compile(r"\n\n(Human|Assistant):")),
    (
        re.compile(r"\s*(?:Human|User): ?.*?\n[^\S\n]*\nAssistant:", re.DOTALL | re.I),
        re.compile(r"(?:^\s*|\n[^\S\n]*\n)(Human|User|Assistant):", re.I),
    ),
    (
        re.compile(r"\s*(?:Human|User): ?.*?\nAssistant:", re.DOTALL | re.I),
        re.compile(r"(?:^\s*|\n)(Human|User|Assistant):", re.I),
    ),
    (
        re.compile(r"\s*### ?(?:Human|User): ?.*?### ?Assistant:", re.DOTALL),
        re.compile(r"### ?(Human|User|Assistant):"),
    ),
    (re.compile(r"(?>.*?<extra_id_1>Assistant\n).*<extra_id_1>User\n", re.DOTALL), HELPSTEER),
    (re.compile(r"\n\nH: .*?\n\nA:", re.DOTALL), re.compile(r"\n\n(H|A):")),
    (
        re.compile(r"\s*(?:System|SYSTEM): .*?\n[^\S\n]*(?:Human|User|USER): .*?", re.DOTALL),
        re.compile(r"(?:^\s*|\n[^\S\n]*)(System|Human|User|Assistant|SYSTEM|USER|ASSISTANT):"),
    ),
    (
        re.compile(r"\s*(?:Below is an .*?)?### ?Instruction:.*?\n### ?Response:", re.DOTALL),
        re.compile(r"(?:^|\n)### ?(Instruction|Input|Response):"),
    ),
]
TEMPLATES = [
    (
        re.compile(r"\s*(?:A chat between [^\n]*?\.\s+)?USER: .*?\s(?:ASSISTANT):", re.DOTALL),
        re.compile(r"(?:^|\s)(USER|ASSISTANT):"),
    ),
    (
        re.compile(
            rf"\s*(?:{MARK}\s*)*?{_turn_mark('system|developer|user|human|prompter')}", re.I
        ),
        re.compile(_turn_mark(SPOKEN), re.I),
    ),
    (
        re.compile(r"\s*<\uff5cbegin▁of▁sentence\uff5c>[^<]*<\uff5cUser\uff5c>"),
        re.compile(r"<\uff5c(User|Assistant)\uff5c>"),
    ),
    (re.compile(r"\s*(?:<s>\s*)?\[INST\].*\[/INST\]", re.DOTALL), re.compile(r"(\[/?INST\])")),
]
TRANSCRIPTS += TEMPLATES
MARKS_BEFORE, MARK_AT_END = re.compile(rf"\s*(?:{MARK}\s*)*"), re.compile(rf"{MARK}$")
ALPACA = re.compile(r"Below is an [^\n]*$")  # what its template says before the instruction
LLAMA_SYSTEM = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)
WORDS: tuple[str, ...] = ("ssistant:", "ASSISTANT", "[/INST]", "\n\nA:", "ystem:", "SYSTEM:")
WORDS += ("<|", "<\uff5c", "[|", "<extra_id_1>", "<start_of_turn>", "Response:")
LIKE_MESSAGES = re.compile(
    r"""\s*(?:array\()?(?:\[\s*)?\{\s*['"](?:role|from|speaker|content|value|text|parts)['"]\s*:"""
    r""".*['"](?:role|from|speaker|content|value|text|parts)['"]\s*:""",
    re.DOTALL,
)


class InvalidRowError(Exception):
    """A row that cannot be used; `reason` is the key under which it is counted."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


# What a cell holds


def decoded(value: object) -> object:
    """Messages that a cell holds as JSON or Python text, or as an array; else the cell as it is.

    InvalidRowError for text that begins as messages do and cannot be read as such.
    """
    if isinstance(value, np.ndarray | tuple):
        return list(value)
    if not (isinstance(value, str) and LIKE_MESSAGES.match(value)):
        return value
    try:
        parsed = parse_cell(value)
    except ValueError as error:
        if value.rstrip().endswith(("]", "}", ")")) or "..." in value:
            raise InvalidRowError(
                "unreadable_messages",
                f"a list of messages as text cannot be read ({error}). Write it as JSON, such as "
                'with df["chosen"] = df["chosen"].map(json.dumps), or save the table as .parquet.',
            ) from error
        return value
    items = parsed if isinstance(parsed, list) else [parsed]
    return parsed if items and all(map(is_message, items)) else value


def is_message(value: object) -> bool:
    return isinstance(value, dict) and any(
        role in value and content in value for role, content in product(ROLE_KEYS, CONTENT_KEYS)
    )


def as_turns(value: object) -> list[dict] | None:
    """Messages, one message, `{"messages": [...]}` or a transcript as turns; None for other text.

    InvalidRowError for anything else.
    """
    value = decoded(value)
    if isinstance(value, str):
        return transcript_messages(value) if is_transcript(value) else None
    if isinstance(value, dict):
        inside = value.get("messages")
        value = as_list(inside, "`messages`") if isinstance(inside, list) else [value]
    if not isinstance(value, list):
        raise InvalidRowError("wrong_type", "an answer must be text or a list of messages.")
    return [_message(message) for message in value]


def kind(value: object) -> str:
    return type(value).__name__


def _message(value: object) -> dict:
    if not isinstance(value, dict):
        raise InvalidRowError("wrong_type", "a message needs `role` and `content` as text.")
    role = next((value[name] for name in ROLE_KEYS if name in value), None)
    role = ROLES.get(role.casefold(), role) if isinstance(role, str) else role
    content = next((value[name] for name in CONTENT_KEYS if name in value), None)
    calls = value.get("tool_calls")
    calls = list(calls) if isinstance(calls, list | np.ndarray) else []
    has_calls = any(isinstance(c, dict) and isinstance(c.get("function"), dict) for c in calls)
    content = _joined("" if content is None and has_calls else content)
    if not (isinstance(content, str) and any(name in value for name in ROLE_KEYS)):
        raise InvalidRowError("wrong_type", "a message needs `role` and `content` as text.")
    extra = {name: value[name] for name in TOOL_KEYS[1:] if value.get(name) and role == "tool"}
    tools = value.get("tools")
    extra |= {"tools": tools} if role in ("system", "user") and isinstance(tools, list) else {}
    return {"role": role, "content": whole(content).strip()} | (
        {"tool_calls": calls} if has_calls else extra
    )


def _joined(content: object) -> object:
    """Content in parts as one text; InvalidRowError where a part is no text."""
    if not isinstance(content, list | np.ndarray):
        return content
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    if not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        raise InvalidRowError(
            "not_text", "a turn holds an image, a sound or the like; only text can be read."
        )
    return "".join(part["text"] for part in parts)


def opens_as_hh(text: str) -> bool:
    return TRANSCRIPTS[0][0].match(text) is not None


def is_transcript(text: str) -> bool:
    if not any(word in text for word in WORDS) and not opens_as_hh(text):
        return False
    return any(opening.match(text) for opening, _ in TRANSCRIPTS)


def transcript_messages(text: str) -> list[dict]:
    """The turns of a transcript ("\\n\\nHuman: ...\\n\\nAssistant: ...")."""
    turn = next(turn for opening, turn in TRANSCRIPTS if opening.match(text))
    marked = any(turn is known for _, known in TEMPLATES)
    marks = [*turn.finditer(text)]
    ends = [*(match.start() for match in marks[1:]), len(text)]
    spoken = [(_speaker(m), text[m.end() : end]) for m, end in zip(marks, ends, strict=True)]
    if _unmarked(text[: marks[0].start()]).strip():
        spoken.insert(0, ("user" if turn is HELPSTEER else "system", text[: marks[0].start()]))
    turns = [(role, whole(_unmarked(words) if marked else words).strip()) for role, words in spoken]
    if turns[1:] and (turns[0] == ("system", "") or ALPACA.match(turns[0][1])):
        turns = turns[1:]
    system = LLAMA_SYSTEM.match(turns[0][1]) if marked else None
    if system:
        turns[:1] = [("system", system[1].strip()), ("user", turns[0][1][system.end() :].strip())]
    if turns[1:] and turns[1][0] == "input":
        turns[:2] = [("user", f"{turns[0][1]}\n\n{turns[1][1]}")]
    return [{"role": role, "content": content} for role, content in turns]


def _speaker(match: re.Match) -> str:
    return SPEAKERS[next(filter(None, match.groups())).casefold()]


def _unmarked(text: str) -> str:
    """A turn's text without the marks before and after it."""
    before = MARKS_BEFORE.match(text)
    return without_end(text[before.end() if before else 0 :], MARK_AT_END)


def without_end(text: str, mark: re.Pattern) -> str:
    """A text without the marks, of some 30 characters at most, in which it ends."""
    while match := mark.search(stripped := text.rstrip(), max(0, len(stripped) - 40)):
        text = stripped[: match.start()]
    return text


def check_turns(messages: list[dict]) -> None:
    """Raises InvalidRowError unless turns alternate, start and end with the user, and hold text.

    Calls of tools and their results may stand before an assistant's turn.
    """
    turns = messages[1:] if messages and messages[0]["role"] == "system" else messages
    spoken = [
        turn
        for turn, next_turn in zip(turns, [*turns[1:], {"role": None}], strict=False)
        if turn["role"] != "tool"
        and not (calls_tools(turn) or (turn["role"], next_turn["role"]) == ("assistant", "tool"))
    ]
    expected = ["user" if i % 2 == 0 else "assistant" for i in range(len(spoken))]
    if not spoken or [turn["role"] for turn in spoken] != expected or len(spoken) % 2 == 0:
        raise InvalidRowError("turns_do_not_alternate", "the prompt's turns do not alternate.")
    if any(is_blank(turn["content"]) and not calls_tools(turn) for turn in messages):
        raise InvalidRowError("empty_turn", "a turn of the prompt is empty.")


def calls_tools(turn: dict) -> bool:
    return "tool_calls" in turn


# Characters


def whole(text: str) -> str:
    """The text; InvalidRowError if it holds half a character, which no file could keep."""
    if SURROGATE.search(text):
        raise InvalidRowError("broken_text", "a text holds half a character (a surrogate).")
    return text


def is_blank(text: str) -> bool:
    """Whether there is nothing to be seen: spaces, control and zero-width characters alone."""
    return all(char.isspace() or unicodedata.category(char) in ("Cc", "Cf") for char in text)


def joined(value: object) -> str:
    """Part of a prompt as text; a list of texts, or of documents, has a paragraph for each."""
    items = [value] if isinstance(value, str | dict) else listed(value)
    texts = [_of_document(item) for item in items or []]
    if items is None or not all(isinstance(text, str) for text in texts):
        raise InvalidRowError("wrong_type", f"a part of the prompt is a {kind(value)}, not text.")
    return whole("\n\n".join(map(str, texts))).strip()


def _of_document(value: object) -> object:
    """The text of an object with `text` (or the like), below its `title`, or of Gemini's `parts`;
    others as they are."""
    if isinstance(value, dict) and value.keys() == {"parts"}:
        return joined(value["parts"])
    if is_message(value):
        return _message(value)["content"]
    if not isinstance(value, dict) or len(value.keys() & BODIES) != 1:
        return value
    return "\n".join(str(value[name]) for name in ("title", *BODIES) if value.get(name))
