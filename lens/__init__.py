"""LENS: better reward models from few preference labels, by synthesis in a latent space."""

__version__ = "0.1.0"
