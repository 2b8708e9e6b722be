"""Encoders and their layers compared on the same pairs and folds: which to keep, at what cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby
from pathlib import Path

import numpy as np

from lens.advice.crossval import correct, round_margins
from lens.advice.own_pairs import (
    SIDES,
    EmbeddedPairs,
    Preferences,
    embed_pairs,
)
from lens.advice.result import bracket, percent, points
from lens.core.errors import LensError
from lens.core.intervals import Interval, holm, interval_by_prompt, p_value_by_prompt
from lens.files.embedding_cache import Cache
from lens.language.batching import distinct
from lens.language.encoder import Encoder
from lens.reward.recipes import Recipe
from lens.serving.known import identity, names_of_first, seconds_to_embed

METHOD = "evidence_probe"
LEVEL = 0.05


@dataclass(frozen=True)
class Candidate:
    """An encoder's accuracy on held-out prompts, its features, and seconds for 1,000 texts."""

    name: str
    accuracy: Interval
    features: int
    seconds: float

    @property
    def cost(self) -> tuple[float, int, float]:
        """Layers of one model cost the same: then features decide, and then accuracy."""
        return self.seconds, self.features, -self.accuracy.mean


@dataclass(frozen=True)
class Difference:
    """`first` minus `second` in held-out accuracy, with its p-value, corrected (Holm) for all
    comparisons."""

    first: str
    second: str
    difference: Interval
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """Encoders on the same pairs with the same `recipe`, and the one to `keep`: the cheapest that
    is not detectably worse than the most accurate one."""

    recipe: str
    candidates: list[Candidate]
    differences: list[Difference]
    keep: str
    reason: str
    pairs: int
    rounds: int

    def __str__(self) -> str:
        width = max(len(candidate.name) for candidate in self.candidates)
        lines = [
            f"{self.pairs:,} pairs, {self.recipe}, {self.rounds} round{'s' * (self.rounds > 1)} of "
            "5-fold cross-validation by prompt, the same folds for all",
            "",
            f"  {'encoder':<{width}}  {'held-out accuracy':<22}{'features':>9}  s per 1,000 texts",
        ]
        for candidate in sorted(self.candidates, key=lambda c: -c.accuracy.mean):
            shown = f"{percent(candidate.accuracy.mean)} {bracket(candidate.accuracy)}"
            lines.append(
                f"  {candidate.name:<{width}}  {shown:<22}{candidate.features:>9,}  "
                f"{candidate.seconds:.3g}"
            )
        lines += ["", "differences, 95 % intervals; p corrected for all comparisons (Holm):"]
        lines += [
            f"  {difference.first} - {difference.second}: {points(difference.difference)}, "
            f"p = {difference.p_value:.2g}"
            for difference in self.differences
        ]
        return "\n".join([*lines, "", f"Keep {self.keep}: {self.reason}"])


def compare_encoders(
    pairs: Preferences,
    encoders: Sequence[Encoder],
    *,
    rounds: int = 3,
    control: str = "",
    tell: Callable[[str], object] = lambda message: None,
) -> Comparison:
    """Embeds the pairs with each encoder, and compares the evidence probe's held-out accuracy on
    the same folds, pair by pair; with `control` "length", the probe's that leaves length out.
    Encoders that differ in their layer alone, one behind the other,
    read each text once. LensError for fewer than two encoders, or for one that is there twice."""
    names = encoder_names(encoders)
    if len(encoders) < 2 or len(set(names)) < len(names):
        raise LensError("comparing encoders needs two or more that differ in model or layer.")
    recipe = Recipe(METHOD, covariate=control)
    right: list[np.ndarray] = []
    costs, features = [], []
    for _, layers in groupby(encoders, lambda encoder: str(replace(encoder, layer=-1))):
        same = [*layers]
        tell(f"Embedding with {names[len(right)]}" + f" and {len(same) - 1} more" * (len(same) > 1))
        embedded = embed_layers(pairs, same)
        seconds = _seconds_per_thousand(pairs, same[0])
        for data in embedded:
            margins = [
                values for n in range(rounds) for _, values in round_margins(data, [recipe], n)
            ]
            right.append(correct(np.stack(margins)))
            features.append(data.chosen.shape[1])
            costs.append(seconds)
    groups = embedded[0].groups[embedded[0].decided]
    return conclude(names, right, groups, features, costs, str(recipe))


