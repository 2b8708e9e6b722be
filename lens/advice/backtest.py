"""Does choosing which pairs to label pay on these pairs? Choice against chance, labels hidden.

Three folds by prompt, cut again in each round; two folds are a pool whose labels are hidden, the
third judges. Both arms begin with the same few labels and continue in batches: `choose` picks one
arm's, chance the other's. At every size both train the evidence probe.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from lens.advice.choose import choose
from lens.advice.crossval import correct
from lens.advice.learning_curve import extrapolate
from lens.advice.own_pairs import EmbeddedPairs
from lens.core.intervals import Interval, interval_by_prompt
from lens.core.seeds import derive_seed
from lens.data.pairs import sample_rows
from lens.reward import evidence
from lens.reward.training_set import Standardiser

FOLDS, ROUNDS, LEAST_ROUNDS = 3, 5, 3
BATCHES = 4
LEAST, MOST = 90, 900  # pairs: too few to tell anything; a sample of more tells enough
BEYOND = (0.75, 1.0)  # shares of a pool that chance alone continues to, for its learning curve
BLUNT = 0.025  # half of an interval from which a gain worth having could hide in it
RESAMPLES = 500


@dataclass
class Backtest:
    """Choice against chance on `pairs` labelled pairs.

    `difference` in held-out accuracy is a mean over sizes with its 95 % interval, None where there
    were too few pairs, or where it was `stopped` before there were rounds enough for an interval.
    Where choosing pays, `chosen` labels do as well as `random` ones.
    """

    pairs: int
    difference: Interval | None = None
    chosen: int = 0
    random: Interval | None = None
    stopped: bool = False

    @property
    def verdict(self) -> str:
        """ "choose", "harm", "no difference" or "too few"."""
        if self.difference is None:
            return "too few"
        if self.difference.low > 0:
            return "choose"
        if self.difference.high < 0:
            return "harm"
        half = (self.difference.high - self.difference.low) / 2
        return "too few" if half > BLUNT else "no difference"

    def __str__(self) -> str:
        return sentence(self)

    def as_dict(self) -> dict:
        """Its fields and the verdict as JSON values."""
        return asdict(self) | {"verdict": self.verdict}


def sentence(result: Backtest) -> str:
    """What the back-test says, in one line."""
    if result.stopped:
        return (
            "Whether choosing which pairs to label helps was not tested: the time budget was used "
            "up. `lens next` tests it."
        )
    if result.difference is None:
        return (
            f"Choosing which pairs to label cannot be tested on {result.pairs:,} pairs "
            f"({LEAST} are needed): `lens next` uses the rule that did best on public data."
        )
    points = (
        f"{100 * result.difference.mean:+.1f} points [{100 * result.difference.low:+.1f}, "
        f"{100 * result.difference.high:+.1f}] against random ones"
    )
    start = f"On your {result.pairs:,} pairs"
    if result.verdict == "choose" and result.random is not None:
        low, high = result.random.low, result.random.high
        return (
            f"{start}, {result.chosen:,} chosen labels do as well as {result.random.mean:,.0f} "
            f"[{low:,.0f}, {high:,.0f}] random ones ({points})."
        )
    return {
        "harm": f"{start}, chosen labels do worse than random ones ({points}): label at random.",
        "no difference": f"{start}, no detectable difference between chosen and random labels "
        f"({points}): label at random.",
        "too few": f"{start}, there are too few labels to tell whether choosing helps "
        f"({points}): `lens next` uses the rule that did best on public data.",
    }[result.verdict]


def backtest(
    have: EmbeddedPairs,
    *,
    rounds: int = ROUNDS,
    go_on: Callable[[int], bool] = lambda done: True,
    progress: Callable[[], object] = lambda: None,
) -> Backtest:
    """Choice against chance on labelled pairs, ties left out; a sample of many. `progress` is
    called after each of `rounds` times three folds. `go_on` is asked before each round, with how
    many are done: where it says no before there are three, nothing is said of the pairs."""
    if not is_possible(have):
        return Backtest(len(have))
    rows = np.flatnonzero(have.decided)
    if len(rows) > MOST:
        rows = rows[sample_rows(len(rows), MOST, derive_seed("backtest") % 2**31)]
    groups, have_rows, runs = have.groups[rows], part(have, rows), []
    for number in range(rounds):
        if not go_on(number):
            break
        runs.append(_round(have_rows, number, progress))
    if len(runs) < min(LEAST_ROUNDS, rounds):
        return Backtest(len(have), stopped=True)
    sizes = np.mean([sizes for sizes, _ in runs], axis=0)
    right = np.stack([outcome for _, outcome in runs])  # [rounds, arms and sizes, N]
    chosen, chance = right[:, :BATCHES], right[:, BATCHES:]
    difference = interval_by_prompt(
        (chosen - chance[:, 1 : BATCHES + 1]).mean(axis=1), groups, least=-1
    )
    random = _equivalent(sizes, right, groups)
    return Backtest(len(have), difference, round(float(sizes[BATCHES])), random)


def is_possible(have: EmbeddedPairs) -> bool:
    """Whether there are pairs and prompts enough."""
    groups = have.groups[have.decided]
    return len(groups) >= LEAST and len(np.unique(groups)) >= 2 * FOLDS


def part(pairs: EmbeddedPairs, rows: np.ndarray) -> EmbeddedPairs:
    """Some of the pairs, by their positions."""
    return EmbeddedPairs(
        pairs.table.iloc[rows].reset_index(drop=True),
        pairs.chosen[rows],
        pairs.rejected[rows],
        pairs.encoder,
        pairs.report,
    )


def _round(
    pairs: EmbeddedPairs, number: int, progress: Callable[[], object]
) -> tuple[np.ndarray, np.ndarray]:
    """(sizes [S] of chance, from the start on; whether each held-out pair is ordered rightly
    [BATCHES + S, N]: after each chosen batch, then by chance at every size)."""
    from sklearn.model_selection import GroupKFold

    seed = derive_seed("backtest", number) % 2**31
    splitter = GroupKFold(FOLDS, shuffle=True, random_state=seed)
    right = np.empty((BATCHES + BATCHES + 1 + len(BEYOND), len(pairs)))
    sizes = []
    for pool, judged in splitter.split(pairs.chosen, groups=pairs.groups):
        counts, right[:, judged] = compare(
            pairs, np.random.default_rng(seed).permutation(pool), judged
        )
        sizes.append(counts)
        progress()
    return np.mean(sizes, axis=0), right


def compare(
    pairs: EmbeddedPairs, pool: np.ndarray, judged: np.ndarray
) -> tuple[list[int], np.ndarray]:
    """(sizes of chance, from the start on; whether each pair at `judged` is ordered rightly: after
    each chosen batch, then by chance at every size), chance being the order of `pool`."""
    first, half = max(10, len(pool) // 6), len(pool) // 2
    counts = [*np.linspace(first, half, BATCHES + 1).astype(int)]
    counts += [int(share * len(pool)) for share in BEYOND]
    picked, right = pool[:first], []
    for before, after in pairwise(counts[: BATCHES + 1]):
        unpicked = np.setdiff1d(pool, picked)
        sides = np.stack([pairs.chosen[unpicked], pairs.rejected[unpicked]], axis=1)
        new = choose(part(pairs, np.sort(picked)), sides, after - before)
        picked = np.concatenate([picked, unpicked[new]])
        right.append(_right(pairs, picked, judged))
    right += [_right(pairs, pool[:count], judged) for count in counts]
    return counts, np.array(right)


def _right(pairs: EmbeddedPairs, rows: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Whether the evidence probe of the pairs at `rows` orders those at `judged` rightly."""
    rows = np.sort(rows)
    chosen, rejected = pairs.chosen[rows], pairs.rejected[rows]
    scale = Standardiser.fit(np.concatenate([chosen, rejected])).scale
    labels = None if pairs.labels is None else pairs.labels[rows]
    weights = evidence.fit(chosen / scale, rejected / scale, pairs.groups[rows], labels).weights
    return correct(((pairs.chosen[judged] - pairs.rejected[judged]) / scale) @ weights)


