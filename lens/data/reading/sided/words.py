"""Words that name one of two answers, or say that neither is better."""

import re
from collections.abc import Iterable

from lens.core.errors import LensError
from lens.data.texts.cells import FALSE, TRUE, is_tie
from lens.data.texts.names import Names, canonical, tokens_of

YES = {"true", "yes", "win", "won", "1", "ja", "oui", "sí", "si", "sì", "sim"}
NO = {"false", "no", "loss", "lose", "lost", "0", "nein", "non", "nee", "não"}
WORDS = [{"a", "left", "first", "one", "l"}, {"b", "right", "second", "two", "r"}]
NOUNS = "model|response|answer|assistant|option|completion|output|candidate|system|choice|side"
SIDE = "[ab012lr]|left|right|first|second|one|two"
ADVERBS = "slightly|somewhat|much|significantly|far|clearly|marginally|strongly"
VERDICT = re.compile(
    rf"(?:i?(?P<before>{ADVERBS})?(?P<prefer>prefers?))?"
    rf"(?:\[\[)?(?:the)?(?:(?:{NOUNS}|winner|verdict|preferred)s?:?)?"
    rf"(?P<side>{SIDE})(?:one|{NOUNS})?(?:\]\])?"
    rf"(?:(?:is|was)?(?P<how>{ADVERBS})?(?P<better>better|preferred|best|wins|won|morehelpful)"
    rf"(?:overall|than(?:the)?(?:{NOUNS})?(?:{SIDE}|other(?:one|{NOUNS})?))?)?"
)
BRACKETED = re.compile(r"\[\[[^\[\]]+\]\]")  # at the end of what a judge writes
SIGNS = re.compile(r"\[*([^<>=\[\]]+?)(>{1,3}|<{1,3})([^<>=\[\]]+?)\]*")


def differing_parts(columns: tuple[str, str]) -> tuple[str, ...]:
    """The part of two columns' names in which they differ, of `a.text` and `b.text` a and b."""
    names = [str(name).rpartition(".") for name in columns]
    leaves = tuple(leaf for *_, leaf in names)
    return leaves if leaves[0] != leaves[1] else tuple(root for root, *_ in names)


def ends_of(columns: tuple[str, str], names: Names) -> list[str]:
    tokens = [tokens_of(canonical(name)) for name in differing_parts(columns)]
    if len(tokens[0]) != len(tokens[1]):
        return ["", ""]
    differ = [pair for pair in zip(*tokens, strict=True) if pair[0] != pair[1]]
    return list(differ[0]) if len(differ) == 1 else ["", ""]


def named_side(value: object, columns: tuple[str, str]) -> tuple[int | None, float | None] | None:
    """(0 or 1 for the side that a label names, None for a tie; its strength, where it tells)."""
    verdicts = {*BRACKETED.findall(str(value))}
    value = verdicts.pop() if len(verdicts) == 1 else value
    word = word_of(value).strip("().:,;!*\"'`")
    if is_tie(value) or word in ("0.5", "\N{VULGAR FRACTION ONE HALF}"):
        return None, None
    short = differing_parts(columns)
    for side in (0, 1):
        if word in (word_of(columns[side]), word_of(short[side])):
            return side, None
    if signs := SIGNS.fullmatch(word):
        both = [named_side(part, columns) for part in signs.group(1, 3)]
        if None in both or both[0] == both[1]:
            return None
        better = both[signs[2][0] == "<"]
        return better and better[0], float(min(3, len(signs[2])))
    match = VERDICT.fullmatch(word)
    if match is None:
        return None
    word_for_side, ends = match["side"], [word_of(column)[-1:] for column in short]
    adverb = match["how"] or match["before"]
    strength: float | None = {"slightly": 1.0, "somewhat": 1.0, "marginally": 1.0}.get(adverb, 3.0)
    if adverb is None:
        strength = 2.0 if match["better"] or match["prefer"] else None
    if word_for_side in ends:
        return ends.index(word_for_side), strength
    number = next((i for i in (0, 1) if word_for_side in WORDS[i]), None)
    if (
        number is None
        and word != word_for_side
        and {word_for_side} <= {"1", "2"}
        and ends not in (["0", "1"],)
    ):
        number = int(word_for_side) - 1  # "response 2" of answers that end in letters
    return None if number is None else (number, strength)


def winning_side(value: object, sides: tuple[str, str], what: str) -> int | None:
    """0 or 1 for the side that a label names, None for a tie; LensError for anything else."""
    side = None if isinstance(value, bool) else named_side(value, sides)
    if side is None:
        raise LensError(not_a_side(value, sides, what))
    return side[0]


def word_of(value: object) -> str:
    word = re.sub(r"[\s_.-]+(?=\D)|(?<=\D)[\s_-]+", "", str(value).strip().casefold())
    word = "true" if word in TRUE else "false" if word in FALSE else word
    return re.sub(r"^(\d)\.0$", r"\1", word)  # whole numbers beside empty cells become floats


def not_a_side(
    value: object, columns: tuple[str, str], what: str, cure: str = " Fix the label."
) -> str:
    ends = [str(column)[-1:] for column in columns]
    return (
        f"{what} is {value!r:.80}. It must name a side ({columns[0]!r} or {columns[1]!r}, or just "
        f"{ends[0]!r} or {ends[1]!r}) or a tie ('tie', 'same', 'draw').{cure}"
    )


def swapped(tokens: tuple[str, ...], at: int, token: str) -> tuple[str, ...]:
    """The words of a name with another one in this position."""
    return (*tokens[:at], token, *tokens[at + 1 :])


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
