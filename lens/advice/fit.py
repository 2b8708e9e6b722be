"""Trains one reward model on all pairs, and measures it on pairs that were held out."""

from dataclasses import dataclass, replace

import numpy as np

from lens.advice.crossval import correct, fold_of_each, make_round
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.diagnostics import named, reconstruction_flags, tie_flags
from lens.core.errors import LensError
from lens.core.intervals import interval_by_prompt
from lens.core.seeds import derive_seed
from lens.evaluation.parts import judged_parts, without_control
from lens.files import artifacts
from lens.reward.head import RewardHead
from lens.reward.recipes import VALIDATION, Recipe, train_explained, train_seed_vaes, vae_flags
from lens.reward.training_set import TrainingSet, build_training_set
from lens.serving.calibration import fit_temperature, log_loss, reliability
from lens.serving.posterior import Errors, FoldErrors, posterior
from lens.serving.reward_model import RewardModel, calibrated, sigmoid
from lens.serving.unlike import Unlike

ROUNDS = 3
DEFAULT = Recipe("evidence_probe")


def fit(
    pairs: EmbeddedPairs,
    recipe: Recipe | str = DEFAULT.method,
    *,
    seed: int = 0,
    chosen_among: int = 1,
    command: str | None = None,
) -> RewardModel:
    """Trains a reward model on all pairs by one recipe and calibrates it on held-out pairs.

    A recipe given by its method's name trains on soft labels if the pairs have them. Three rounds
    of five-fold cross-validation by prompt give its held-out accuracy (without ties) and the
    margins to which the temperature is fitted; a recipe with a covariate is compared with the same
    recipe without. `chosen_among` (the number of recipes compared on these pairs) and `command` are
    noted in the model card.
    """
    if not isinstance(pairs, EmbeddedPairs):
        raise LensError("fit needs embedded pairs: `lens.embed_pairs(pairs, encoder)`.")
    if isinstance(recipe, str):
        recipe = Recipe(recipe, labels="hard" if pairs.labels is None else "soft")
    soft = pairs.labels if recipe.labels == "soft" else None
    usable = pairs.decided if soft is None else np.ones(len(pairs), bool)
    decided, groups = pairs.decided, pairs.groups[pairs.decided]
    judged = None if soft is None else soft[decided]
    rounds = [1000 * (seed + 1) + number for number in range(ROUNDS)]  # not those of an advice
    tried = _cross_validate(pairs, recipe, rounds)
    margins = tried.margins
    folds = np.stack([fold_of_each(groups, round_seed) for round_seed in rounds])
    head_seed = derive_seed(seed, "fit") % 2**31
    data = _training_set(pairs, recipe, usable, head_seed)
    by_seed = {head_seed: data}
    vaes = train_seed_vaes(by_seed) if recipe.needs_vae else {}
    heads, explained = train_explained(recipe, by_seed, vaes)
    head = heads[head_seed]
    every = None if judged is None else np.tile(judged, ROUNDS)
    temperature = fit_temperature(margins.ravel(), every)
    held = held_out(margins, folds, groups, judged) | _where_right(pairs, recipe, rounds, tried)
    flags = reconstruction_flags(explained) + held_out_flags(margins, held)
    card = {
        "recipe": recipe.as_dict(),
        "linear": "w1" not in head.weights,
        "seed": seed,
        "chosen_among": chosen_among,
        "temperature": temperature,
        "held_out": held,
        "flags": [*pairs.flags, *vae_flags(by_seed, vaes), *named(flags)],
        "data": pairs.report | _trained_on(pairs, usable) | {"sha256": pairs.sha256},
        "command": command,
        "versions": artifacts.versions(),
    }
    reward = calibrated(head, temperature)
    errors = _errors(reward, data, tried.first_heads, temperature)
    unlike = Unlike.fit(pairs.chosen, pairs.rejected, tried.first_folds)
    return RewardModel(reward, pairs.encoder, card, errors=errors, unlike=unlike)


def _training_set(
    pairs: EmbeddedPairs, recipe: Recipe, usable: np.ndarray, seed: int
) -> TrainingSet:
    """All pairs that are `usable` [N], as the recipe needs them."""
    return build_training_set(
        np.flatnonzero(usable),
        pairs.groups,
        {"chosen": pairs.chosen, "rejected": pairs.rejected},
        seed=seed,
        validation_fraction=VALIDATION,
        labels=pairs.labels if recipe.labels == "soft" else None,
        covariates=pairs.lengths if recipe.covariate else None,
    )


@dataclass
class _Tried:
    """Margins [rounds, N] of pairs that are no ties, from models that did not see their prompts;
    what share of held-out variance their VAEs explain, None without one; of the first round, the
    models and the folds of all pairs."""

    margins: np.ndarray
    explained: float | None
    first_heads: list[RewardHead]
    first_folds: np.ndarray


