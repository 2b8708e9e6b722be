"""What each table, figure and page is made from: the files that it reads, and its flags."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lens.workflow import cells
from lens.workflow.cells import inspected, swept_cells, theories
from lens.workflow.config import Config
from lens.workflow.inputs import (
    candidate_table,
    embedded,
    gamma_vaes,
    gold_table,
    inspected_seeds,
)
from lens.workflow.paths import At, cell, judged, seed_files

# Sections that change nothing for the other artefacts.
OF_SOME_ARTEFACTS = (
    "artefacts",
    "inspection",
    "learning_curve",
    "plan",
    "rejection_sampling",
    "reward_bench",
    "shards",
    "sweeps",
    "table_4",
    "textual",
    "theory",
)


class Made(NamedTuple):
    """`own` are the sections of the config that belong to this artefact alone."""

    inputs: Sequence[str]
    settings: Mapping[str, object]
    own: Sequence[object] = ()


Maker = Callable[[Config], Made]


def textual(config: Config) -> dict:
    """The section `textual` without what is Table 6's alone."""
    section = config.textual.given()
    section.pop("table_6")
    return section | {"sampling": section["sampling"]["standard"]}


def whole_run(config: Config) -> Made:
    """The overview and the plan, which tell of everything."""
    given = config.given()
    return Made([], {}, [given.get(key) for key in OF_SOME_ARTEFACTS])


def _swept(config: Config, *keys: str) -> list:
    return [getattr(config.sweeps, key) for key in keys]


def _from_cells(folders: list[str], *settings: object) -> Made:
    return Made(judged(folders), {"cells": folders}, settings)


def table_1(config: Config) -> Made:
    return _from_cells(cells.table_1_cells(config), textual(config))


def best_of_n_curve(config: Config) -> Made:
    return _from_cells(cells.compared_cells(config))


def learning_curve(config: Config) -> Made:
    return _from_cells(cells.learning_curve_cells(config), config.learning_curve.given())


def table_4(config: Config) -> Made:
    folders, scale = cells.table_4_cells(config), config.table_4.scale
    settings = [textual(config), config.table_4.given()]
    return Made(judged(folders), {"cells": folders, "scale": scale}, settings)


def textual_spread(config: Config) -> Made:
    return _from_cells(cells.spread_cells(config), textual(config))


def _sweeps(config: Config, *keys: str, own: Sequence[str] = (), **more: list[str]) -> Made:
    """Of the values of swept settings, more judged cells, and the controls."""
    settings: dict[str, list] = {}
    for key in keys:
        settings |= {key: getattr(config.sweeps, key), f"{key}_cells": swept_cells(config, key)}
    settings |= {**more, "controls": cells.control_cells(config)}
    folders = [folder for key in settings if key not in keys for folder in settings[key]]
    return Made(judged(folders), settings, [_swept(config, *keys, *own, "scale")])


def table_5(config: Config) -> Made:
    return _sweeps(config, "sharing")


def figure_2(config: Config) -> Made:
    sizes = cells.size_cells(config)
    return _sweeps(config, "gamma", "noise_variance", own=["n_pairs"], size_cells=sizes)


def figure_3(config: Config) -> Made:
    chosen, vaes = inspected(config), gamma_vaes(config)
    pairs = f"{config.results}/prepare_pairs/{chosen.dataset}/pairs.parquet"
    index, *shards = embedded(config, "embed_pairs", f"{chosen.dataset}/{chosen.model}")
    every = [vae for group in vaes.values() for vae in group]
    settings = {
        "pairs": pairs,
        "embeddings": index,
        "gammas": list(vaes),
        "seeds": inspected_seeds(config),
        "vaes": every,
        "n_pairs": chosen.n_pairs,
        "dataset": chosen.dataset,
        "model": chosen.model,
        **config.training.given(),
    }
    own = [config.inspection.given(), config.sweeps.gamma]
    return Made([pairs, index, *shards, *every], settings, own)


def figure_4(config: Config) -> Made:
    return _sweeps(config, "beta", data_cells=cells.data_cells(config))


def layer_sweep(config: Config) -> Made:
    folders = cells.layer_cells(config)
    settings = {"layers": config.sweeps.layers, "cells": folders}
    return Made(judged(folders), settings, [_swept(config, "layers", "scale")])


def scale_sweep(config: Config) -> Made:
    folders, controls = cells.scale_cells(config), cells.control_cells(config, repeat=False)
    settings = {"cells": folders, "controls": controls}
    return Made(judged(folders + controls), settings, [config.sweeps.scales])


