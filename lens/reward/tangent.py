"""A centred network in closed form: the published MLP linearised at its start, under the evidence.

A wide network moves little while it learns, so that r(e) - r_0(e) is about J(e) . u with J its
gradient at the start (Jacot et al., 2018): a linear reward of J. With a Gaussian prior on u it is a
Gaussian process, whose shrinkage and noise the evidence decides as those of `lens.reward.evidence`,
without a step of training. `evidence_network` averages it with the linear rewards.
"""

from dataclasses import dataclass

import numpy as np

from lens.reward import evidence
from lens.reward.training_set import Training, TrainingSet

WIDTH = 256  # of the published head
LARGEST = 2500  # pairs: the work grows with their cube; beyond, rewards are linear
STEP = 0.01  # of the weights' length, in the difference that stands for a gradient


class Network:
    """The MLP d-width-1 at its start, with torch's usual spread of weights."""

    def __init__(self, dim: int, width: int = WIDTH):
        rng, first, second = np.random.default_rng(0), dim**-0.5, width**-0.5
        self.w1 = rng.uniform(-first, first, (width, dim)).astype(np.float32)
        self.b1 = rng.uniform(-first, first, width).astype(np.float32)
        self.w2 = rng.uniform(-second, second, width).astype(np.float32)

    def states(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(hidden values, which of them are above 0), [N, width] each."""
        hidden = embeddings @ self.w1.T + self.b1
        return np.maximum(hidden, 0), (hidden > 0).astype(np.float32)

    def kernel(self, chosen: np.ndarray, rejected: np.ndarray) -> np.ndarray:
        """J J' [N, N] for J the gradients of r(chosen) - r(rejected) of N pairs."""
        hidden, gates = zip(self.states(chosen), self.states(rejected), strict=True)
        kernel = (hidden[0] - hidden[1]) @ (hidden[0] - hidden[1]).T
        sides = ((chosen, gates[0], 1), (rejected, gates[1], -1))
        for one, on, sign in sides:
            for other, also, turned in sides:
                kernel += sign * turned * (one @ other.T + 1) * ((on * self.w2**2) @ also.T)
        return kernel.astype(np.float64)

    def moved(
        self, chosen: np.ndarray, rejected: np.ndarray, coefficients: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The reward J(e) . u with u = J' coefficients [N], as weights of an MLP twice as wide.

        It is a difference of two networks, a small step to either side of the start.
        """
        given = coefficients.astype(np.float32)[:, None]
        hidden, gates = zip(self.states(chosen), self.states(rejected), strict=True)
        w1 = self.w2[:, None] * ((gates[0] * given).T @ chosen - (gates[1] * given).T @ rejected)
        b1 = self.w2 * ((gates[0] - gates[1]) * given).sum(axis=0)
        w2 = ((hidden[0] - hidden[1]) * given).sum(axis=0)
        lengths = [np.linalg.norm(array) for array in (self.w1, w1, self.w2, w2)]
        step = STEP * float(min(lengths[0] / lengths[1], lengths[2] / lengths[3]))
        ends = [(self.w1 + s * w1, self.b1 + s * b1, self.w2 + s * w2) for s in (step, -step)]
        return {
            "w1": np.concatenate([end[0] for end in ends]),
            "b1": np.concatenate([end[1] for end in ends]),
            "w2": np.concatenate([ends[0][2], -ends[1][2]]) / np.float32(2 * step),
            "b2": np.zeros((), np.float32),
        }


def spectrum(kernel: np.ndarray, noise: evidence.Noise) -> evidence.Spectrum:
    """That of a network's rewards, whose kernel [N, N] this is; parameters are coefficients
    [S, N]."""
    power, left = np.linalg.eigh(noise.whiten(noise.whiten(kernel).T))
    real = power > 1e-9 * power[-1]
    power, left = power[real], left[:, real]

    def back(fitted: np.ndarray) -> np.ndarray:
        return noise.colour_transposed(left @ (fitted / power).T).T

    return evidence.Spectrum(left, power / len(kernel), back)


@dataclass
class Reward:
    """Weights as `RewardHead` has them, with the margin [N] of each pair from a fit without its
    prompt, the probability of the network, and the mean share of noise that is of texts."""

    weights: dict[str, np.ndarray]
    margins: np.ndarray
    network: float
    text_noise: float


def fit(
    chosen: np.ndarray,
    rejected: np.ndarray,
    groups: np.ndarray,
    labels: np.ndarray | None = None,
) -> Reward:
    """The average, by evidence, of linear rewards and, up to `LARGEST` pairs, the network, from
    pairs [N, d] with their prompts and labels [N]."""
    if len(groups) > LARGEST:
        return _without_network(evidence.fit(chosen, rejected, groups, labels))
    targets, dim = evidence.label_targets(len(groups), labels), chosen.shape[1]
    weighed, network = evidence.noises(chosen, rejected, groups), Network(dim)
    linear = evidence.linear_solutions(chosen, rejected, groups, targets, weighed)
    kernel = network.kernel(chosen, rejected)
    bent = evidence.joined(
        evidence.shrink(
            spectrum(kernel, noise),
            noise,
            targets,
            groups,
            dim=dim,
            exponents=(0.0,),
        )
        for noise in weighed
    )
    chances = evidence.posterior(np.concatenate([linear.evidence, bent.evidence]))
    of_linear, of_network = np.split(chances, [len(linear.evidence)])
    margins = of_linear @ linear.margins + of_network @ bent.margins
    length = evidence.best_length(margins, labels)
    weights = {"w": (length * of_linear @ linear.parameters).astype(np.float32)}
    return Reward(
        weights | network.moved(chosen, rejected, length * of_network @ bent.parameters),
        length * margins,
        float(of_network.sum()),
        sum(evidence.text_noise(part, weighed) for part in (of_linear, of_network)),
    )


def from_all_pairs(data: TrainingSet) -> Reward:
    """`fit`'s reward, from all N pairs."""
    chosen, rejected, groups = data.all_pairs()
    if len(groups) > LARGEST:
        return _without_network(data.once(evidence.from_all_pairs))
    return fit(chosen, rejected, groups, data.all_labels())


def _without_network(linear: evidence.LinearReward) -> Reward:
    return Reward({"w": linear.weights}, linear.margins, 0.0, linear.text_noise)


def evidence_network(data: TrainingSet) -> Training:
    """The same as a trained model."""
    reward, labels = data.once(from_all_pairs), data.all_labels()
    return Training(
        reward.weights,
        {
            "pairs_per_epoch": len(reward.margins),
            "network": reward.network,
            "text_noise": reward.text_noise,
            "left_out_loss": float(evidence.cross_entropy(reward.margins, labels).mean()),
        },
    )
