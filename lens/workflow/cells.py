"""Cells: judged reward models, each a dataset, model, N, method and scale, by their folders."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from lens.reward.methods import METHODS
from lens.textspace.methods import TEXT_METHODS
from lens.workflow.config import Config
from lens.workflow.paths import At, Wildcards, cell, text_cell

SWEPT = {"gamma": "vae", "beta": "vae", "sharing": "vae", "noise_variance": "synthesis"}

ACTIVE = "active"  # the VAE of chosen pairs


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


def base_method(config: Config, name: str) -> str:
    """The method that a row is trained by."""
    return "lens" if name in variants(config) else name


def vae_name(config: Config, name: str) -> str:
    """Which VAE a method decodes with: its own where the VAE's settings or its pairs differ."""
    if name in METHODS and METHODS[name].active:
        return ACTIVE
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
    usual = config.models[chosen.model].embedding.layer if chosen.model in config.models else -1
    return chosen.model if layer == usual else f"{chosen.model}.layer_{layer}"


FULL = ("full_finetune", "full_finetune_repeat")
PROBES = ("mean_difference", "linear_probe")  # the controls that every ablation shows


class Inspected(NamedTuple):
    """What is looked at closely."""

    dataset: str
    model: str
    n_pairs: int
    scale: int
    seed: int

    @property
    def at(self) -> At:
        return At(self.dataset, self.model, self.n_pairs)


def inspected(config: Config) -> Inspected:
    """What `inspection` leaves out is the first that is compared, or the largest scale."""
    inspection, compare = config.inspection, config.compare
    return Inspected(
        inspection.dataset or compare.datasets[0],
        inspection.model or compare.models[0],
        inspection.n_pairs or compare.n_pairs[0],
        inspection.scale or max(compare.scales),
        compare.seeds[0] if inspection.seed is None else inspection.seed,
    )


def cells(
    config: Config,
    sizes: Iterable[int],
    methods_and_scales: Iterable[tuple[str, int]],
    datasets: Iterable[str] | None = None,
    models: Iterable[str] | None = None,
) -> list[str]:
    """Every dataset and model, those compared unless given, these sizes, methods and scales."""
    rows = list(methods_and_scales)
    return [
        cell(config, "best_of_n", At(dataset, model, n_pairs), method, scale)
        for dataset in datasets or config.compare.datasets
        for model in models or config.compare.models
        for n_pairs in sizes
        for method, scale in rows
    ]


def compared(config: Config) -> list[tuple[str, int]]:
    """(method, scale) of every row of Table 1: methods that add no pairs have scale 1 alone."""
    return [
        (method, scale)
        for method in config.compare.methods
        for scale in (config.compare.scales if METHODS[method].augments else [1])
    ]


def compared_cells(config: Config) -> list[str]:
    """Everything of Table 1 that is trained on embeddings alone."""
    return cells(config, config.compare.n_pairs, compared(config))


def table_1_cells(config: Config) -> list[str]:
    """Everything that Table 1 shows."""
    textual, scales = config.textual, config.compare.scales
    table_cells = compared_cells(config)
    if "embedding_mlp" in textual.methods:
        rows = [("embedding_mlp", scale) for scale in scales]
        table_cells += cells(config, config.compare.n_pairs, rows, textual.datasets, textual.models)
    return table_cells + [
        text_cell(config, "best_of_n_text", At(dataset, model, n_pairs), method, job)
        for dataset in textual.datasets
        for model in textual.models
        for n_pairs in config.compare.n_pairs
        for method in textual.methods
        if TEXT_METHODS[method].training != "mlp"
        for job in textual.jobs
        if scales_of(config, method, job)
    ]


def learning_curve_cells(config: Config) -> list[str]:
    rows = [(method, 1) for method in config.compare.methods if not METHODS[method].augments]
    return cells(config, config.learning_curve.n_pairs, rows)


def scales_of(config: Config, method: str, job: str) -> list[int]:
    """The scales that a training job has: those of its entry; 1 for methods with a model for it."""
    if job == "table_6":
        return [config.textual.table_6.scale]
    row = TEXT_METHODS.get(method)
    return [k for k in config.textual.jobs[job] or [] if k > 1 or (row and row.original)]


def job_scales(config: Config, wildcards: Wildcards) -> list[int]:
    return scales_of(config, wildcards.method, wildcards.job)


def scale_job(config: Config, scale: int) -> str:
    """The job of textual.jobs that trains this scale."""
    return next(job for job, scales in config.textual.jobs.items() if scale in (scales or []))


def swept_cell(
    config: Config, method: str, scale: int, n_pairs: int | None = None, model: str | None = None
) -> str:
    """A judged reward model of the swept dataset."""
    chosen = config.sweeps
    at = At(chosen.dataset, model or chosen.model, n_pairs or config.compare.n_pairs[0])
    return cell(config, "best_of_n", at, method, scale)