def size_sweep(config: Config) -> Made:
    folders, text = cells.size_cells(config), cells.size_text_cells(config)
    settings = {"cells": folders, "text_cells": text, "scale": config.sweeps.scale}
    own = [textual(config), _swept(config, "n_pairs", "text_n_pairs", "scale")]
    return Made(judged(folders + text), settings, own)


def _constants(config: Config) -> list[str]:
    return [f"{folder}/constants.json" for folder in theories(config, "theory")]


def _points(config: Config, file: str) -> list[str]:
    return [f"{folder}/{file}" for folder in theories(config, "theory_points")]


def constants(config: Config) -> Made:
    """Figure 5 and the fits."""
    settings = {"theory": theories(config, "theory")}
    return Made(_constants(config), settings, [config.theory.given()])


def _constants_and_points(config: Config, file: str) -> Made:
    points = theories(config, "theory_points")
    settings = {"theory": theories(config, "theory"), "points": points}
    return Made(_constants(config) + _points(config, file), settings, [config.theory.given()])


def theory_map(config: Config) -> Made:
    return _constants_and_points(config, "estimation.csv")


def theory_table(config: Config) -> Made:
    return _constants_and_points(config, "theorem_1.csv")


def theory_proxy(config: Config) -> Made:
    truth, datasets = f"{config.results}/build_world/truth.json", config.compare.datasets
    pairs = [f"{config.results}/prepare_pairs/{name}/pairs.parquet" for name in datasets]
    settings = {
        "truth": truth,
        "kinds": datasets,
        "pairs": pairs,
        "points": theories(config, "theory_points"),
    }
    inputs = [truth, *pairs, *_points(config, "estimation.csv")]
    return Made(inputs, settings, [config.theory.given()])


def inspector(config: Config) -> Made:
    chosen = inspected(config)
    folder = f"{config.results}/inspect_synthetic/{chosen.dataset}/{chosen.model}"
    files = ("embeddings.parquet", "examples.json", "metrics.json")
    inputs = [f"{folder}/{name}" for name in files]
    settings = [config.inspection.given(), config.theory.given()]
    return Made(inputs, {"inspected": folder}, settings)


def qualitative(config: Config) -> Made:
    chosen, datasets = inspected(config), config.compare.datasets
    places = [At(name, chosen.model, chosen.n_pairs) for name in datasets]
    embeddings = [embedded(config, "embed_candidates", f"{at.dataset}/{at.model}") for at in places]
    candidates = [candidate_table(config, at)[0] for at in places]
    gold = [gold_table(config, at) for at in places]
    rows = {
        "original": ("original", 1),
        "augmented": ("lens", chosen.scale),
        "control": ("repeat", chosen.scale),
    }
    models = {
        name: [cell(config, "train_reward", at, *row) for at in places]
        for name, row in rows.items()
    }
    settings = {
        "datasets": datasets,
        "model": chosen.model,
        "seed": chosen.seed,
        "candidates": candidates,
        "candidate_embeddings": [index for index, *_ in embeddings],
        "gold": gold,
        **models,
    }
    inputs = [*candidates, *gold, *(file for files in embeddings for file in files)]
    for folder in (folder for folders in models.values() for folder in folders):
        inputs += [*seed_files(config, folder), f"{folder}/metrics.json"]
    return Made(inputs, settings, [config.inspection.given()])


def rewardbench_safety(config: Config) -> Made:
    chosen = config.reward_bench
    at = At(chosen.dataset, chosen.model, config.compare.n_pairs[0])
    folder = f"{config.results}/judge_bench/{at}"
    settings = {
        "items": f"{folder}/items.parquet",
        "judged": f"{folder}/metrics.json",
        "section": chosen.section,
        **at._asdict(),
    }
    inputs = [f"{folder}/items.parquet", f"{folder}/metrics.json"]
    return Made(inputs, settings, [textual(config), chosen.given()])


def describe_world(config: Config) -> Made:
    results, compare = config.results, config.compare
    places = [f"{dataset}/{model}" for dataset in compare.datasets for model in compare.models]
    settings = {
        "truth": f"{results}/build_world/truth.json",
        "gold_model": f"{results}/train_gold_model/metrics.json",
        "kinds": compare.datasets,
        "candidates": [f"{results}/generate_candidates/{at}/candidates.parquet" for at in places],
        "gold": [f"{results}/score_candidates/{at}/gold.parquet" for at in places],
        "learning_curve": f"{results}/paper/learning_curve.csv",
    }
    files = [value for key, value in settings.items() if key != "kinds"]
    inputs = [file for value in files for file in ([value] if isinstance(value, str) else value)]
    return Made(inputs, settings)
