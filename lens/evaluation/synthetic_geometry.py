"""Where synthetic embeddings are among the real ones: how far each has moved, which real response
is nearest, whether its pair kept its order, how spread out they are all together.

All lengths are Euclidean, in the space that the methods train in: features standardised by the
training pairs. N = 100,000 pairs of d = 4,096 are worked through in blocks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from lens.core.errors import LensError
from lens.core.seeds import derive_seed
from lens.latent.synthesis import Source, synthetic_per_embedding
from lens.latent.vae import SIDES, VAE
from lens.reward.head import RewardHead
from lens.reward.method import Given
from lens.reward.methods import METHODS
from lens.reward.training_set import TrainingSet

BLOCK = 2**24  # distances held at once
ROWS = 8192  # embeddings held at once
FAR = 0.95  # quantile of the data's own spacing, beyond which a point is far from the data


@dataclass(frozen=True)
class Real:
    """The training responses: `points` [2 n, d], chosen before rejected, and where they are in the
    pair table, `rows` [n]."""

    points: torch.Tensor
    rows: np.ndarray

    @classmethod
    def of(cls, data: TrainingSet) -> "Real":
        return cls(torch.from_numpy(np.concatenate([data.chosen, data.rejected])), data.rows)

    def positions(self, side: str, numbers: np.ndarray) -> np.ndarray:
        """Places among the points of the training pairs' responses of one side."""
        return numbers + SIDES.index(side) * len(self.rows)

    def row(self, positions: np.ndarray) -> np.ndarray:
        """Rows of the pair table."""
        return self.rows[positions % len(self.rows)]

    def side(self, positions: np.ndarray) -> np.ndarray:
        return np.array(SIDES)[positions // len(self.rows)]


@torch.inference_mode()
def nearest(
    queries: torch.Tensor, points: torch.Tensor, keep: int, leave_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The `keep` points nearest to each query: (distances, places), [n, keep], nearest first.

    `leave_out` [n] is the place of a point that does not count, such as the query itself. Found by
    |a|^2 - 2 a.b + |b|^2 block by block, and then measured again: that sum loses small distances.
    """
    squares = points.square().sum(dim=1)
    distances, positions = [], []
    step = max(1, BLOCK // len(points))
    for start in range(0, len(queries), step):
        part = queries[start : start + step]
        score = squares - 2 * part @ points.T
        if leave_out is not None:
            rows = torch.from_numpy(leave_out[start : start + step]).unsqueeze(1)
            score.scatter_(1, rows, torch.inf)
        candidates = score.topk(keep, dim=1, largest=False).indices
        exact = torch.stack(
            [(part - points[column]).double().norm(dim=1) for column in candidates.T], dim=1
        )
        ordered, order = exact.sort(dim=1, stable=True)
        distances.append(ordered.numpy())
        positions.append(candidates.gather(1, order).numpy())
    return np.concatenate(distances), np.concatenate(positions)


class Spread:
    """Mean and covariance of embeddings that are added part by part."""

    def __init__(self, dim: int):
        self.count, self.total = 0, torch.zeros(dim, dtype=torch.float64)
        self.products = torch.zeros(dim, dim, dtype=torch.float64)

    def add(self, part: torch.Tensor) -> None:
        self.count += len(part)
        self.total += part.sum(dim=0, dtype=torch.float64)
        self.products += (part.T @ part).double()

    def measures(self) -> dict[str, float]:
        """`rms_distance` between two of the embeddings drawn at random: sqrt(2 trace C);
        `participation_ratio` (trace C)^2 / trace C^2, how many directions they vary in."""
        mean = self.total / self.count
        covariance = self.products / self.count - torch.outer(mean, mean)
        trace = covariance.trace().item()
        return {
            "rms_distance": (2 * max(0.0, trace)) ** 0.5,
            "participation_ratio": trace**2 / covariance.square().sum().item(),
        }


def rewards(reference: RewardHead, data: TrainingSet, part: torch.Tensor) -> np.ndarray:
    """The reference's rewards [n] of embeddings [n, d] standardised by the training pairs."""
    standardiser = data.standardiser
    return reference(part.numpy() * standardiser.scale + standardiser.mean)


def make_sources(
    names: list[str], data: TrainingSet, *, scale: int, vae: VAE | None, settings: dict, seed: int
) -> dict[str, Source]:
    """Each method's synthetic embeddings, the very ones that `methods.train` trains on. Of methods
    whose variants belong to one response each; LENS must be among them."""
    possible = [name for name, method in METHODS.items() if method.keeps_responses]
    if "lens" not in names or not set(names) <= set(possible):
        others = [name for name in possible if name != "lens"]
        raise LensError(f"methods {', '.join(names)}: give lens and any of {', '.join(others)}.")
    given = Given(data, scale, vae, settings, derive_seed(seed, "synthesis"))
    return {name: METHODS[name].make_source(given) for name in names}


def draws(source: Source, count: int, scale: int) -> Iterator[tuple]:
    """Yields all synthetic embeddings as (side, variant, numbers of the training pairs,
    embeddings)."""
    for variant in range(1, synthetic_per_embedding(scale) + 1):
        for side in SIDES:
            for start in range(0, count, ROWS):
                rows = torch.arange(start, min(start + ROWS, count))
                with torch.no_grad():
                    points = source(side, rows, torch.full_like(rows, variant))
                yield side, variant, rows.numpy(), points


def own_spacing(real: Real) -> np.ndarray:
    """Distance [2 n] of each training response to the nearest other one."""
    positions = np.arange(len(real.points))
    return nearest(real.points, real.points, 1, leave_out=positions)[0][:, 0]


def training_spread(real: Real) -> dict[str, float]:
    """The spread of the training responses (`Spread.measures`)."""
    spread = Spread(real.points.shape[1])
    for part in real.points.split(ROWS):
        spread.add(part)
    return spread.measures()


def inspect(
    source: Source, data: TrainingSet, real: Real, reference: RewardHead, scale: int
) -> tuple[pd.DataFrame, dict[str, float]]:
    """(one row per synthetic embedding, their spread)."""
    spread, parts = Spread(real.points.shape[1]), []
    originals = np.concatenate([rewards(reference, data, p) for p in real.points.split(ROWS)])
    for side, variant, numbers, points in draws(source, len(real.rows), scale):
        spread.add(points)
        distance, nearest_at = (columns[:, 0] for columns in nearest(points, real.points, 1))
        originals_at = real.positions(side, numbers)
        moved = (points - real.points[originals_at]).double().norm(dim=1).numpy()
        parts.append(
            _table(real, side, real.rows[numbers], distance, nearest_at).assign(
                variant=variant,
                moved=moved,
                nearest_is_own=moved <= distance,  # or no further than it, where texts repeat
                reward=rewards(reference, data, points),
                reward_before=originals[originals_at],
            )
        )
    return pd.concat(parts, ignore_index=True), spread.measures()


def inspect_held_out(
    embeddings: Mapping[str, np.ndarray],
    rows: np.ndarray,
    data: TrainingSet,
    real: Real,
    reference: RewardHead,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The same measures for real held-out responses at `rows` of the pair table."""
    spread, parts = Spread(real.points.shape[1]), []
    for side in SIDES:
        points = torch.from_numpy(data.standardiser(embeddings[side][rows]))
        spread.add(points)
        distance, nearest_at = (columns[:, 0] for columns in nearest(points, real.points, 1))
        reward = rewards(reference, data, points)
        parts.append(
            _table(real, side, rows, distance, nearest_at).assign(variant=0, reward=reward)
        )
    return pd.concat(parts, ignore_index=True), spread.measures()


def _table(
    real: Real, side: str, rows: np.ndarray, distance: np.ndarray, nearest_at: np.ndarray
) -> pd.DataFrame:
    nearest_side = real.side(nearest_at)
    return pd.DataFrame(
        {
            "row": rows,
            "side": side,
            "nearest_distance": distance,
            "nearest_row": real.row(nearest_at),
            "nearest_side": nearest_side,
            "nearest_same_side": nearest_side == side,
        }
    )


def pair_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """One row per synthetic pair (`row`, `variant`), from `inspect`: the reference's reward of the
    chosen minus that of the rejected response, `gap_before` and `gap_after` synthesis, and whether
    they have the same sign, `order_kept`. Both sides of a pair are of the same variant."""
    wide = table.pivot(index=["row", "variant"], columns="side")
    gaps = pd.DataFrame(
        {
            name: wide[column, "chosen"] - wide[column, "rejected"]
            for name, column in (("gap_before", "reward_before"), ("gap_after", "reward"))
        }
    ).reset_index()
    kept = np.sign(gaps["gap_before"]) == np.sign(gaps["gap_after"])
    return gaps.assign(order_kept=kept)


def telling(table: pd.DataFrame, gaps: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """{rule: (row, variant)} of the pairs to look at; without rules that no pair fulfils."""
    ordered = table.sort_values(["moved", "row", "variant", "side"])
    flipped = gaps[~gaps["order_kept"]].sort_values(["row", "variant"])
    by_rule = {
        "median move": ordered.iloc[[(len(ordered) - 1) // 2]],
        "largest move": ordered.iloc[[-1]],
        "first pair of the table whose reward order flipped": flipped.iloc[:1],
    }
    return {
        rule: (int(one["row"].iloc[0]), int(one["variant"].iloc[0]))
        for rule, one in by_rule.items()
        if len(one)
    }


def look_closely(
    rule: str,
    row_and_variant: tuple[int, int],
    source: Source,
    table: pd.DataFrame,
    real: Real,
    pairs: pd.DataFrame,
) -> dict:
    """One synthetic pair with its texts and, for each side, the three nearest real responses."""
    row, variant = row_and_variant
    number = np.flatnonzero(real.rows == row)
    embeddings, sides = table[(table["row"] == row) & (table["variant"] == variant)], []
    for seen in embeddings.itertuples():
        rows = torch.from_numpy(number)
        with torch.no_grad():
            points = source(seen.side, rows, torch.full_like(rows, variant))
        distances, positions = (values[0] for values in nearest(points, real.points, 3))
        neighbours = zip(distances, real.row(positions), real.side(positions), strict=True)
        sides.append(
            {
                "side": seen.side,
                "response": pairs.at[row, seen.side],
                "moved": seen.moved,
                "reward_before": float(seen.reward_before),
                "reward_after": float(seen.reward),
                "nearest": [
                    {
                        "id": str(pairs.at[at, "id"]),
                        "side": str(side),
                        "distance": float(distance),
                        "prompt": pairs.at[at, "prompt"],
                        "response": pairs.at[at, side],
                    }
                    for distance, at, side in neighbours
                ],
            }
        )
    about = {"id": str(pairs.at[row, "id"]), "prompt": pairs.at[row, "prompt"]}
    return {"rule": rule, "variant": variant, **about, "sides": sides}
