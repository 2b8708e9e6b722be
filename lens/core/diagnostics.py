"""Warnings ("flags") about measurements that do not stop a run but make its results unreliable.

Each `..._flags` function checks what one stage measured and returns (flag, measured value) pairs.
NaN and infinity are errors where they appear, not flags.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from lens.core.chunks import chunks
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
    "constant_features": "these features of the embeddings do not vary over the training pairs, so "
    "they carry no information. Check the model, its layer and its pooling.",
    "identical_pairs": "both answers of these training pairs have the same embedding, so nothing "
    "is learned from them. Are texts cut too short?",
    "loss_of_a_coin": "the validation loss never fell below ln 2, the loss of a coin flip.",
    "exploding_loss": "the validation loss rose above ten times the loss of a coin flip. Lower the "
    "learning rate.",
    "training_loss_of_a_coin": "the training loss did not fall below ln 2, the loss of a coin "
    "flip. Train longer, or change the learning rate.",
    "not_above_chance": "the reward model is not detectably better than a coin flip on held-out "
    "pairs, so its picks say nothing about the method.",
    "below_chance": "the reward model is worse than a coin flip on held-out pairs. Are chosen and "
    "rejected swapped in a part of the data?",
    "all_pairs_tied": "the reward model gives both answers of every held-out pair the same reward, "
    "so its pair accuracy of 50 % means nothing.",
    "tied_pairs": "the reward model gives both answers of many held-out pairs the same reward. "
    "Each of these pairs counts as half right.",
    "constant_rewards": "the reward model gives all candidates of each prompt the same reward, so "
    "its pick is random.",
    "tied_prompts": "the reward model gives all candidates of many prompts the same reward, so its "
    "pick is random there.",
    "contradicting_pairs": "the same two answers to the same prompt are labelled both ways, which "
    "is noise at best. Are labels swapped in a part of the data?",
    "near_duplicates_in_data": "prompts that are nearly identical to another one may be on both "
    "sides of a split. Test results on them may be too high.",
    "repeated_pairs": "exact copies of other pairs count more than once.",
    "length_decides": "a model may learn length rather than quality.",
    "side_decides": "annotators may prefer one side. Show the answers in random order, and check "
    "the labels.",
    "near_duplicate_prompts": "these prompts are nearly identical to training prompts. Results on "
    "them may not hold for new prompts.",
    "benchmark_overlap": "the benchmark is no test on prompts that were trained on. Leave these "
    "prompts out of the training pairs, or read its subsets with that in mind.",
    "position_decides": "in most pairs the judge prefers the same position, whichever answer is "
    "there, so that its verdicts follow what little is left. Take a stronger judge.",
    "answers_cut": "more than half of the sampled answers end where `max_new_tokens` cut them. "
    "Raise it, if reward and gold model are meant for whole answers.",
    "constant_gold": "all candidates of each prompt have the same gold score, so gold reward "
    "cannot rank the picks.",
}

Found = list[tuple[str, str]]


def named(flags: Iterable[tuple[str, str]], **where: object) -> list[dict]:
    """Flags as dicts for metrics files: `flag`, `detail`, and `where` they apply (a seed, say)."""
    return [{"flag": name, "detail": detail, **where} for name, detail in flags]


def vae_flags(diagnosis: Mapping) -> Found:
    """Flags of a VAE, from what `vae.diagnose` returns for the training pairs.

    A latent unit is active if the variance of its posterior mean over the data is above 0.01
    (Burda et al. 2016, section 3.3). The variance is taken within each side, because separate heads
    may give each side a different constant. The KL is at least half the squared mean, so a unit
    with a mean KL below 0.005 nats cannot be active.
    """
    units, active = len(diagnosis["kl_per_dimension"]), diagnosis["active_units_within_sides"]
    detail = (
        f"{active} of {units} units active, largest KL {max(diagnosis['kl_per_dimension']):.2g} "
        f"nats, reconstruction cosine {diagnosis['reconstruction_cosine']:.2f}"
    )
    flags = []
    if active == 0:
        flags.append(("collapsed_posterior", detail))
    elif active < FEW * units:
        flags.append(("few_active_units", detail))
    explained = diagnosis["variance_explained"]
    if explained is not None and diagnosis["no_nearer_than_mean"]:
        cosine = f"reconstruction cosine {diagnosis['reconstruction_cosine']:.2f}"
        flags.append(
            ("no_reconstruction", f"{100 * explained:.1f} % of the variance explained, {cosine}")
        )
    return flags


def reconstruction_flags(explained: float | None) -> Found:
    """Flag of a VAE that explains little held-out variance; None: no VAE was trained."""
    if explained is None or explained >= LITTLE:
        return []
    return [("little_reconstruction", f"{100 * explained:.1f} % of the held-out variance")]


def constant_features(embeddings: np.ndarray) -> np.ndarray:
    """Which features [d] of embeddings [n, d] are constant up to float32 rounding."""
    return is_constant(
        embeddings.std(axis=0, dtype=np.float64), embeddings.mean(axis=0, dtype=np.float64)
    )


def is_constant(spread: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Which features [d] are constant up to float32 rounding, from their standard deviations and
    means [d]."""
    return spread <= 1e-6 * np.abs(mean)


