"""Prompts that say nearly the same: found by MinHash, confirmed by the share of text they share.

Equal prompts are kept apart when pairs are split; prompts that differ by a word or a full stop are
not, and a test on them flatters a model. They are counted here, not removed. Two prompts, each as
`lens.data.group_key` gives it, are near duplicates if the Jaccard similarity of their sets of
5-character pieces is 0.8 or more. One changed letter in a prompt of 49 characters or more leaves
it a near duplicate; one changed word needs some hundred characters.

MinHash with locality-sensitive hashing proposes pairs and the exact similarity decides, so that no
pair is counted wrongly; one is missed with the probability 1 - `chance_of_finding(similarity)`,
which at 0.8 is 0.2 % and falls steeply above.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence

WIDTH = 5  # characters; prompts may be a line, too short for pieces of several words
THRESHOLD = 0.8
BANDS, ROWS = 21, 6
SEED = 1
SHOWN = 5


def chance_of_finding(similarity: float) -> float:
    """Probability that a pair of this similarity is proposed: 1 - (1 - s^rows)^bands."""
    return 1 - (1 - similarity**ROWS) ** BANDS


def pieces(text: str) -> set[str]:
    """All stretches of WIDTH characters; a shorter text is one piece."""
    return {text[start : start + WIDTH] for start in range(max(1, len(text) - WIDTH + 1))}


def similarity(one: set[str], other: set[str]) -> float:
    """Jaccard: what two sets of pieces share, as a share of what either has."""
    return len(one & other) / len(one | other)


class Index:
    """Texts to be found again by one that nearly says the same; memory grows with the texts held,
    some 10 KB each."""

    def __init__(self):
        from datasketch import MinHash, MinHashLSH

        # Its inputs need not be mixed well (it does that itself), so the quickest hash will do.
        self._empty = MinHash(num_perm=BANDS * ROWS, seed=SEED, hashfunc=zlib.crc32)
        self._buckets = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        self._texts: dict[int, str] = {}

    def sketch(self, text: str) -> tuple:
        """(pieces, their MinHash) of a text, which `add` and `near` take."""
        own, hashed = pieces(text), self._empty.copy()
        hashed.update_batch([piece.encode() for piece in own])
        return own, hashed

    def add(self, place: int, text: str, sketch: tuple) -> None:
        self._buckets.insert(place, sketch[1])
        self._texts[place] = text

    def remove(self, place: int) -> None:
        self._buckets.remove(place)
        del self._texts[place]

    def near(self, sketch: tuple) -> Iterator[tuple[int, float]]:
        """(place, similarity) of the near duplicates held, by place."""
        own, hashed = sketch
        for place in sorted(self._buckets.query(hashed)):
            score = similarity(own, pieces(self._texts[place]))
            if score >= THRESHOLD:
                yield place, score


def near_duplicates(texts: Sequence[str], among: Sequence[str]) -> dict[int, tuple[int, float]]:
    """{i: (j, similarity)}: the texts with a near duplicate (or an equal) among others, and the
    first of those. Holds `texts` in memory and goes through `among`, so let the first be fewer."""
    index, found = Index(), {}
    for place, text in enumerate(texts):
        index.add(place, text, index.sketch(text))
    for other, text in enumerate(among):
        for place, score in index.near(index.sketch(text)):
            found[place] = (other, score)
            index.remove(place)
    return dict(sorted(found.items()))


def repeated(texts: Sequence[str]) -> dict[int, tuple[int, float]]:
    """{i: (j, similarity)}: the texts that nearly say what one before them does, and the first."""
    index, found = Index(), {}
    for place, text in enumerate(texts):
        sketch = index.sketch(text)
        near = next(index.near(sketch), None)
        if near:
            found[place] = near
        index.add(place, text, sketch)
    return found


def counted(prompts: Mapping[str, str], training: Mapping[str, str]) -> dict:
    """How many of the prompts {place: text} have a near duplicate among the training prompts, and
    where the first ones stand, as JSON values."""
    places, others = list(prompts), list(training)
    found = near_duplicates(list(prompts.values()), list(training.values()))
    return {
        "prompts": len(places),
        "near_duplicates": len(found),
        "share": len(found) / len(places) if places else 0.0,
        "first": [
            {"prompt": places[i], "training_prompt": others[j], "similarity": round(score, 3)}
            for i, (j, score) in list(found.items())[:SHOWN]
        ],
    }


def flag(count: Mapping, what: str) -> list[tuple[str, str]]:
    """As `lens.health` has flags, where `counted` found some; `what` says which prompts."""
    found, prompts = count["near_duplicates"], count["prompts"]
    if not found:
        return []
    return [
        (
            "near_duplicate_prompts",
            f"{found:,} of {prompts:,} {what} ({100 * count['share']:.1f} %), Jaccard {THRESHOLD} "
            f"or more of {WIDTH}-character pieces",
        )
    ]
