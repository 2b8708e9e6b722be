"""Theorem 2 with known constants (Section 4.2, Appendix B.3 and B.5).

    zeta(N) = C1 sqrt(C2 / N),  C2 = d + ln(1 / delta)                                   (Eq. 27)
    zeta_aug(N, k) = C1 sqrt(C2 / (k N)) + (k - 1) / k B0 N^-p                           (Eq. 33)
    ratio(k, N) = 1 / sqrt(k) + (k - 1) / k rho N^(1/2 - p),  rho = B0 / (C1 sqrt(C2))   (Eq. 35)

Synthesis promises a gain if the ratio is below 1. docs/theory.md has the derivations.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lens.core.errors import LensError


@dataclass(frozen=True)
class Constants:
    """Constants of the bounds: C1 and B0 in nats, `dim` features, confidence 1 - delta. LensError
    for values for which the bounds do not hold."""

    C1: float
    p: float
    B0: float
    dim: int
    delta: float

    def __post_init__(self) -> None:
        if not (self.dim >= 1 and 0 < self.delta < 1 and math.isfinite(self.p)):
            raise LensError(
                "theory: the dimension must be 1 or more, delta between 0 and 1, and p a number."
            )
        if not 0 <= self.B0 < math.inf:
            raise LensError(
                f"theory: B0 = {self.B0:g} is negative or not a number, so the bound does not "
                "hold and predicts nothing. (A negative estimate means that the augmented error is "
                "below its statistical term.)"
            )
        if not 0 < self.C1 < math.inf:
            raise LensError(
                f"theory: C1 = {self.C1:g} is not positive, so the bound predicts nothing. "
                "The reference model is no better than models trained on fewer pairs."
            )

    @property
    def complexity(self) -> float:
        """C2 = d + ln(1 / delta)."""
        return complexity(self.dim, self.delta)

    @property
    def rho(self) -> float:
        """Ratio of synthesis bias to statistical error, both at N = 1."""
        return self.B0 / (self.C1 * math.sqrt(self.complexity))

    @property
    def threshold(self) -> float | None:
        """N0 = (1 / rho)^(1 / (1/2 - p)) of Eq. 38; None if p >= 1/2 or B0 = 0."""
        return threshold(self.C1, self.p, self.B0, self.complexity)

    def error(self, n_pairs: float, scale: float = 1) -> float:
        """zeta_aug(N, k) of Eq. 33; for scale 1 zeta(N) of Eq. 27."""
        statistical = self.C1 * math.sqrt(self.complexity / (scale * n_pairs))
        return statistical + (scale - 1) / scale * self.B0 * n_pairs**-self.p

    def limit_ratio(self, n_pairs: float) -> float:
        """rho N^(1/2 - p): the limit of the ratio as k grows (Eq. 36)."""
        return self.rho * n_pairs ** (0.5 - self.p)

    def ratio(self, n_pairs: float, scale: float) -> float:
        """Predicted zeta_aug / zeta (Eq. 35)."""
        return scale**-0.5 + (scale - 1) / scale * self.limit_ratio(n_pairs)

    def smallest_scale(self, n_pairs: float) -> int | None:
        """The smallest integer k > 1 with a predicted ratio below 1; None if there is none.

        With c = rho N^(1/2 - p): 1/sqrt(k) + (1 - 1/k) c < 1 means sqrt(k) > c / (1 - c), c < 1.
        """
        c = self.limit_ratio(n_pairs)
        if c >= 1:
            return None
        return max(2, math.floor((c / (1 - c)) ** 2) + 1)

    def helped_sizes(self) -> tuple[float, float] | None:
        """The open interval of N in which some k has a predicted ratio below 1, or None.

        For p < 1/2, rho N^(1/2 - p) < 1 means N < N0: dividing ln N < ln(1/rho) / (1/2 - p) by a
        positive number keeps the sign. Eq. 37 states the opposite inequality. For p > 1/2 the same
        number bounds N from below.
        """
        if self.B0 == 0:
            return (0, math.inf)
        if self.p == 0.5:
            return (0, math.inf) if self.rho < 1 else None
        boundary = _exp(-math.log(self.rho) / (0.5 - self.p))
        low, high = (0, boundary) if self.p < 0.5 else (boundary, math.inf)
        return (low, high) if low < high else None


def complexity(dim: int, delta: float) -> float:
    """C2 = d + ln(1 / delta)."""
    return dim + math.log(1 / delta)


def threshold(c1: float, p: float, b0: float, c2: float) -> float | None:
    """N0 of Eq. 38, or None if it is not defined (p >= 1/2, or C1 or B0 not positive)."""
    if p >= 0.5 or b0 <= 0 or c1 <= 0:
        return None
    return _exp(math.log(c1 * math.sqrt(c2) / b0) / (0.5 - p))


def _exp(exponent: float) -> float:
    return math.exp(exponent) if exponent < 700 else math.inf


def noise_radius(noise_variance: float, latent: int, delta: float) -> float:
    """t_delta (Eq. 15): bounds all latent noise with probability 1 - delta, in latent units."""
    log = math.log(4 / delta)
    return math.sqrt(noise_variance * (latent + 2 * math.sqrt(latent * log) + 2 * log))


def sentences(
    constants: Constants, sizes: Sequence[float] = (), scales: Sequence[int] = ()
) -> list[str]:
    """The predictions of the constants as sentences, for each N of `sizes` and k of `scales`."""
    lines = [
        f"C1 = {constants.C1:g}, p = {constants.p:g}, B0 = {constants.B0:g}, "
        f"d = {constants.dim}, delta = {constants.delta:g}",
        f"rho = B0 / (C1 sqrt(d + ln(1/delta))) = {constants.rho:.4g}",
    ]
    if constants.threshold is None:
        lines.append("N0 is not defined: it needs p < 1/2 and B0 > 0.")
    else:
        lines.append(
            f"N0 = {size_words(constants.threshold)} as the paper defines it (Eq. 38). The paper "
            "says: some k helps for every N above it."
        )
    lines.append(f"Corrected (Eq. 37 reverses the inequality): {helped_words(constants)}.")
    for n_pairs in sizes:
        lines.append(
            f"At N = {n_pairs:g} the ratio tends to {constants.limit_ratio(n_pairs):.3f} as k "
            f"grows: {scale_words(constants, n_pairs)}."
        )
        lines += [
            f"At N = {n_pairs:g}, k = {scale:g} the predicted ratio zeta_aug / zeta is "
            f"{constants.ratio(n_pairs, scale):.3f} ({constants.error(n_pairs, scale):.3g} / "
            f"{constants.error(n_pairs):.3g})."
            for scale in scales
        ]
    return lines


def size_words(size: float) -> str:
    """A number of pairs as text, rounded according to its size."""
    if size < 10_000:
        return f"{size:,.2f}"
    return f"{size:,.0f}" if size < 1e7 else f"{size:.2e}"


def helped_words(constants: Constants) -> str:
    """For which N the corrected bound promises a gain for some k, as text."""
    sizes = constants.helped_sizes()
    if sizes is None:
        return "the bound promises no gain for any N"
    low, high = sizes
    if low == 0 and high == math.inf:
        return "the bound promises a gain for every N"
    boundary = high if low == 0 else low
    sign = "<" if low == 0 else ">"
    return f"the bound promises a gain only for N {sign} {size_words(boundary)}"


def scale_words(constants: Constants, n_pairs: float) -> str:
    """The smallest k for which the bound promises a gain, as text."""
    smallest = constants.smallest_scale(n_pairs)
    if smallest is None:
        return "no k has a predicted ratio below 1"
    return f"the smallest k with a predicted ratio below 1 is {smallest:,}"