def swept_cells(config: Config, key: str) -> list[str]:
    """One for each value of the setting, in order."""
    usual, values = own_value(config, key), getattr(config.sweeps, key)
    names = ["lens" if value == usual else f"{key}_{value}" for value in values]
    return [swept_cell(config, name, config.sweeps.scale) for name in names]


def control_cells(
    config: Config, n_pairs: int | None = None, model: str | None = None, repeat: bool = True
) -> list[str]:
    """Without augmentation: the original pairs, the probes, and the pairs repeated."""
    rows = [("original", 1), *((probe, 1) for probe in PROBES)]
    rows += [("repeat", config.sweeps.scale)] if repeat else []
    return [swept_cell(config, *row, n_pairs, model) for row in rows]


def data_cells(config: Config) -> list[str]:
    """The original pairs, the synthetic ones alone, and both."""
    rows = [("original", 1)] + [(m, config.sweeps.scale) for m in ("synthetic_only", "lens")]
    return [swept_cell(config, *row) for row in rows]


def size_cells(config: Config) -> list[str]:
    return [
        folder for n in config.sweeps.n_pairs for folder in _lens_and_controls(config, n_pairs=n)
    ]


def _lens_and_controls(config: Config, **at: Any) -> list[str]:
    return [*control_cells(config, **at), swept_cell(config, "lens", config.sweeps.scale, **at)]


def scale_cells(config: Config) -> list[str]:
    return [swept_cell(config, m, k) for k in config.sweeps.scales for m in ("lens", "repeat")]


def layer_cells(config: Config) -> list[str]:
    """As many for each layer, in the order of the layers."""
    models = [layer_model(config, layer) for layer in config.sweeps.layers]
    return [folder for model in models for folder in _lens_and_controls(config, model=model)]


def size_text_cells(config: Config) -> list[str]:
    """Full fine-tuning and its control at the sizes of sweeps.text_n_pairs, all scales of a job."""
    chosen, settings = config.sweeps, config.textual
    there = chosen.dataset in settings.datasets and chosen.model in settings.models
    trained = there and set(FULL) <= set(settings.methods)
    if not trained or not any(chosen.scale in (scales or []) for scales in settings.jobs.values()):
        return []
    job = scale_job(config, chosen.scale)
    return [
        text_cell(config, "best_of_n_text", At(chosen.dataset, chosen.model, n_pairs), method, job)
        for n_pairs in chosen.text_n_pairs
        for method in FULL
    ]


def first_places(config: Config, datasets: Iterable[str], models: Iterable[str]) -> list[At]:
    """Each pair of them, at the first N of Table 1."""
    models = list(models)
    return [
        At(dataset, model, config.compare.n_pairs[0]) for dataset in datasets for model in models
    ]


def text_places(config: Config) -> list[At]:
    """Where reward models are trained on text, at the first N of Table 1; nowhere if nothing of it
    is compared."""
    textual, compare = config.textual, config.compare
    datasets = [name for name in textual.datasets if name in compare.datasets]
    models = [name for name in textual.models if name in compare.models]
    return first_places(config, datasets, models)


def full_cells(config: Config, places: list[At], scales: Iterable[int]) -> list[str]:
    """Full fine-tuning and its control, judged, where the run trains on text."""
    textual = config.textual
    jobs = list(dict.fromkeys(scale_job(config, k) for k in scales)) if textual.methods else []
    return [
        text_cell(config, "best_of_n_text", at, method, job)
        for at in places
        if at.dataset in textual.datasets and at.model in textual.models
        for method in FULL
        if method in textual.methods
        for job in jobs
        if scales_of(config, method, job)
    ]


def latent_cells(
    config: Config, places: list[At], rows: list[tuple[str, int]], stage: str = "best_of_n"
) -> list[str]:
    """Reward models of embeddings, those that Table 1 has."""
    known = compared(config)
    return [
        cell(config, stage, at, method, scale)
        for at in places
        for method, scale in rows
        if (method, scale) in known
    ]


def table_4_cells(config: Config) -> list[str]:
    chosen = config.table_4
    places = first_places(config, [chosen.dataset], config.compare.models)
    rows = [("original", 1), ("repeat", chosen.scale), ("lens", chosen.scale)]
    rows += [(probe, 1) for probe in PROBES]
    return full_cells(config, places, [1, chosen.scale]) + latent_cells(config, places, rows)


def spread_cells(config: Config) -> list[str]:
    """The runs whose spread is shown."""
    places, scales = text_places(config), config.compare.scales
    rows = [(method, k) for method in ("lens", "repeat") for k in scales]
    rows += [(method, 1) for method in ("original", *PROBES)]
    return full_cells(config, places, [1, *scales]) + latent_cells(config, places, rows)


def theories(config: Config, stage: str) -> list[str]:
    """Folders of a theory stage, one for each dataset and model."""
    return [
        f"{config.results}/{stage}/{dataset}/{model}"
        for dataset in config.compare.datasets
        for model in config.compare.models
    ]
