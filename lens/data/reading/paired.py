"""The columns of the better and of the worse answer, by what they are called."""

from lens.core.errors import LensError
from lens.data.reading.naming import name_answers, require_no_other_pair
from lens.data.texts.cures import either
from lens.data.texts.names import GOOD_BAD, NO_ANSWER, STEMS, TEXTS, Names, words_of

REJECTED: tuple[str, ...] = (
    "rejected_response",
    "rejected_messages",
    "rejected_text",
    "rejected_output",
)
REJECTED += ("rejected_answer", "rejected_completion", "rejected", "rejected_responses")
REJECTED_PARTNERS = ("messages", "conversations", *TEXTS)


def pair_columns(names: Names, where: str) -> dict[str, str] | None:
    """The columns of the better and of the worse answer, where their names say so."""
    if {"chosen", "rejected"} <= names.known.keys():
        both = names.known["chosen"], names.known["rejected"]
        require_no_other_pair(names, both, where)
        named = name_answers(names, both, where)
        return None if named else {"chosen": both[0], "rejected": both[1]}
    pairs = _named_alike(names)
    rejected = names.first(REJECTED)
    partners = [name for name in names.all(REJECTED_PARTNERS) if name != rejected]
    if not pairs and rejected and names.is_text(rejected):
        pairs = [(name, rejected) for name in partners if names.is_text(name)]
    pairs = [pair for pair in dict.fromkeys(pairs) if not name_answers(names, pair, where)]
    if len({names.texts(pair) for pair in pairs}) > 1:
        readings = {f"`{a}` is preferred to `{b}`": {"chosen": a, "rejected": b} for a, b in pairs}
        raise LensError(
            f"{where}: more than one pair of columns may be the answers. {either(where, readings)}"
        )
    return dict(zip(("chosen", "rejected"), pairs[0], strict=True)) if pairs else None


def _named_alike(names: Names) -> list[tuple[str, str]]:
    """Columns of texts whose names differ in one of GOOD_BAD alone, be it that the second one is in
    the plural, and else hold a word for an answer or nothing."""
    keys = {f"_{'_'.join(words_of(known))}_": name for known, name in names.known.items()}
    alike = [
        (name, partner)
        for good, bad in GOOD_BAD
        for key, name in keys.items()
        if f"_{good}_" in key and _is_answer(key.replace(f"_{good}_", "_", 1))
        for other in [key.replace(f"_{good}_", f"_{bad}_", 1)]
        if (partner := keys.get(other) or keys.get(f"{other[:-1]}s_"))
    ]
    return [pair for pair in alike if names.is_text(pair[0]) and names.is_text(pair[1])]


def _is_answer(rest: str) -> bool:
    """Whether the rest of a name has a word for an answer and none for what is no text, or is
    empty."""
    words = {*rest.split("_")} - {""}
    answer = not words or bool(STEMS & {word.removesuffix("s") for word in words})
    return answer and not words & NO_ANSWER
