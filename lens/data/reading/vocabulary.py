"""Words that say that two answers are alike, or that nobody judged them."""

import re

_ALIKE = {"equal", "same", "similar", "comparable", "equivalent", "alike"}
_TIES = {"tie", "tied", "draw", "both", "neither", "neutral", "a=b", "b=a", "[[c]]", "even"}
_TIES |= {"nopreference", "nodifference", "nowinner", "neitherisbetter", "noclearwinner"}
_TIES |= {
    f"{much}{word}" for much in ("", "the", "about", "aboutthe", "roughly") for word in _ALIKE
}
_TIES |= {f"{how}{word}" for how in ("botharethe", "bothare", "theyarethe") for word in _ALIKE}
_TIES |= {
    f"{both}{how}{worth}"
    for both in ("", "tie", "both", "tieboth", "tiebothare", "bothare", "theyareboth", "neitheris")
    for how in ("", "equally")
    for worth in ("good", "bad", "poor")
    if both or how
}
_UNJUDGED = {"skip", "skipped", "unjudged", "unsure", "unknown", "notsure", "imnotsure", "?", "??"}
_UNJUDGED |= {
    "pending",
    "todo",
    "undecided",
    "noanswer",
    "notjudged",
    "notrated",
    "unrated",
    "invalid",
}
_UNJUDGED |= {"notlabeled", "notlabelled", "unlabeled", "unlabelled", "notannotated"}
_UNJUDGED |= {
    f"{who}{cant}{do}"
    for who in ("", "i")
    for cant in ("cant", "cannot")
    for do in ("tell", "decide")
}
_UNJUDGED |= {f"{who}{dont}" for who in ("", "i") for dont in ("dontknow", "donotknow")}


def _plain(value: object) -> str:
    return re.sub(r"[\s_.,;:!()'\u2019/-]+", "", str(value).casefold())


def is_tie(value: object) -> bool:
    """Whether a label's words say that neither answer is better."""
    return _plain(value) in _TIES


def is_unjudged(value: object) -> bool:
    """Whether a label's words say that nobody judged."""
    return _plain(value) in _UNJUDGED
