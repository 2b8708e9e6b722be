"""Settings of reward models of embeddings, at the published values."""

from pydantic import Field

from lens.core.settings import Count, Rate, Settings, Threaded


class TrainingSettings(Threaded):
    """What the VAE and every reward model share."""

    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share of the N pairs, by prompt, held out for early stopping; they count "
        "among the N.",
    )


class HeadSettings(Settings):
    """The reward MLP (Section 3.3, A.1)."""

    hidden: Count = Field(256, description="Width of the hidden layer.")
    learning_rate: Rate = 1e-4
    batch_size: Count = Field(128, description="Pairs in a batch.")
    epochs: Count = Field(20, description="Passes over the training pairs at most.")
    patience: Count = Field(
        5, description="Epochs without a better validation loss before training ends."
    )
    centred: bool = Field(False, description="Subtract the initial function of the MLP from it.")
