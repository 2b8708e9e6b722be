"""The columns of the better and of the worse answer, by what they are called."""

from lens.core.errors import LensError
from lens.data.reading.naming import name_answers, require_no_other_pair
from lens.data.texts.cures import either
from lens.data.texts.names import GOOD_BAD, STEMS, TEXTS, Names

REJECTED: tuple[str, ...] = (
    "rejected_response",
    "rejected_messages",
    "rejected_text",
    "rejected_output",
)
REJECTED += ("rejected_answer", "rejected_completion", "rejected", "rejected_responses")
PLURALS = (("s", "s"), ("", "s"))
REJECTED_PARTNERS = ("messages", "conversations", *TEXTS)


def _spellings(good: str, bad: str) -> list[tuple[str, str]]:
    """What two columns may be called that hold the better and the worse of something."""
    pairs = [(good, bad)]
    for stem in sorted(STEMS):
        pairs += [(f"{good}_{stem}", f"{bad}_{stem}"), (f"{stem}_{good}", f"{stem}_{bad}")]
        pairs += [(f"{good}_{stem}{n}", f"{bad}_{stem}{m}") for n, m in PLURALS]
    return pairs


SPELLINGS = [pair for two in GOOD_BAD for pair in _spellings(*two)]


def pair_columns(names: Names, where: str) -> dict[str, str] | None:
    """The columns of the better and of the worse answer, where their names say so."""
    if {"chosen", "rejected"} <= names.known.keys():
        both = names.known["chosen"], names.known["rejected"]
        require_no_other_pair(names, both, where)
        named = name_answers(names, both, where)
        return None if named else {"chosen": both[0], "rejected": both[1]}
    known = names.known
    pairs = [(known[a], known[b]) for a, b in SPELLINGS if a in known and b in known]
    pairs = [pair for pair in pairs if names.is_text(pair[0]) and names.is_text(pair[1])]
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
