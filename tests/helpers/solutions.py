"""Solutions of linear rewards for chosen priors, on pairs that share no texts."""

from types import SimpleNamespace

import numpy as np

from lens.reward import evidence


def solve(
    differences, shrinkages=evidence.SHRINKAGES, exponents=evidence.EXPONENTS, labels=None, **where
):
    """directions [S, d], posterior [S], margins [S, N]; `where` may hold prompts and noise."""
    noise = where.get("noise", evidence.Noise())
    count, dim = differences.shape
    found = evidence.shrink(
        evidence.linear_spectrum(differences, noise),
        noise,
        evidence.label_targets(count, labels),
        where.get("groups", np.arange(count)),
        dim=dim,
        shrinkages=shrinkages,
        exponents=exponents,
    )
    return SimpleNamespace(
        directions=found.parameters,
        posterior=evidence.posterior(found.evidence),
        margins=found.margins,
        evidence=found.evidence,
    )


def fit(differences, labels=None):
    """`evidence.fit` for pairs of differences [N, d], a prompt each."""
    zeros = np.zeros_like(differences)
    return evidence.fit(differences, zeros, np.arange(len(differences)), labels)
