"""Numbers that stop no run and yet make its results worth little: found, named, told where.

Each `of_...` looks at what one stage has measured and gives (flag, what was measured) pairs. What
is no number at all (NaN, infinity) is refused where it turns up, not flagged.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from lens.core.errors import LensError

COIN = math.log(2)  # nats: the Bradley-Terry loss of a model that gives every pair 1/2
LEVEL = 0.05
SOME = 0.1  # share from which ties are worth a flag
LITTLE = 0.05  # share of held-out variance that a VAE explains
FEW = 0.25  # share of a VAE's latent units
EXPLODED = 10  # times the loss of a coin

FLAGS = {
    "collapsed_posterior": "no latent unit of the VAE follows the embeddings, so what it decodes "
    "is noise. Lower beta, or train it longer.",
    "few_active_units": "fewer than a quarter of the VAE's latent units follow the embeddings. "
    "Lower beta, or give it fewer units.",
    "no_reconstruction": "the VAE's reconstructions are no nearer to the embeddings than their "
    "mean is. Train it longer, on more pairs, or with a lower beta.",
    "little_reconstruction": "the VAE explains less than 5 % of the variance of embeddings that it "
    "has not seen, so LENS trains on nearly constant vectors. Use lens_converged, or train the VAE "
    "longer or on more pairs.",
    "constant_features": "features of the embeddings that do not vary over the training pairs say "
    "nothing. Look at the model, its layer and its pooling.",
    "identical_pairs": "both answers of these training pairs have the same embedding, so nothing "
    "is learned from them. Are texts cut too short?",
    "loss_of_a_coin": "the validation loss never fell below ln 2, that of a coin.",
    "exploding_loss": "the validation loss rose above ten times that of a coin. Lower the "
    "learning rate.",
    "training_loss_of_a_coin": "the training loss ended no lower than ln 2, that of a coin. Train "
    "longer, or change the learning rate.",
    "not_above_chance": "the reward model is not told from a coin on held-out pairs: what it picks "
    "says nothing of its method.",
    "below_chance": "the reward model is worse than a coin on held-out pairs. Are chosen and "
    "rejected swapped in a part of the data?",
    "all_pairs_tied": "the reward model gives both answers of every held-out pair the same reward: "
    "its pair accuracy of 50 % is no measurement.",
    "tied_pairs": "the reward model gives both answers of many held-out pairs the same reward, of "
    "which each counts as half right.",
    "constant_rewards": "the reward model gives all candidates of each prompt the same reward: its "
    "pick is a random one.",
    "tied_prompts": "the reward model gives all candidates of many prompts the same reward: its "
    "pick is a random one there.",
    "contradicting_pairs": "the same two answers to the same prompt, labelled both ways: noise at "
    "best. Are labels swapped in a part of the data?",
    "near_duplicates_in_data": "prompts that nearly say what another one does may stand on both "
    "sides of a split, and a test on them flatters.",
    "repeated_pairs": "pairs that stand there already, word for word, count more than once.",
    "length_decides": "a model may learn length rather than quality.",
    "side_decides": "annotators may lean to a side. Show the answers in random order, and look at "
    "the labels.",
    "near_duplicate_prompts": "these prompts nearly stand among the training prompts: results on "
    "them may not hold for prompts that are new.",
    "benchmark_overlap": "the benchmark is no test on what was trained on. Leave these prompts out "
    "of the training pairs, or read its subsets with that in mind.",
    "constant_gold": "all candidates of each prompt have the same gold score: gold reward tells no "
    "pick from another.",
}

Found = list[tuple[str, str]]


def named(found: Iterable[tuple[str, str]], **where: object) -> list[dict]:
    """Flags as metrics files have them: `flag`, `detail` and where, a seed for instance."""
    return [{"flag": name, "detail": detail, **where} for name, detail in found]


def of_vae(found: Mapping) -> Found:
    """Of what `vae.diagnose` says of the training pairs.

    A unit is active where the variance of its posterior mean over the data is above 0.01 (Burda et
    al. 2016, section 3.3); here over one side's data, since heads of their own may give each side a
    constant of its own. KL is at least half the mean's square, so a unit whose KL is below 0.005
    nats on average cannot be active.
    """
    units, active = len(found["kl_per_dimension"]), found["active_units_within_sides"]
    detail = (
        f"{active} of {units} units active, KL of the largest "
        f"{max(found['kl_per_dimension']):.2g} nats, reconstruction cosine "
        f"{found['reconstruction_cosine']:.2f}"
    )
    flags = []
    if active == 0:
        flags.append(("collapsed_posterior", detail))
    elif active < FEW * units:
        flags.append(("few_active_units", detail))
    explained = found["variance_explained"]
    if explained is not None and explained <= 0:
        cosine = f"reconstruction cosine {found['reconstruction_cosine']:.2f}"
        flags.append(
            ("no_reconstruction", f"{100 * explained:.1f} % of the variance explained, {cosine}")
        )
    return flags


def of_reconstruction(explained: float | None) -> Found:
    """Of the share of held-out variance that a VAE explains, if one was trained."""
    if explained is None or explained >= LITTLE:
        return []
    return [("little_reconstruction", f"{100 * explained:.1f} % of the held-out variance")]


def constant_features(embeddings: np.ndarray) -> np.ndarray:
    """Which features [d] of embeddings [n, d] vary by no more than float32's last digits."""
    return is_constant(
        embeddings.std(axis=0, dtype=np.float64), embeddings.mean(axis=0, dtype=np.float64)
    )


