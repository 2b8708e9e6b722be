"""Prompts that say nearly the same: found by MinHash, confirmed by the share of text they share.

A split keeps equal prompts on one side, but not prompts that differ by a word or a full stop:
accuracy measured on them may be too high. They are counted here, not removed. Two prompts, each as
`lens.data.pairs.group_key` gives it, are near duplicates if the Jaccard similarity of their sets of
5-character pieces is 0.8 or more. One changed letter in a prompt of 49 characters or more leaves
it a near duplicate; one changed word needs some hundred characters.

Prompts may share a template ("Below is an instruction ..."), which tells none from another. Where
pieces that are in more than half of the prompts compared, of both sides together, make up a third
or more of what they say, these pieces are left out: two prompts of one template are near duplicates
if what fills it nearly is. Fewer than 20 prompts have no template; past 1,000, that many or more,
evenly spaced, say what it is. A prompt that says nothing else is compared as it stands.

MinHash with locality-sensitive hashing proposes pairs and the exact similarity decides, so that no
pair is counted wrongly (pieces are compared by 64 bits of hash); one is missed with the probability
1 - `chance_of_finding(similarity)`, which at 0.8 is 0.2 % and falls steeply above. A proposed pair
whose sizes rule it out, or whose MinHashes agree so rarely that fewer than one pair in 100,000 at
0.8 would, is not compared.

Training prompts are not compared with one another: near duplicates within the training split, on
both sides of the reward models' training and validation parts, are not looked at.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

WIDTH = 5  # characters; prompts may be a line, too short for pieces of several words
THRESHOLD = 0.8
BANDS, ROWS = 21, 6
AGREEMENT = 0.62  # share of equal MinHash values: 5 standard errors below the threshold
FEWEST, SAMPLE = 20, 1000  # prompts that say which pieces are a template's
TEMPLATE_SHARE = 1 / 3  # of the pieces; plain English has some 6 % that half of the prompts share
SEED = 1
SHOWN = 5
NO_CHARACTER = 0x110000  # fills up a short text; Unicode ends before
MIX = 0x9E3779B97F4A7C15  # odd, its bits without pattern


def chance_of_finding(similarity: float) -> float:
    """Probability that a pair of this similarity is proposed: 1 - (1 - s^rows)^bands."""
    return 1 - (1 - similarity**ROWS) ** BANDS


def pieces(text: str) -> np.ndarray:
    """All stretches of WIDTH characters, a shorter text being one: uint64 hashes, sorted, each
    once."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(codes) < WIDTH:
        codes = np.pad(codes, (0, WIDTH - len(codes)), constant_values=NO_CHARACTER)
    mixed = np.zeros(len(codes) - WIDTH + 1, np.uint64)
    for start in range(WIDTH):
        mixed = (mixed ^ codes[start : start + len(mixed)]) * np.uint64(MIX)
        mixed ^= mixed >> np.uint64(32)
    return np.unique(mixed)


def template(texts: Sequence[str]) -> np.ndarray:
    """The pieces, as `pieces` gives them, that are in more than half of the texts; none where
    they are less than TEMPLATE_SHARE of all."""
    if len(texts) < FEWEST:
        return np.empty(0, np.uint64)
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    hashes, counts = np.unique(
        np.concatenate([pieces(text) for text in sample]), return_counts=True
    )
    common = 2 * counts > len(sample)
    enough = counts[common].sum() >= TEMPLATE_SHARE * counts.sum()
    return hashes[common] if enough else np.empty(0, np.uint64)


def distinctive_pieces(text: str, common: np.ndarray) -> np.ndarray:
    """A text's pieces without the common ones, or all where nothing else is left."""
    all_pieces = pieces(text)
    distinctive = (
        np.setdiff1d(all_pieces, common, assume_unique=True) if len(common) else all_pieces
    )
    return distinctive if len(distinctive) else all_pieces


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Jaccard: what two sets of pieces share, as a share of what either has."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