def _cross_validate(pairs: EmbeddedPairs, recipe: Recipe, rounds: list[int]) -> _Tried:
    cuts = [make_round(pairs, n, 1.0, recipe.labels, recipe.covariate) for n in rounds]
    models, shares = zip(*(train_explained(recipe, cut.data) for cut in cuts), strict=True)
    margins = [cut.margins(pairs, heads) for cut, heads in zip(cuts, models, strict=True)]
    known = [share for share in shares if share is not None]
    explained = float(np.mean(known)) if known else None
    return _Tried(np.stack(margins), explained, [*models[0].values()], cuts[0].folds)


def _where_right(pairs: EmbeddedPairs, recipe: Recipe, rounds: list[int], tried: _Tried) -> dict:
    """Accuracy by `parts` of the pairs; what the VAEs explain, if there are any; where something is
    controlled for, accuracy and parts without that control on the same folds, and what the control
    `costs`."""
    table, right = pairs.table[pairs.decided], correct(tried.margins)
    parts = [part.as_dict() for part in judged_parts(table, right)]
    if tried.explained is not None:
        return {"parts": parts, "vae_variance_explained": tried.explained}
    if not recipe.covariate:
        return {"parts": parts}
    plain = correct(_cross_validate(pairs, replace(recipe, covariate=""), rounds).margins)
    return {"parts": parts, "without_control": without_control(table, right, plain).as_dict()}


def _errors(
    head: RewardHead, data: TrainingSet, fold_heads: list[RewardHead], temperature: float
) -> Errors:
    """Standard errors of a calibrated reward: from the posterior of a linear one, else from the
    models of a round's folds."""
    chosen, rejected, _ = data.all_pairs()
    if "w1" not in head.weights:
        differences, labels = chosen - rejected, data.all_labels()
        return posterior(differences, data.standardiser, head.weights["w"], labels)
    texts = np.concatenate([chosen, rejected]) * data.standardiser.scale + data.standardiser.mean
    heads = [calibrated(head, temperature) for head in fold_heads]
    return FoldErrors(heads, np.array([head(texts).mean() for head in heads]))


def _trained_on(pairs: EmbeddedPairs, usable: np.ndarray) -> dict:
    """How many pairs were trained on, with how many prompts, and how many ties were left out."""
    counts = {"pairs": int(usable.sum()), "prompts": len(np.unique(pairs.groups[usable]))}
    ties = {"ties_left_out": int((~usable).sum())}  # of a table with ties
    return counts | (ties if pairs.labels is not None else {})


def held_out_flags(margins: np.ndarray, held: dict) -> list[tuple[str, str]]:
    """Flags of held-out margins [rounds, N]: ties, and an accuracy whose interval includes 50 %."""
    flags, accuracy = tie_flags(int((margins == 0).sum()), margins.size), held["accuracy"]
    if accuracy["low"] <= 0.5:
        ends = (100 * accuracy[name] for name in ("mean", "low", "high"))
        flags.append(
            ("not_above_chance", "{:.1f} % of pairs in order [{:.1f}, {:.1f}]".format(*ends))
        )
    return flags


def held_out(
    margins: np.ndarray, folds: np.ndarray, groups: np.ndarray, labels: np.ndarray | None = None
) -> dict:
    """Accuracy, log loss and calibration of held-out margins [rounds, N] with their folds, and with
    labels [N] if they are soft.

    Each fold's margins are divided by a temperature fitted to the other folds', so that no pair
    helps to calibrate its own probability.
    """
    scaled = np.empty_like(margins)
    for number, (values, fold) in enumerate(zip(margins, folds, strict=True)):
        for held in np.unique(fold):
            rest, known = values[fold != held], None if labels is None else labels[fold != held]
            scaled[number, fold == held] = values[fold == held] / fit_temperature(rest, known)
    reliabilities = [reliability(sigmoid(values)) for values in scaled]
    shown = reliabilities[0]
    return {
        "rounds": len(margins),
        "accuracy": vars(interval_by_prompt(correct(margins), groups, cross_validated=True)),
        "log_loss": log_loss(scaled, labels),
        "log_loss_uncalibrated": log_loss(margins, labels),
        "calibration_error": float(np.mean([measured.error for measured in reliabilities])),
        "calibration_error_uncalibrated": float(
            np.mean([reliability(sigmoid(values)).error for values in margins])
        ),
        "calibration_error_by_chance": float(
            np.mean([measured.by_chance for measured in reliabilities])
        ),
        "reliability": [
            {"confidence": float(stated), "accuracy": float(seen), "pairs": int(count)}
            for stated, seen, count in zip(
                shown.confidence, shown.accuracy, shown.count, strict=True
            )
        ],
    }