def _equivalent(sizes: np.ndarray, right: np.ndarray, groups: np.ndarray) -> Interval:
    """How many random labels do as well as the last chosen ones, by the power law through chance's
    accuracies at `sizes`; the interval by bootstrap over prompts and rounds. At most four times as
    many as were tried."""
    rng = np.random.default_rng(derive_seed("resamples"))
    _, which = np.unique(groups, return_inverse=True)
    sums = np.stack(
        [[np.bincount(which, weights=row) for row in outcome] for outcome in right]
    )  # [rounds, arms and sizes, prompts]
    counts = np.bincount(which)
    means = [sums.sum(axis=(0, 2)) / (len(right) * len(groups))]
    for _ in range(RESAMPLES):
        prompts = rng.integers(len(counts), size=len(counts))
        rounds = rng.integers(len(right), size=len(right))
        drawn = sums[rounds][:, :, prompts].sum(axis=(0, 2))
        means.append(drawn / (len(right) * counts[prompts].sum()))
    grid = np.geomspace(sizes[0], 4 * sizes[-1], 200)
    accuracies = np.array(means)
    law = extrapolate(sizes, accuracies[:, BATCHES:], grid)
    reached = law >= accuracies[:, BATCHES - 1 : BATCHES]
    equal = np.where(reached.any(axis=1), grid[reached.argmax(axis=1)], grid[-1])
    low, high = np.percentile(equal[1:], [2.5, 97.5])
    return Interval(float(equal[0]), float(min(low, equal[0])), float(max(high, equal[0])))
