"""Which columns of a labelling tool's row are the answers, and which of them a word names."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from lens.core.errors import LensError
from lens.data.texts.cells import is_tie, parse_json
from lens.data.texts.cures import either

STEMS = {"response", "answer", "completion", "generation", "output", "text", "candidate", "reply"}
STEMS |= {"summary", "message", "txt", "conversation", "story", "translation"}
STEMS |= {f"{stem}s" for stem in STEMS}
NO_TEXT = {"model", "name", "source", "id", "score", "rating", "url", "rationale", "length"}
BODIES = ("body", "text", "html", "response", "content", "title")
FILLER_WORDS = STEMS | {"model", "assistant", "option", "number", "the", "choice", "system"}
FIRST, SECOND = ("left", "first"), ("right", "second")
NUMBERS = [[str(k) for k in range(start, start + 20)] for start in (0, 1)]
LETTERS = list("abcdefghijklmnopqrst")
ADVERB_STEPS = {"slightly": 1, "somewhat": 1, "marginally": 1, "a bit": 1, "a little": 1, "much": 3}
ADVERB_STEPS |= {
    "far": 3,
    "significantly": 3,
    "strongly": 3,
    "clearly": 3,
    "a lot": 3,
    "strictly": 3,
}
STRONGEST, PLAIN = 3, 2
GRADES = "|".join(ADVERB_STEPS)
PHRASE = re.compile(
    rf"(?:i )?(?P<before>(?:{GRADES}) )?(?:prefer |prefers )?(?P<side>.+?)(?: is| was)?"
    rf"(?: (?P<how>{GRADES}))?(?P<better> (?:better|best|preferred|wins|more helpful))?"
)
SIGNS = re.compile(r"(?P<one>[^<>=]+?) ?(?P<sign>>{1,2}|<{1,2}|=) ?(?P<other>[^<>=]+)")
WORD = re.compile(r"[\s_.-]+|(?<=[a-z])(?=[A-Z0-9])")


@dataclass(frozen=True)
class Verdict:
    """The answer that a judgement names (its position, None for a tie), in steps of strength."""

    answer: int | None
    steps: int | None = None


def as_list(value: object) -> list:
    return value if isinstance(value, list) else []


def as_object(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def words(name: object) -> tuple[str, ...]:
    return tuple(word.casefold() for word in WORD.split(str(name).strip()) if word)


def find_verdict(value: object, names: Sequence[str], *, numbers: bool = True) -> Verdict | None:
    """What a choice such as "left", "answer2", "B is slightly better", "A>>B" or "tie" says of
    answers of these names; None if it names none of them. Bare numbers count only if asked."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = re.sub(r"\.0$", "", str(value).strip())
    if text in names:
        return Verdict(names.index(text))
    if text.isdigit() and not numbers:
        return None
    text = " ".join(text.casefold().replace("_", " ").split())
    if is_tie(text):
        return Verdict(None)
    signs = SIGNS.fullmatch(text)
    if signs:
        one, sign, other = signs.groups()
        sides = [position(one, names), position(other, names)]
        if None in sides or sides[0] == sides[1]:
            return None
        steps = STRONGEST if len(sign) == 2 else PLAIN
        return Verdict(None) if sign == "=" else Verdict(sides[sign[0] == "<"], steps)
    phrase = PHRASE.fullmatch(text.rstrip("."))
    answer = position(phrase["side"], names) if phrase else None
    if phrase is None or answer is None:
        return None
    adverb = (phrase["how"] or phrase["before"] or "").strip()
    return Verdict(answer, ADVERB_STEPS[adverb] if adverb else PLAIN if phrase["better"] else None)


def meanings(
    verdicts: Iterable[tuple[object, Sequence[str], Verdict | None]], how: str
) -> dict[str, dict]:
    """{word: what it means and how often it was said} of (word, the names of the answers, the
    verdict) each; a word names the answer that is `how`, "better" or "worse"."""
    counts: Counter[str] = Counter()
    means = {}
    for value, names, verdict in verdicts:
        if verdict is not None:
            counts[str(value)] += 1
            best = verdict.answer
            means[str(value)] = "a tie" if best is None else f"`{names[best]}` is {how}"
    return {word: {"means": means[word], "rows": n} for word, n in counts.most_common(12)}


