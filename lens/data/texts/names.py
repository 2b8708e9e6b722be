"""What columns may be called, and what they then hold; a name's case and outer blanks do not count.

These are TRL's names and those of the public sets and tools that docs/howto.md lists.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from lens.data.texts.cells import Row, is_empty, is_number, listed
from lens.data.texts.turns import InvalidRowError, decoded, is_message

Words = tuple[str, ...]
Twos = tuple[tuple[str, str], ...]
SYSTEMS: Words = (
    "system",
    "system_prompt",
    "system_message",
    "sys_prompt",
    "system_instruction",
)
SYSTEMS += ("system_instructions", "developer_message", "system_role", "system_msg", "sys")
SYSTEMS += ("system_prompt_text", "system_content", "developer_prompt")
TOOLS: Words = ("tools", "functions", "available_tools")
HISTORIES: Words = (
    "history",
    "chat_history",
    "conversation_history",
    "dialogue_history",
    "chat_context",
)
CONTEXTS: Words = ("context", "passage", "document", "background", "article")
CONTEXTS += ("contexts", "passages", "documents", "articles")
# Of several names that are there, the first counts.
PROMPTS: Words = (
    "prompt",
    "instruction",
    "question",
    "query",
    "user_prompt",
    "user_input",
)
PROMPTS += ("user_message", "user_query", "problem", "post", "request", "input", "context")
PROMPTS += ("history", "conversations", "conversation", "messages", "dialogue", "dialog")
PROMPTS += ("human", "task", "anchor", "contents", "chat")
PROMPTS += CONTEXTS[1:]
DIALOGUES: Words = (
    "messages",
    "conversations",
    "conversation",
    "dialogue",
    "dialog",
    "contents",
    "chat",
)
ALTERNATIVES: Words = PROMPTS[
    : PROMPTS.index("history") + 1
]  # that could well be (part of) the prompt
LISTS: Words = (
    "responses",
    "completions",
    "candidates",
    "answers",
    "outputs",
    "summaries",
    "generations",
)
LISTS += ("samples", "candidates_completions", "replies")
TEXTS: Words = (
    "response",
    "text",
    "content",
    "output",
    "completion",
    "answer",
    "generation",
    "reply",
)
TEXTS += ("summary", "assistant", "model_response", "model_output", "model_answer")
RATINGS: Words = (
    "rating",
    "score",
    "overall_score",
    "fine-grained_score",
    "reward",
    "overall_rating",
)
RATINGS += ("helpfulness", "quality", "overall", "stars", "points")
RANK_LISTS: Words = ("ranks", "ranking", "rankings", "rank")
RATING_LISTS: Words = ("ratings", "scores", "rewards")
ORDERS: Words = ("order", "ordering", "preference_order", "ranked_order", "rank_str")
# What marks one answer of a list, true or false.
MARKS: Words = ("chosen", "selected", "preferred", "best", "accepted", "is_preferred", "is_best")
MARKS += ("is_chosen", "is_selected", "is_accepted", "if_chosen", "label", "correct", "is_correct")
LABELS: Words = (
    "winner",
    "label",
    "labels",
    "preference",
    "preferred",
    "choice",
    "better",
)
LABELS += ("better_response_id", "preference_strength", "overall_preference")
LABELS += ("first_is_better", "second_is_better", "first_share", "second_share", "verdict")
LABELS += ("preferred_response", "better_response", "best_response", "human_preference")
LABELS += ("human_label", "preference_label", "selected", "chosen", "vote", "best", "judgement")
LABELS += ("judgment", "safer_response_id", "best_model", "better_model", "winning_model")
LABELS += ("winner_model", "preferred_model")
# What may grade two answers where no label does; which sign means what has to be told.
GRADES: Words = (
    "margin",
    "score",
    "strength",
    "score_diff",
    "difference",
    "gap",
    "delta",
    "win_rate",
    "probability",
    "share",
)
# A scale without a sign, called by users after the answers that its ends are for.
ENDS = re.compile(
    r"(?P<low>\d+)_is_(?P<best>first|second)_(?P<high>\d+)_is_(?!(?P=best))(first|second)"
)
LONGEST_NAME = 60  # characters
# What names the worse answer, or may do so.
LOST = {"loser", "worse", "worst", "rejected", "loses", "lost"}
GOOD_BAD: Twos = (
    ("chosen", "rejected"),
    ("preferred", "non_preferred"),
    ("preferred", "dispreferred"),
)
GOOD_BAD += (("preferred", "rejected"), ("accepted", "rejected"), ("better", "worse"))
GOOD_BAD += (("winner", "loser"), ("winning", "losing"), ("win", "lose"), ("best", "worst"))
GOOD_BAD += (("positive", "negative"), ("pos", "neg"), ("good", "bad"))
GOOD_BAD += (("chosen", "reject"), ("y_w", "y_l"), ("w", "l"), ("positive", "negatives"))
STEMS = {"response", "answer", "completion", "conversation", "output", "text", "candidate", "reply"}
STEMS |= {"summary", "generation", "ref", "solution", "message", "translation", "story", "option"}
STEMS |= {"assistant", "continuation", "essay", "caption", "code"}
NO_ANSWER = {"name", "id", "score", "rating", "source", "tokens", "url", "length", "rank"}
NO_ANSWER |= {"quotes", "rationale", "reason", "type", "category", "reward", "label", "winner"}
NO_ANSWER |= {"sha", "sha256", "md5", "hash", "checksum"}
SCORED = {"score", "rating", "reward", "grade", "points", "votes", "quality", "rank"}
SCORED |= {"helpfulness", "elo", "stars"}
SIDE_ENDS: Twos = (
    ("a", "b"),
    ("0", "1"),
    ("1", "2"),
    ("left", "right"),
    ("first", "second"),
)
SIDE_ENDS += (("one", "two"),)
MORE_ENDS = {"c", "2", "3", "third", "three"}  # that say there are more than two
INSIDE: Words = ("messages", "text", "full_text", "content", "prompt", "conversation")
INSIDE += ("response", "answer", "output", "completion")
ASIDE = {"metadata", "meta", "extra", "info_extra", "annotations"}
# What says where a row comes from, and nothing of its texts.
BOOKKEEPING = re.compile(
    r"(.*_)?(id|ids|uuid|source|sources|dataset|subset|split|index|idx|model|models|lang|language"
    r"|domain|category|created|timestamp|date|time|annotator|worker|batch|user|turns|turn|hash|url"
    r"|group|policy|subreddit|version|annotator_id|lead_time|project|status|tags)(_[ab012])?|(model|policy)_.*"
    r"|unnamed:.*|level_\d|_*index_level_\d_*|[a-z]id"
)


def canonical(name: object) -> str:
    """A column's name in small letters, words parted by `_`: " Response-A" is "response_a"."""
    return _canonical(str(name))


