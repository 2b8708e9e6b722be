"""Names of labels, questions and ratings that may be about the worse answer."""

import re

from lens.data.texts.names import STEMS, words_of

# How words of a name begin with which naming an answer, or a higher rating, may mean the worse one.
FAULT = re.compile(
    "worse|worst|bad|los[est]|reject|less$|least|fewe|not$|non$|nonp|un(safe|help|true|fair|clear|pref)"
    "|dis(like|pref)|schlech|schlimm|pire$|moins|mauvais|peor|peggio|pior$|slecht"
    "|in(accura|correct|appropr|coher)|harm(?!less)|toxi|offensi|wrong|bias|hate|risk|danger|severi"
    "|err(?!a)|mistake|perplex|rude|hallucin|violat|problem|issue|flaw|fault|mislead|verbos|repeti"
    "|longer|longest|shorter|shortest|lie|lying|spam|refus|evasive|sycophan|confus|cost|slow|latency"
)
# What a name asks for with "which" or "more" leaves no doubt if one of these words is there.
GOODNESS = re.compile(
    "better|best|prefer|like|good|help|useful|accura|correct|quality|win|truth|honest|harmless|safe"
    "|clear|relevan|choose|choice|chosen|pick|select|polite|kind|natural|fluent|coheren"
)
ASKS = {"which", "more", "most", "who"}
NEUTRAL = ASKS | STEMS | {"is", "are", "of", "do", "does", "you", "would", "one", "to"}
NEUTRAL |= {"a", "b", "two", "these", "overall", "user", "your"}


def may_ask_for_worse(name: str) -> bool:
    """Whether the answer that a question or label names, or a rating puts higher, may be the worse
    one: its name has a word for a fault, or asks for more of what need not be good."""
    words = words_of(re.sub(r"[?!.,:()]+", "", str(name)))
    if any(map(FAULT.match, words)):
        return True
    unknown = bool(ASKS & {*words}) and bool({*words} - NEUTRAL)
    return unknown and not any(map(GOODNESS.match, words))
