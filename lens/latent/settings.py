"""Settings of the VAE and of synthesis, at the published values."""

from typing import Literal

from pydantic import Field

from lens.core.settings import Count, Rate, Settings


class VaeSettings(Settings):
    """The contrastive VAE (Section 3.1, A.1)."""

    hidden: Count = Field(64, description="Width of the hidden layers.")
    latent: Count = Field(16, description="Latent dimension.")
    sharing: Literal["share_everything", "shared_trunk_separate_heads", "separate_everything"] = (
        Field(
            "shared_trunk_separate_heads",
            description="What the networks for preferred and rejected embeddings share (Table 5).",
        )
    )
    beta: float = Field(1.0, ge=0, description="Weight of the KL term (Eq. 4).")
    gamma: float = Field(
        0.1, ge=0, description="Weight of the distance between a pair's posteriors (Eq. 6)."
    )
    learning_rate: Rate = 1e-4
    batch_size: Count = Field(128, description="Pairs per batch.")
    epochs: Count = Field(100, description="Passes over the pairs.")


class SynthesisSettings(Settings):
    """How synthetic embeddings are drawn (Section 3.2)."""

    noise_variance: float = Field(0.01, ge=0, description="Variance of the latent noise (Eq. 7).")
    candidates_per_kept: Count = Field(
        4, description="Latents drawn per latent that is kept, by likelihood (A.1)."
    )
    perturbation_variance: float = Field(
        0.01, ge=0, description="Variance per standardised feature, for direct_perturbation."
    )
    complement_noise: float = Field(
        10.0,
        ge=0,
        description="Noise along the probe for lens_plus, in standard deviations of the "
        "embeddings along it.",
    )
    converged_learning_rate: Rate = Field(
        1e-3, description="Learning rate of the VAE of lens_converged."
    )
    converged_epochs: Count = Field(
        1000, description="Maximal passes over the pairs, for the VAE of lens_converged."
    )
    converged_patience: Count = Field(
        20,
        description="Epochs without a better reconstruction of held-out pairs before the VAE of "
        "lens_converged stops.",
    )
