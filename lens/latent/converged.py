"""The VAE trained until convergence (B.5.2), with sizes and beta that the embeddings decide.

The published settings stop after 100 passes, which on a few hundred pairs is a few hundred small
steps. Here a tenth of the pairs is held out, and training ends where their reconstruction has not
improved for a while. Three rules, from the principal components of the other pairs, replace what
would be tuned:

- latent units: as many as there are components along which the held-out embeddings vary more than
  along a feature on average (Kaiser's rule, on data that the components have not seen);
- hidden units: four times as many, at least the published number;
- beta: twice the mean squared residual of a feature that these components leave, with which
  |e - g(z)|^2 + beta KL is the evidence bound of Gaussian noise of that size (Rybkin et al., 2021).
"""

from dataclasses import dataclass

import numpy as np

from lens.latent.settings import VaeSettings
from lens.latent.vae import VAE, train_vaes

HELD_OUT = 0.1
PER_LATENT = 4  # hidden units
PUBLISHED = VaeSettings.model_validate({})


@dataclass
class Sizes:
    """What the embeddings decide."""

    latent: int
    hidden: int
    beta: float


def sizes_of(embeddings: np.ndarray, held_out: np.ndarray) -> Sizes:
    """From embeddings [n, d] and others [m, d] that are held out."""
    mean = embeddings.mean(axis=0)
    _, _, components = np.linalg.svd(embeddings - mean, full_matrices=False)
    rest = held_out - mean
    along = np.square(rest @ components.T).mean(axis=0)
    total = np.square(rest).mean(axis=0).sum()
    latent = max(1, int((along > total / len(mean)).sum()))
    residual = max(0.0, total - np.sort(along)[::-1][:latent].sum()) / len(mean)
    return Sizes(latent, max(PUBLISHED.hidden, PER_LATENT * latent), float(2 * residual))


def train_converged(
    chosen: np.ndarray,
    rejected: np.ndarray,
    *,
    seed: int,
    learning_rate: float,
    epochs: int,
    patience: int,
) -> VAE:
    """The VAE of standardised pairs [n, d] of which a random tenth, at least one, is held out to
    end the training after `patience` epochs without a better reconstruction, or after `epochs`."""
    order = np.random.default_rng(seed).permutation(len(chosen))
    held, kept = np.split(order, [max(1, round(HELD_OUT * len(chosen)))])
    sizes = sizes_of(
        np.concatenate([chosen[kept], rejected[kept]]),
        np.concatenate([chosen[held], rejected[held]]),
    )
    (vae,) = train_vaes(
        [(chosen[kept], rejected[kept])],
        seeds=[seed],
        hidden=sizes.hidden,
        latent=sizes.latent,
        sharing=PUBLISHED.sharing,
        beta=sizes.beta,
        gamma=PUBLISHED.gamma,
        learning_rate=learning_rate,
        batch_size=PUBLISHED.batch_size,
        epochs=epochs,
        held_out=[(chosen[held], rejected[held])],
        patience=patience,
    )
    return vae