def is_constant(spread: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The same of standard deviations and means [d]."""
    return spread <= 1e-6 * np.abs(mean)


def identical_pairs(chosen: np.ndarray, rejected: np.ndarray) -> np.ndarray:
    """In which pairs [n] both embeddings, [n, d] a side, are the same but for rounding."""
    return np.abs(chosen - rejected).max(axis=1) <= 1e-6 * np.abs(chosen).max(initial=0)


def of_embeddings(constant: int, dim: int, identical: int, pairs: int) -> Found:
    """Of how many features of d are constant, and how many of n pairs identical."""
    flags = []
    if constant:
        flags.append(("constant_features", f"{constant:,} of {dim:,} features"))
    if identical:
        flags.append(("identical_pairs", f"{identical:,} of {pairs:,} pairs"))
    return flags


def of_losses(losses: Sequence[float]) -> Found:
    """Of Bradley-Terry losses on validation pairs, epoch by epoch."""
    flags = []
    if losses and min(losses) >= COIN:
        flags.append(("loss_of_a_coin", f"{min(losses):.3f} at best"))
    if losses and max(losses) > EXPLODED * COIN:
        flags.append(("exploding_loss", f"up to {max(losses):.3g}"))
    return flags


def of_training_loss(last: float) -> Found:
    """Of the Bradley-Terry loss on training pairs at the end."""
    return [("training_loss_of_a_coin", f"{last:.3f} at the end")] if last >= COIN else []


def of_pairs(correct: np.ndarray) -> Found:
    """Of held-out pairs [n], 1 where in order, 0 where not, 1/2 where tied.

    Chance is told by an exact sign test on the pairs that are not tied, one-sided, at 5 %. Pairs
    count as independent, also where they share a prompt.
    """
    from scipy.special import bdtr, bdtrc

    right, ties = int((correct == 1).sum()), int((correct == 0.5).sum())
    flags, untied = of_ties(ties, len(correct)), len(correct) - ties
    if not untied:
        return flags
    above, below = bdtrc(right - 1, untied, 0.5), bdtr(right, untied, 0.5)
    detail = f"{right:,} of {untied:,} pairs in order, p = "
    if below < LEVEL:
        flags.append(("below_chance", f"{detail}{below:.2g}"))
    elif above >= LEVEL:
        flags.append(("not_above_chance", f"{detail}{above:.2g}"))
    return flags


def of_ties(ties: int, pairs: int) -> Found:
    """Of how many held-out pairs have two equal rewards."""
    detail = f"{ties:,} of {pairs:,} pairs"
    if ties == pairs:
        return [("all_pairs_tied", detail)]
    return [("tied_pairs", detail)] if ties >= SOME * pairs else []


def tied_rows(values: np.ndarray) -> int:
    """How many rows of [prompts, candidates] hold one value alone."""
    return int((values == values[:, :1]).all(axis=1).sum())


def of_rewards(tied: int, prompts: int) -> Found:
    """Of how many prompts of all have candidates of one reward."""
    detail = f"{tied:,} of {prompts:,} prompts"
    if tied == prompts:
        return [("constant_rewards", detail)]
    return [("tied_prompts", detail)] if tied >= SOME * prompts else []


def of_gold(tied: int, prompts: int) -> Found:
    """The same of gold scores; `prompts` are those with two candidates or more."""
    constant = 0 < tied == prompts
    return [("constant_gold", f"{tied:,} of {prompts:,} prompts")] if constant else []


def of_labels(contradicting: int, pairs: int) -> Found:
    """Of how many pairs stand in the data the other way round as well."""
    if not contradicting:
        return []
    return [("contradicting_pairs", f"{contradicting:,} of {pairs:,} pairs")]


def check_finite(values: np.ndarray, name: Callable[[int], str], what: str, remedy: str) -> None:
    """LensError where one of values [n, ...] is NaN or infinite; `name(i)` calls the i-th, `what`
    says what they are."""
    finite = np.isfinite(values)
    bad = np.flatnonzero(~finite.all(axis=tuple(range(1, finite.ndim))))
    if len(bad):
        raise LensError(
            f"{what} of {name(int(bad[0]))} is not finite ({len(bad):,} of {len(values):,} are "
            f"not). {remedy}"
        )


def words(flag: str) -> str:
    """A flag's name in print."""
    return flag.replace("_", " ")


def sentences(flags: Iterable[Mapping]) -> list[str]:
    """One line for each flag, in words."""
    return [
        f"{words(f['flag'])} ({', '.join(filter(None, [f.get('recipe'), f['detail']]))}): "
        f"{FLAGS[f['flag']]}"
        for f in flags
    ]