@lru_cache(maxsize=4096)
def _canonical(name: str) -> str:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name.strip())
    return re.sub(r"[\s_-]+", "_", parted).casefold()


def tokens_of(name: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"_|(?<=[a-z])(?=\d)", name) if part)


def ending(value: object) -> str:
    """The number or the letter that a name of one of several ends in, else all of it."""
    word = re.sub(r"\.0$", "", str(value).strip().casefold())
    return re.sub(r"^.*?[_ -]?(\d+|[a-z])$", r"\1", word)


def words_of(name: object) -> tuple[str, ...]:
    """The words of a column's name, those of an object and of its field alike."""
    return tokens_of(canonical(name).replace(".", "_"))


def column_named(row: dict, value: object, excluded: Iterable[str]) -> str | None:
    """The one other column of a row that a cell names, with a text in it."""
    if not isinstance(value, str | int) or len(str(value)) > LONGEST_NAME:
        return None
    words = words_of(value)
    texts = [name for name in row if name not in excluded and isinstance(row[name], str | list)]
    exact = [name for name in texts if words_of(name) == words]
    without_stem = [n for n in texts if words and _without_stem(n) == words]
    by_ending = [n for n in texts if words_of(n)[-1:] == words and STEMS & {*words_of(n)[:-1]}]
    matches = exact or without_stem or by_ending
    return matches[0] if len(matches) == 1 and not is_number(row[matches[0]]) else None


def _without_stem(name: object) -> tuple[str, ...]:
    """The words of `gpt4_response` or `response_gpt4` besides the one for an answer."""
    words = words_of(name)
    rest = tuple(word for word in words if word.removesuffix("s") not in STEMS)
    return rest if len(rest) < len(words) else ()


