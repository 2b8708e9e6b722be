"""The ablations. A setting's value that is not the config's own makes a method of that name
(gamma_0.5), which is LENS but for it; a layer that is not the model's own makes a model."""

from typing import Any, NamedTuple

from lens.workflow.config import Config

SWEPT = {"gamma": "vae", "beta": "vae", "sharing": "vae", "noise_variance": "synthesis"}


class Variant(NamedTuple):
    """The section that it differs in, and what differs there."""

    section: str
    own: dict


def variants(config: Config) -> dict[str, Variant]:
    """By the name of the method."""
    return {
        f"{key}_{value}": Variant(section, {key: value})
        for key, section in SWEPT.items()
        for value in getattr(config.sweeps, key)
        if value != own_value(config, key)
    }


def own_value(config: Config, key: str) -> Any:
    """The value of a swept setting that everything else has."""
    return getattr(getattr(config, SWEPT[key]), key)


def method_of(config: Config, name: str) -> str:
    """The method that a row is trained by."""
    return "lens" if name in variants(config) else name


def vae_of(config: Config, name: str) -> str:
    """Which VAE a method decodes with: its own where the VAE's settings differ."""
    variant = variants(config).get(name)
    return name if variant and variant.section == "vae" else "standard"


def with_layers(config: Config) -> Config:
    """With a model for each layer of the sweep that is not the swept model's own."""
    chosen = config.sweeps
    base = config.models.get(chosen.model)
    if base is None:
        return config
    models = dict(config.models)
    for layer in chosen.layers:
        if layer != base.embedding.layer:
            models[layer_model(config, layer)] = base.model_copy(
                update={
                    "embedding": base.embedding.model_copy(update={"layer": layer}),
                    "candidates_from": chosen.model,
                }
            )
    return config.model_copy(update={"models": models})


def layer_model(config: Config, layer: int) -> str:
    """The name of the swept model with this layer."""
    chosen = config.sweeps
    own = config.models[chosen.model].embedding.layer if chosen.model in config.models else -1
    return chosen.model if layer == own else f"{chosen.model}.layer_{layer}"