def position(side: object, names: Sequence[str]) -> int | None:
    """Where among answers the one stands that a side's name means: the whole name, or its ending
    (1, b, left) alone or behind a word such as "response" or "model"."""
    side_words = words(side)
    exact = [index for index, name in enumerate(names) if words(name) == side_words]
    if len(exact) == 1:
        return exact[0]
    telling = [word for word in side_words if word not in FILLER_WORDS]
    if len(telling) != 1 or not names:
        return None
    (end,) = telling
    ends = endings(names)
    if ends and (end in ends or (end + ends[0]).isdigit()):
        return ends.index(end) if end in ends else None
    for known in (FIRST, SECOND):
        if end in known:
            return (FIRST, SECOND).index(known) if len(names) == 2 else None
    series = LETTERS if end.isalpha() else NUMBERS[1]
    index = series.index(end) if end in series else len(names)
    return index if index < len(names) else None


def endings(names: Sequence[str]) -> list[str] | None:
    """The words that distinguish answers of one kind ("1" and "2", "a" and "b"), in their order."""
    parts = [words(name) for name in names]
    if len({len(part) for part in parts}) != 1:
        return None
    differ = [column for column in zip(*parts, strict=True) if len(set(column)) > 1]
    return list(differ[0]) if len(differ) == 1 else None


def answer_columns(fields: Sequence[str], where: str) -> list[str] | None:
    """The columns of one kind that hold answers, in their order; None if there are none. LensError
    where two sets of columns could be meant."""
    sets: dict[tuple, dict[str, str]] = {}
    for name in fields:
        parts = words(name)
        for at, word in enumerate(parts):
            stem = (*parts[:at], "", *parts[at + 1 :])
            sets.setdefault(stem, {})[word] = name
    columns_by_stem = {
        stem: columns
        for stem, by in sets.items()
        if (columns := _in_order(by)) and not NO_TEXT.intersection([*filter(None, stem)][-1:])
    }
    for preferred in (lambda s: s == ("response", ""), STEMS.intersection):
        likely_sets = [columns for stem, columns in columns_by_stem.items() if preferred(stem)]
        if len(likely_sets) == 1:
            return likely_sets[0]
        if likely_sets:
            break
    texts = likely_sets or list(columns_by_stem.values())
    if len(texts) > 1:
        readings = {
            " and ".join(f"`{name}`" for name in columns): dict(
                zip(("response_a", "response_b"), columns, strict=False)
            )
            for columns in texts
        }
        raise LensError(f"{where}: more than one set may be the answers. {either(where, readings)}")
    return texts[0] if texts else None


def _in_order(by: dict[str, str]) -> list[str] | None:
    """Columns by the word in which they differ, if these words count up or name two sides."""
    for series in (*NUMBERS, LETTERS, ["left", "right"], ["first", "second"]):
        run = list(takewhile(by.__contains__, series))
        if len(run) > 1:
            return [by[word] for word in run]
    return None


def listed_answers(value: object) -> list[tuple[str, object]] | None:
    """(id or number from 1, text) of a cell that holds a list of answers; None if it does not."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_json(value)
        except ValueError:
            return None
    if not isinstance(value, list) or len(value) < 2:
        return None
    if all(isinstance(item, str) for item in value):
        return [(str(number), text) for number, text in enumerate(value, 1)]
    if not all(isinstance(item, dict) and "role" not in item for item in value):
        return None
    texts = [next((item[name] for name in BODIES if name in item), None) for item in value]
    keys = [str(item.get("id", number)) for number, item in enumerate(value, 1)]
    return None if None in texts else list(zip(keys, texts, strict=True))


def rating(value: object) -> float | None:
    """A number, or None for what is none or not finite."""
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def sign(number: float) -> int:
    return (number > 0) - (number < 0)
