"""Trains one reward model on all pairs, and measures it on pairs that were held out."""

import numpy as np

from lens.advice.crossval import correct, fold_of_each, interval_by_prompt, round_margins
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.diagnostics import named, of_ties
from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.files import artifacts
from lens.reward.recipes import VALIDATION, Recipe, train, train_vae_of_each, vae_flags
from lens.reward.training_set import training_set_of
from lens.serving.calibration import fit_temperature, log_loss, reliability
from lens.serving.reward_model import RewardModel, calibrated, sigmoid

ROUNDS = 3
DEFAULT = Recipe("evidence_probe")


def fit(
    pairs: EmbeddedPairs,
    recipe: Recipe | str = DEFAULT,
    *,
    seed: int = 0,
    chosen_among: int = 1,
    command: str | None = None,
) -> RewardModel:
    """A reward model from all pairs by one recipe, calibrated on held-out pairs.

    Three rounds of five-fold cross-validation by prompt give its held-out accuracy, and margins to
    fit the temperature to. `chosen_among` so many recipes by their accuracy on the same pairs, and
    `command`, go into the model card.
    """
    if not isinstance(pairs, EmbeddedPairs):
        raise LensError("fit needs embedded pairs: `lens.embed_pairs(pairs, encoder)`.")
    recipe = Recipe(recipe) if isinstance(recipe, str) else recipe
    rounds = [1000 * (seed + 1) + number for number in range(ROUNDS)]  # not those of an advice
    margins = np.stack([next(round_margins(pairs, [recipe], each))[1] for each in rounds])
    folds = np.stack([fold_of_each(pairs.groups, each) for each in rounds])
    own = derive_seed(seed, "fit") % 2**31
    data = training_set_of(
        np.arange(len(pairs.groups)),
        pairs.groups,
        {"chosen": pairs.chosen, "rejected": pairs.rejected},
        seed=own,
        validation_fraction=VALIDATION,
    )
    vaes = train_vae_of_each({own: data}) if recipe.needs_vae else {}
    head = train(recipe, {own: data}, vaes)[own]
    temperature = fit_temperature(margins.ravel())
    held = held_out(margins, folds, pairs.groups)
    card = {
        "recipe": {"method": recipe.method, "scale": recipe.scale},
        "linear": "w1" not in head.weights,
        "seed": seed,
        "chosen_among": chosen_among,
        "temperature": temperature,
        "held_out": held,
        "flags": [*pairs.flags, *vae_flags({own: data}, vaes), *named(of_held_out(margins, held))],
        "data": pairs.report | {"sha256": pairs.sha256},
        "command": command,
        "versions": artifacts.versions(),
    }
    return RewardModel(calibrated(head, temperature), pairs.encoder, card)


def of_held_out(margins: np.ndarray, held: dict) -> list[tuple[str, str]]:
    """Flags of held-out margins [rounds, N]: ties, and an accuracy whose interval has a coin's."""
    flags, accuracy = of_ties(int((margins == 0).sum()), margins.size), held["accuracy"]
    if accuracy["low"] <= 0.5:
        ends = (100 * accuracy[name] for name in ("mean", "low", "high"))
        flags.append(
            ("not_above_chance", "{:.1f} % of pairs in order [{:.1f}, {:.1f}]".format(*ends))
        )
    return flags


def held_out(margins: np.ndarray, folds: np.ndarray, groups: np.ndarray) -> dict:
    """Accuracy, log loss and calibration of held-out margins [rounds, N] with their folds.

    Each fold's margins are divided by a temperature fitted to the other folds', so that no pair
    helps to calibrate its own probability.
    """
    scaled = np.empty_like(margins)
    for number, (values, fold) in enumerate(zip(margins, folds, strict=True)):
        for held in np.unique(fold):
            rest = values[fold != held]
            scaled[number, fold == held] = values[fold == held] / fit_temperature(rest)
    found = [reliability(sigmoid(values)) for values in scaled]
    shown = found[0]
    return {
        "rounds": len(margins),
        "accuracy": vars(interval_by_prompt(correct(margins), groups)),
        "log_loss": log_loss(scaled),
        "log_loss_uncalibrated": log_loss(margins),
        "calibration_error": float(np.mean([each.error for each in found])),
        "calibration_error_uncalibrated": float(
            np.mean([reliability(sigmoid(values)).error for values in margins])
        ),
        "calibration_error_by_chance": float(np.mean([each.by_chance for each in found])),
        "reliability": [
            {"confidence": float(stated), "accuracy": float(seen), "pairs": int(count)}
            for stated, seen, count in zip(
                shown.confidence, shown.accuracy, shown.count, strict=True
            )
        ],
    }