class Index:
    """Texts to be found again by one that nearly says the same, less the pieces in `common`. Holds
    at most `size`, numbered from 0 on; memory grows with them, some 10 KB each."""

    def __init__(self, size: int, common: np.ndarray):
        from datasketch import MinHash, MinHashLSH

        # Pieces are hashes already.
        self._empty = MinHash(num_perm=BANDS * ROWS, seed=SEED, hashfunc=int)
        self._buckets = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        self._common = common
        self._pieces: dict[int, np.ndarray] = {}
        self._sizes = np.zeros(size, np.int64)
        self._values = np.zeros((size, BANDS * ROWS), self._empty.hashvalues.dtype)

    def sketch(self, text: str) -> tuple:
        """(pieces, their MinHash) of a text, which `add` and `near` take."""
        text_pieces, hashed = distinctive_pieces(text, self._common), self._empty.copy()
        hashed.update_batch((text_pieces >> np.uint64(32)).tolist())
        return text_pieces, hashed

    def add(self, number: int, sketch: tuple) -> None:
        text_pieces, hashed = sketch
        self._buckets.insert(number, hashed)
        self._pieces[number], self._sizes[number] = text_pieces, len(text_pieces)
        self._values[number] = hashed.hashvalues

    def remove(self, number: int) -> None:
        self._buckets.remove(number)
        del self._pieces[number]

    def near(self, sketch: tuple) -> Iterator[tuple[int, float]]:
        """(number, similarity) of the near duplicates held, by number."""
        text_pieces, hashed = sketch
        proposed = np.array(sorted(self._buckets.query(hashed)), np.int64)
        if not len(proposed):
            return
        sizes = self._sizes[proposed]
        within = np.minimum(sizes, len(text_pieces)) >= THRESHOLD * np.maximum(
            sizes, len(text_pieces)
        )
        proposed = proposed[within]
        agree = (self._values[proposed] == hashed.hashvalues).mean(axis=1)
        for number in proposed[agree >= AGREEMENT].tolist():
            score = similarity(text_pieces, self._pieces[number])
            if score >= THRESHOLD:
                yield number, score


def near_duplicates(texts: Sequence[str], among: Sequence[str]) -> dict[int, tuple[int, float]]:
    """{i: (j, similarity)}: the texts with a near duplicate (or an equal) among others, and the
    first of those. Holds `texts` in memory and goes through `among`, so let the first be fewer."""
    index, matches = Index(len(texts), template([*texts, *among])), {}
    for number, text in enumerate(texts):
        index.add(number, index.sketch(text))
    for other, text in enumerate(among):
        for number, score in index.near(index.sketch(text)):
            matches[number] = (other, score)
            index.remove(number)
    return dict(sorted(matches.items()))


def repeated(texts: Sequence[str]) -> dict[int, tuple[int, float]]:
    """{i: (j, similarity)}: the texts that nearly say what one before them does, and the first."""
    index, matches = Index(len(texts), template(texts)), {}
    for number, text in enumerate(texts):
        sketch = index.sketch(text)
        near = next(index.near(sketch), None)
        if near:
            matches[number] = near
        index.add(number, sketch)
    return matches


def count_near_duplicates(prompts: Mapping[str, str], training: Mapping[str, str]) -> dict:
    """How many of the prompts {where: text} have a near duplicate among the training prompts, and
    where the first ones stand, as JSON values."""
    names, training_names = list(prompts), list(training)
    matches = near_duplicates(list(prompts.values()), list(training.values()))
    return {
        "prompts": len(names),
        "near_duplicates": len(matches),
        "share": len(matches) / len(names) if names else 0.0,
        "first": [
            {
                "prompt": names[i],
                "training_prompt": training_names[j],
                "similarity": round(score, 3),
            }
            for i, (j, score) in list(matches.items())[:SHOWN]
        ],
    }


def flag(count: Mapping, what: str) -> list[tuple[str, str]]:
    """As `core.diagnostics` has flags, where `count_near_duplicates` found some; `what` says
    which prompts."""
    duplicates, prompts = count["near_duplicates"], count["prompts"]
    if not duplicates:
        return []
    return [
        (
            "near_duplicate_prompts",
            f"{duplicates:,} of {prompts:,} {what} ({100 * count['share']:.1f} %), Jaccard "
            f"{THRESHOLD} or more of {WIDTH}-character pieces",
        )
    ]
