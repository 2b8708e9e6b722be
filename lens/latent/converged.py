"""The VAE trained until convergence (B.5.2); the embeddings decide its sizes and beta.

The published settings stop after 100 epochs, which for a few hundred pairs is a few hundred small
steps. Here a tenth of the pairs is held out, and training stops when their reconstruction no longer
improves. Three rules, from the principal components of the other pairs, replace tuning:

- latent units: the number of components along which the held-out embeddings vary more than along
  an average feature (Kaiser's rule, on data that the components have not seen);
- hidden units: four times that number, at least the published one;
- beta: twice the mean squared residual per feature that these components leave. With it
  |e - g(z)|^2 + beta KL is the evidence bound for noise of that size (Rybkin et al., 2021).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lens.latent.settings import VaeSettings
from lens.latent.vae import VAE, train_vaes

HELD_OUT = 0.1  # share of the pairs
HIDDEN_PER_LATENT = 4  # hidden units per latent unit
PUBLISHED = VaeSettings.model_validate({})


@dataclass
class Sizes:
    """Sizes and beta of a VAE."""

    latent: int
    hidden: int
    beta: float


def choose_sizes(embeddings: np.ndarray, held_out: np.ndarray) -> Sizes:
    """Sizes and beta for a VAE of embeddings [n, d], by the module's rules; `held_out` [m, d]."""
    mean = embeddings.mean(axis=0)
    _, _, components = np.linalg.svd(embeddings - mean, full_matrices=False)
    centred = held_out - mean
    variances = np.square(centred @ components.T).mean(axis=0)
    total = np.square(centred).mean(axis=0).sum()
    latent = max(1, int((variances > total / len(mean)).sum()))
    residual = max(0.0, total - np.sort(variances)[::-1][:latent].sum()) / len(mean)
    return Sizes(latent, max(PUBLISHED.hidden, HIDDEN_PER_LATENT * latent), float(2 * residual))


def train_converged(
    chosen: np.ndarray,
    rejected: np.ndarray,
    *,
    seed: int,
    learning_rate: float,
    epochs: int,
    patience: int,
    choose: Callable[[np.ndarray, np.ndarray], Sizes] = choose_sizes,
) -> VAE:
    """Trains a VAE on standardised pairs [n, d]. A random tenth, at least one pair, is held out;
    training stops after `patience` epochs without a better reconstruction of it, or after
    `epochs`. `choose` is given the embeddings of both parts."""
    order = np.random.default_rng(seed).permutation(len(chosen))
    held_out, train = np.split(order, [max(1, round(HELD_OUT * len(chosen)))])
    sizes = choose(
        np.concatenate([chosen[train], rejected[train]]),
        np.concatenate([chosen[held_out], rejected[held_out]]),
    )
    (vae,) = train_vaes(
        [(chosen[train], rejected[train])],
        seeds=[seed],
        hidden=sizes.hidden,
        latent=sizes.latent,
        sharing=PUBLISHED.sharing,
        beta=sizes.beta,
        gamma=PUBLISHED.gamma,
        learning_rate=learning_rate,
        batch_size=PUBLISHED.batch_size,
        epochs=epochs,
        held_out=[(chosen[held_out], rejected[held_out])],
        patience=patience,
    )
    return vae