def conclude(
    names: Sequence[str],
    right: Sequence[np.ndarray],
    groups: np.ndarray,
    features: Sequence[int],
    seconds: Sequence[float],
    recipe: str,
) -> Comparison:
    """From whether each pair is ordered rightly [rounds, N] with each encoder."""
    candidates = [
        Candidate(name, interval_by_prompt(values, groups, cross_validated=True), size, cost)
        for name, values, size, cost in zip(names, right, features, seconds, strict=True)
    ]
    order = sorted(range(len(names)), key=lambda i: -candidates[i].accuracy.mean)
    both = [*combinations(order, 2)]
    gaps = [right[i] - right[j] for i, j in both]
    corrected = holm([p_value_by_prompt(gap, groups, cross_validated=True) for gap in gaps])
    differences = [
        Difference(
            names[i],
            names[j],
            interval_by_prompt(gap, groups, least=-1, cross_validated=True),
            float(p),
        )
        for (i, j), gap, p in zip(both, gaps, corrected, strict=True)
    ]
    best = candidates[order[0]]
    worse = {
        difference.second
        for difference in differences
        if difference.first == best.name and difference.p_value < LEVEL
    }
    keep = min(
        (candidate for candidate in candidates if candidate.name not in worse), key=lambda c: c.cost
    )
    return Comparison(
        recipe,
        candidates,
        differences,
        keep.name,
        _reason(keep, best, worse, candidates),
        *right[0].shape[::-1],
    )


def _reason(
    keep: Candidate, best: Candidate, worse: set[str], candidates: Sequence[Candidate]
) -> str:
    if keep is not best:
        return f"no detectable difference to {best.name}, and it is the cheaper."
    if len(worse) == len(candidates) - 1:
        return "clearly better than all others."
    return "the most accurate, and none that could be as good is cheaper."


def encoder_names(encoders: Sequence[Encoder]) -> list[str]:
    """The models' names, whole where the last parts of two are alike, with their layers where
    these differ."""
    short = {encoder.model: Path(encoder.model).name for encoder in encoders}
    alike = len(set(short.values())) < len(short)
    several = len({encoder.layer for encoder in encoders}) > 1
    return [
        (encoder.model if alike else short[encoder.model]) + f", layer {encoder.layer}" * several
        for encoder in encoders
    ]


def embed_layers(pairs: Preferences, encoders: Sequence[Encoder]) -> list[EmbeddedPairs]:
    """Pairs embedded by encoders that differ in their layer alone; texts go through the model once
    for all layers, and not at all if every layer is in the cache."""
    if len(encoders) == 1:
        return [embed_pairs(pairs, encoders[0])]
    first = encoders[0]
    token_ids, _, cut = tokens(pairs, first)
    for other in encoders[1:]:
        other.share(first)
    texts, text_rows = distinct(token_ids)
    caches = [Cache(identity(encoder)) for encoder in encoders]
    known = [cache.find(texts) for cache in caches]
    new = [
        row
        for row in range(len(texts))
        if any(row not in vectors_by_text for vectors_by_text in known)
    ]
    if new:
        new_texts = [texts[row] for row in new]
        numbers = [f"text {row + 1}" for row in new]
        new_vectors = first.embed_layers(
            new_texts, numbers, [encoder.layer for encoder in encoders]
        )
        for cache, vectors_by_text, vectors in zip(caches, known, new_vectors, strict=True):
            cache.add(new_texts, vectors)
            cache.write()
            vectors_by_text.update(zip(new, vectors, strict=True))
    report = pairs.report | {"texts_cut": cut}
    embedded = []
    for encoder, vectors_by_text in zip(encoders, known, strict=True):
        both = np.stack([vectors_by_text[text_row] for text_row in text_rows])
        chosen, rejected = both.reshape(2, len(pairs.table), -1)
        embedded.append(EmbeddedPairs(pairs.table, chosen, rejected, encoder, report))
    return embedded


def tokens(pairs: Preferences, encoder: Encoder) -> tuple[list[list[int]], list[str], int]:
    """(token ids of all chosen answers, then of all rejected ones; their names; texts cut)."""
    prompts = [*pairs.table["prompt"]] * 2
    answers = [*pairs.table["chosen"], *pairs.table["rejected"]]
    names = [f"pair {key}, {side}" for side in SIDES for key in pairs.table["id"]]
    token_ids, cut = encoder.token_ids(prompts, answers, names)
    return token_ids, names, cut


def _seconds_per_thousand(pairs: Preferences, encoder: Encoder) -> float:
    token_ids, names, _ = tokens(pairs, encoder)
    texts, rows = distinct(token_ids)
    return 1000 * seconds_to_embed(encoder, texts, names_of_first(rows, names)) / len(texts)
