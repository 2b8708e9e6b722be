"""Cross-validation by prompt: every pair is judged by models that have not seen its prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lens.advice.own_pairs import EmbeddedPairs
from lens.core.diagnostics import named, reconstruction_flags, tie_flags
from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.data.pairs import sample_rows
from lens.reward import methods
from lens.reward.recipes import (
    VALIDATION,
    Recipe,
    train_explained,
    train_seed_vaes,
    vae_flags,
)
from lens.reward.training_set import TrainingSet, build_training_set

FOLDS = 5
RESAMPLES = 1000


def fold_of_each(groups: np.ndarray, seed: int) -> np.ndarray:
    """Fold numbers [N], 0 to 4: a prompt is in one fold, folds are of about one size.

    LensError where there are fewer than two prompts a fold, so too few to learn anything from.
    """
    from sklearn.model_selection import GroupKFold

    count = len(np.unique(groups))
    if count < 2 * FOLDS:
        raise LensError(
            f"{count} distinct prompts: cross-validation by prompt needs {2 * FOLDS} or more. "
            "Add pairs with other prompts."
        )
    folds = np.empty(len(groups), np.int64)
    splitter = GroupKFold(FOLDS, shuffle=True, random_state=derive_seed(seed, "folds") % 2**32)
    for number, (_, held) in enumerate(splitter.split(groups, groups=groups)):
        folds[held] = number
    return folds


@dataclass
class Round:
    """One way to cut the pairs into folds, and what trains when each of them is held out. A tie
    whose prompt has no other pair is in no fold (-1)."""

    folds: np.ndarray
    data: dict[int, TrainingSet]

    def margins(self, pairs: EmbeddedPairs, heads: dict) -> np.ndarray:
        """r(chosen) - r(rejected) [N] of every pair that is no tie, from the model that did not see
        it."""
        margins = np.empty(len(self.folds))
        for fold, head in enumerate(heads.values()):
            held = self.folds == fold
            margins[held] = head(pairs.chosen[held]) - head(pairs.rejected[held])
        return margins[pairs.decided]


def pair_folds(pairs: EmbeddedPairs, seed: int) -> np.ndarray:
    """The folds [N] of the pairs that are no ties, and of ties the fold of their prompt, or -1."""
    groups, decided = pairs.groups, pairs.decided
    folds = np.full(len(groups), -1)
    folds[decided] = fold_of_each(groups[decided], seed)
    of_prompt = dict(zip(groups[decided], folds[decided], strict=True))
    folds[~decided] = [of_prompt.get(group, -1) for group in groups[~decided]]
    return folds


def make_round(
    pairs: EmbeddedPairs,
    seed: int,
    size: float = 1.0,
    labels: str = "hard",
    covariate: str = "",
) -> Round:
    """The folds of a seed; `size` is the share of each training part's prompts that is used, four
    prompts or more. Ties train only where `labels` are "soft". `covariate` as a recipe's."""
    folds = pair_folds(pairs, seed)
    usable = pairs.decided if labels == "hard" else np.ones(len(pairs), bool)
    sides = {"chosen": pairs.chosen, "rejected": pairs.rejected}
    data = {}
    for fold in range(FOLDS):
        fold_seed = derive_seed(seed, "fold", fold) % 2**31
        rows = np.flatnonzero((folds != fold) & usable)
        if size < 1:
            prompts = np.unique(pairs.groups[rows])
            drawn = prompts[
                sample_rows(len(prompts), max(4, round(size * len(prompts))), fold_seed)
            ]
            rows = rows[np.isin(pairs.groups[rows], drawn)]
        data[fold_seed] = build_training_set(
            rows,
            pairs.groups,
            sides,
            seed=fold_seed,
            validation_fraction=VALIDATION,
            labels=pairs.labels if labels == "soft" else None,
            covariates=pairs.lengths if covariate else None,
        )
    return Round(folds, data)


def round_margins(
    pairs: EmbeddedPairs,
    recipes: Sequence[Recipe],
    seed: int,
    flags: list[dict] | None = None,
    explained: dict[Recipe, float] | None = None,
) -> Iterator[tuple[Recipe, np.ndarray]]:
    """(recipe, its held-out margins [N]) of one round, recipe by recipe; a VAE serves them all, and
    its flags are added to `flags`. What share of held-out variance a recipe's VAEs explain is added
    to `explained`. N leaves ties out."""
    cuts: dict[tuple[str, str], Round] = {}
    vaes: dict[tuple[str, str], dict] = {}
    for recipe in recipes:
        how = recipe.labels, recipe.covariate
        if how not in cuts:
            cuts[how] = make_round(pairs, seed, 1.0, *how)
        if recipe.needs_vae and how not in vaes:
            vaes[how] = train_seed_vaes(cuts[how].data)
            if flags is not None:
                flags += vae_flags(cuts[how].data, vaes[how])
        cut = cuts[how]
        heads, share = train_explained(recipe, cut.data, vaes.get(how))
        if explained is not None and share is not None:
            explained[recipe] = share
        yield recipe, cut.margins(pairs, heads)


def reconstruction_flags_of(explained: dict[Recipe, float]) -> list[dict]:
    """Flags of VAEs that explain little, each once: scales share them."""
    by_method = {methods.METHODS[r.method].phrase: share for r, share in explained.items()}
    return [
        flag
        for name, share in by_method.items()
        for flag in named(reconstruction_flags(share), recipe=name)
    ]


def tie_flags_of(margins: dict[Recipe, np.ndarray]) -> list[dict]:
    """Flags of margins that are 0."""
    return [
        flag
        for recipe, values in margins.items()
        for flag in named(tie_flags(int((values == 0).sum()), values.size), recipe=str(recipe))
    ]


def correct(margins: np.ndarray) -> np.ndarray:
    """1 where a margin [...] is above 0, 0 where below, 1/2 at 0."""
    return (np.sign(margins) + 1) / 2


def winners_bonus(values: np.ndarray, groups: np.ndarray) -> float:
    """How much too high the mean over pairs of the best of several recipes is read, for values
    [recipes, rounds, N].

    Whoever is picked for its mean owes some of it to these prompts. Resampled prompts show how
    much: the best recipe's mean on them, less its mean on the prompts at hand (Tibshirani and
    Tibshirani, 2009). Where all recipes are equally good and err independently, that is about half
    of it; recipes that order pairs alike owe little.
    """
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    means = values.mean(axis=1)
    sums = np.stack([np.bincount(which, weights=row, minlength=len(sizes)) for row in means])
    rng = np.random.default_rng(0)
    counts = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=RESAMPLES)
    drawn = counts @ sums.T / (counts @ sizes)[:, None]
    best = drawn.argmax(axis=1)
    return float((drawn.max(axis=1) - means.mean(axis=1)[best]).mean())