def identical_pairs(chosen: np.ndarray, rejected: np.ndarray) -> np.ndarray:
    """Which pairs [n] have two embeddings [n, d] that are equal up to rounding."""
    largest = max(chosen.max(initial=0), -chosen.min(initial=0))
    gaps = [np.abs(chosen[span] - rejected[span]).max(axis=1) for span in chunks(len(chosen))]
    return np.concatenate([*gaps, np.empty(0, np.float32)]) <= 1e-6 * largest


def embedding_flags(constant: int, dim: int, identical: int, pairs: int) -> Found:
    """Flags from the counts of constant features (of `dim`) and identical pairs (of `pairs`)."""
    flags = []
    if constant:
        flags.append(("constant_features", f"{constant:,} of {dim:,} features"))
    if identical:
        flags.append(("identical_pairs", f"{identical:,} of {pairs:,} pairs"))
    return flags


def loss_flags(losses: Sequence[float]) -> Found:
    """Flags of Bradley-Terry losses on validation pairs, one per epoch."""
    flags = []
    if losses and min(losses) >= COIN:
        flags.append(("loss_of_a_coin", f"{min(losses):.3f} at best"))
    if losses and max(losses) > EXPLODED * COIN:
        flags.append(("exploding_loss", f"up to {max(losses):.3g}"))
    return flags


def training_loss_flags(last: float) -> Found:
    """Flag of the final Bradley-Terry loss on training pairs."""
    return [("training_loss_of_a_coin", f"{last:.3f} at the end")] if last >= COIN else []


def pair_flags(correct: np.ndarray) -> Found:
    """Flags of held-out pairs [n]: 1 ranked correctly, 0 wrongly, 1/2 tied.

    A one-sided exact sign test at 5 % on the untied pairs compares with chance. Pairs count as
    independent even if they share a prompt.
    """
    from scipy.special import bdtr, bdtrc

    right, ties = int((correct == 1).sum()), int((correct == 0.5).sum())
    flags, untied = tie_flags(ties, len(correct)), len(correct) - ties
    if not untied:
        return flags
    above, below = bdtrc(right - 1, untied, 0.5), bdtr(right, untied, 0.5)
    detail = f"{right:,} of {untied:,} pairs in order, p = "
    if below < LEVEL:
        flags.append(("below_chance", f"{detail}{below:.2g}"))
    elif above >= LEVEL:
        flags.append(("not_above_chance", f"{detail}{above:.2g}"))
    return flags


def tie_flags(ties: int, pairs: int) -> Found:
    """Flags from the number of held-out pairs (of `pairs`) with two equal rewards."""
    detail = f"{ties:,} of {pairs:,} pairs"
    if ties == pairs:
        return [("all_pairs_tied", detail)]
    return [("tied_pairs", detail)] if ties >= SOME * pairs else []


def tied_rows(values: np.ndarray) -> int:
    """How many rows of values [prompts, candidates] hold a single distinct value."""
    return int((values == values[:, :1]).all(axis=1).sum())


def reward_flags(tied: int, prompts: int) -> Found:
    """Flags from the number of prompts (of `prompts`) whose candidates all have one reward."""
    detail = f"{tied:,} of {prompts:,} prompts"
    if tied == prompts:
        return [("constant_rewards", detail)]
    return [("tied_prompts", detail)] if tied >= SOME * prompts else []


def gold_flags(tied: int, prompts: int) -> Found:
    """Flag if the candidates of every prompt have one gold score; `prompts` counts those with at
    least two candidates."""
    constant = 0 < tied == prompts
    return [("constant_gold", f"{tied:,} of {prompts:,} prompts")] if constant else []


def judge_flags(same_position: int, clear: int) -> Found:
    """Flag of a judge from the number of pairs (of `clear`, with a winner in both orders) in which
    the same position won twice."""
    if 2 * same_position <= clear:
        return []
    return [("position_decides", f"{same_position:,} of {clear:,} pairs")]


def sampling_flags(cut: int, answers: int) -> Found:
    """Flag from the number of sampled answers that were cut at the most tokens."""
    return [("answers_cut", f"{cut:,} of {answers:,} answers")] if 2 * cut > answers else []


def label_flags(contradicting: int, pairs: int) -> Found:
    """Flag from the number of pairs that the data also hold the other way round."""
    if not contradicting:
        return []
    return [("contradicting_pairs", f"{contradicting:,} of {pairs:,} pairs")]


def check_finite(values: np.ndarray, name: Callable[[int], str], what: str, remedy: str) -> None:
    """LensError if one of values [n, ...] is NaN or infinite; `name(i)` names the i-th, `what` says
    what the values are."""
    finite = np.isfinite(values)
    bad = np.flatnonzero(~finite.all(axis=tuple(range(1, finite.ndim))))
    if len(bad):
        raise LensError(
            f"{what} of {name(int(bad[0]))} is not finite ({len(bad):,} of {len(values):,} are "
            f"not). {remedy}"
        )


def words(flag: str) -> str:
    """A flag's name for print: spaces instead of underscores."""
    return flag.replace("_", " ")


def sentences(flags: Iterable[Mapping]) -> list[str]:
    """One sentence per flag: name, recipe, detail and meaning."""
    return [
        f"{words(f['flag'])} ({', '.join(filter(None, [f.get('recipe'), f['detail']]))}): "
        f"{FLAGS[f['flag']]}"
        for f in flags
    ]