def is_rank(name: object) -> bool:
    """Whether a column's name says that it holds ranks, of which the lowest is best."""
    return SCORED.intersection(words_of(name)) == {"rank"}


class Names:
    """The columns of rows, to be found by what they may be called. `fixed` are names that the user
    gave to columns, {"ours": "theirs"}: of several columns for one purpose these count.
    `start` is the number of the first answer, where columns of answers have numbers."""

    def __init__(
        self,
        names: Sequence[str],
        rows: Sequence[Row],
        fixed: Mapping[str, str] | None = None,
        start: int | None = None,
    ):
        self.names, self.rows, self.start = list(names), rows, start
        self.theirs = {canonical(ours): theirs for ours, theirs in (fixed or {}).items()}
        self.fixed = {*self.theirs}
        self.known: dict[str, str] = {}
        for name in sorted(names, key=lambda name: (canonical(name) != name, str(name))):
            self.known.setdefault(canonical(name), name)
        leaves = Counter(canonical(str(name).rpartition(".")[2]) for name in self.names)
        for name in self.names:
            root, _, leaf = str(name).rpartition(".")
            aside = canonical(root) in ASIDE
            if root and not aside and canonical(leaf) in INSIDE:
                self.known.setdefault(canonical(root), name)
            counts = not aside or canonical(leaf) in SYSTEMS + HISTORIES
            if root and counts and leaves[canonical(leaf)] == 1:
                self.known.setdefault(canonical(leaf), name)

    def all(self, wanted: Iterable[str]) -> list[str]:
        """The columns there are of these names, in their order; where one was fixed, only those."""
        wanted = [canonical(name) for name in wanted]
        if self.fixed.intersection(wanted):
            wanted = [name for name in wanted if name in self.fixed]
        return [self.known[name] for name in wanted if name in self.known]

    def first(self, wanted: Iterable[str]) -> str | None:
        return next(iter(self.all(wanted)), None)

    def user_labels(self) -> list[str]:
        """The names of labels and grades that the user gave to columns."""
        known = {*map(canonical, LABELS), *GRADES}
        return sorted(name for name in self.fixed if name in known or ENDS.fullmatch(name))

    def values(self, name: str) -> list:
        """What the column holds, cells that hold nothing left out."""
        cells = (row.get(name) for _, row in self.rows)
        return [value for value in cells if not is_empty(value)]

    def texts(self, columns: Iterable[str]) -> tuple[str, ...]:
        """What these columns say, row by row, for comparing columns."""
        return tuple(text_of(row.get(name)) for _, row in self.rows for name in columns)

    def is_empty(self, name: str) -> bool:
        return not self.values(name)

    def is_text(self, name: str) -> bool:
        """Whether the column holds texts, messages or lists of texts rather than numbers."""
        values = self.values(name)
        return bool(values) and any(map(_is_text, values))

    def is_numeric(self, name: str) -> bool:
        return all(map(is_number, self.values(name)))


def _is_text(value: object) -> bool:
    if isinstance(value, str):
        return not is_number(value)
    items = [value] if isinstance(value, dict) else listed(value)
    return all(isinstance(item, str) or is_message(item) for item in items) if items else False


def text_of(value: object) -> str:
    """All that a cell says, for comparing cells; nothing of lists that nest too deeply."""
    try:
        return _text_of(value)
    except RecursionError:
        return ""


def _text_of(value: object) -> str:
    try:
        value = decoded(value)
    except InvalidRowError:
        return str(value)
    if isinstance(value, dict):
        content = value.get("content", value.get("value"))
        return "\n".join(map(str, value.values())) if content is None else str(content)
    items = None if isinstance(value, str) else listed(value)
    return str(value) if items is None else "\n".join(map(_text_of, items))


def names_of(
    rows: Sequence[Row], renames: Mapping[str, str] | None = None, start: int | None = None
) -> Names:
    """The columns of all rows; `renames` and `start` as for `Names`, "" for a role of no column."""
    columns = dict.fromkeys(name for _, row in rows for name in row)
    return Names(list(columns), rows, {o: t for o, t in (renames or {}).items() if t}, start)
