"""The columns of the better and of the worse answer, by what they are called."""

from lens.core.errors import LensError
from lens.data.reading.naming import name_answers, require_no_other
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
BESIDE_REJECTED = ("messages", "conversations", *TEXTS)


def pair_columns(names: Names, place: str) -> dict[str, str] | None:
    """The columns of the better and of the worse answer, where their names say so."""
    if {"chosen", "rejected"} <= names.known.keys():
        both = names.known["chosen"], names.known["rejected"]
        require_no_other(names, both, place)
        named = name_answers(names, both, place)
        return None if named else {"chosen": both[0], "rejected": both[1]}
    found: list[tuple[str, str]] = []
    for good, bad in GOOD_BAD:
        spelled = [(good, bad)]
        for stem in sorted(STEMS):
            spelled += [(f"{good}_{stem}", f"{bad}_{stem}"), (f"{stem}_{good}", f"{stem}_{bad}")]
            spelled += [(f"{good}_{stem}{n}", f"{bad}_{stem}{m}") for n, m in PLURALS]
        known = [(names.known.get(a), names.known.get(b)) for a, b in spelled]
        found += [(a, b) for a, b in known if a and b and names.is_text(a) and names.is_text(b)]
    rejected = names.first(REJECTED)
    beside = [name for name in names.all(BESIDE_REJECTED) if name != rejected]
    if not found and rejected and names.is_text(rejected):
        found = [(name, rejected) for name in beside if names.is_text(name)]
    found = [pair for pair in dict.fromkeys(found) if not name_answers(names, pair, place)]
    if len({names.said(pair) for pair in found}) > 1:
        meant = {f"`{a}` is preferred to `{b}`": {"chosen": a, "rejected": b} for a, b in found}
        raise LensError(
            f"{place}: more than one pair of columns may be the answers. {either(place, meant)}"
        )
    return dict(zip(("chosen", "rejected"), found[0], strict=True)) if found else None
