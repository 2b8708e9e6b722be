"""Whether the sections of a config fit together, and whether this machine can do the run: its
packages, its files, a folder that can be written to. LensError says what to do."""

import importlib.util
import os
import shutil
from pathlib import Path

from lens.core.errors import LensError
from lens.textspace.methods import CONTROLS, TEXT_METHODS
from lens.workflow.cells import compared, inspected, scales_of, text_places
from lens.workflow.config import Config
from lens.workflow.paths import At, built, local_files

SWEEPS = {"figure_2", "figure_4", "table_5", "layer_sweep", "scale_sweep", "size_sweep"}
OF_THE_WORLD = {"describe_world", "theory_proxy"}
WORLD_DATASETS = ("dialogue", "summary")
LEAST = 1_000_000  # bytes of disk, for Snakemake's own notes


def check(config: Config) -> None:
    """All of it; the first thing that does not fit is said."""
    for one in (
        check_answers,
        check_built_models,
        check_textual,
        check_sweeps,
        check_world,
        check_inspection,
        check_tables,
    ):
        one(config)


def check_answers(config: Config) -> None:
    silent = [
        name
        for name, model in config.models.items()
        if model.generation is None and not model.candidates_from
    ]
    without_pool = [name for name, dataset in config.datasets.items() if dataset.pool is None]
    if silent and without_pool:
        raise LensError(
            f"config: models {silent} have no `generation`, so they cannot answer the test prompts "
            f"of {without_pool}. Give the datasets a `pool`, or the models a `generation`."
        )


def check_built_models(config: Config) -> None:
    """A model that the run builds knows the words of the texts that the run builds, no others."""
    not_built = [name for name, dataset in config.datasets.items() if not built(dataset.pairs.path)]
    loads = {
        f"models.{name}": model.load
        for name, model in config.models.items()
        if not model.candidates_from
    }
    if config.gold:
        loads["gold"] = config.gold.load
    of_the_world = [name for name, load in loads.items() if built(load.model)]
    if not_built and of_the_world:
        raise LensError(
            f"config: {of_the_world} would read {not_built}, but they are the offline world's "
            "models and know only its few words. Name another model under `models` and "
            "`compare.models`; for gold scores set `gold.load.model`, or give a `pool` with "
            "`gold: true`."
        )


def check_textual(config: Config) -> None:
    """That what is trained on text can be: its scales, its reward models."""
    settings = config.textual
    tables = {"table_3", "table_6"} & set(config.artefacts)
    if not settings.methods and not tables:
        return
    _check_jobs(config)
    for method in settings.methods:
        control = CONTROLS.get(TEXT_METHODS[method].training)
        if control and control not in settings.methods:
            raise LensError(
                f"config: textual.methods has {method} but not its control: add {control}."
            )
    for table, section in (("table_3", config.rejection_sampling), ("table_6", settings.table_6)):
        at = At(section.dataset, section.model, config.compare.n_pairs[0])
        if table in tables and at not in text_places(config):
            raise LensError(
                f"config: {table} is for {section.dataset} and {section.model}, which are not "
                "both under `textual` and `compare`. Change its section, or take it out of "
                "`artefacts`."
            )
    if "table_6" in tables:
        _check_cell(config, "textual.table_6", "full_finetune", settings.table_6.scale)
    if "table_3" in tables:
        _check_rejection_sampling(config)
    if settings.annotator.model not in config.models:
        raise LensError(
            f"config: textual.annotator.model {settings.annotator.model!r} is not compared."
        )
    if settings.gpus > 1 and not settings.accelerate:
        raise LensError(
            f"config: textual.gpus {settings.gpus} needs textual.accelerate, which starts one "
            "process a GPU; workflow/accelerate/zero2.yaml is one."
        )
    _check_enough_pairs(config)


def _check_jobs(config: Config) -> None:
    trained = sorted(scale for job in config.textual.jobs.values() for scale in job or [])
    wanted = sorted({1, *config.compare.scales})
    if trained != wanted:
        raise LensError(
            f"config: textual.jobs trains the scales {trained}; it should train each of "
            f"{wanted} (1 and compare.scales) once."
        )


def _check_enough_pairs(config: Config) -> None:
    settings, needed = config.textual, max(config.compare.scales) - 1
    for key, pairs in (
        ("self_rewarding.pairs", settings.self_rewarding.pairs),
        ("responses", settings.responses * (settings.responses - 1) // 2),
    ):
        if pairs < needed:
            raise LensError(
                f"config: textual.{key} makes {pairs} pairs of a prompt at most, but scale "
                f"{needed + 1} needs {needed}. Raise it."
            )


def _check_cell(config: Config, key: str, method: str, scale: int) -> None:
    """LensError unless Table 1 has the method at this scale."""
    textual = config.textual.methods
    if method in textual:
        there = any(scale in scales_of(config, method, job) for job in config.textual.jobs)
    else:
        there = (method, scale) in compared(config)
    if not there:
        raise LensError(
            f"config: {key} is {method} at scale {scale}, which Table 1 does not have. Choose "
            f"among {sorted({*config.compare.methods, *textual})} and the scales of compare.scales "
            "(1 for methods without augmentation)."
        )


def _check_rejection_sampling(config: Config) -> None:
    chosen = config.rejection_sampling
    for name, entry in chosen.reward_models.items():
        if entry:
            key = f"rejection_sampling.reward_models.{name}"
            _check_cell(config, key, entry.method, entry.scale)
    if unknown := set(chosen.judge.compare) - set(chosen.reward_models):
        raise LensError(
            f"config: rejection_sampling.judge.compare names {sorted(unknown)}, not under "
            "rejection_sampling.reward_models."
        )
    judge = chosen.judge
    section = {"model": "load", "endpoint": "endpoint"}[judge.kind]
    if getattr(judge, section) is None:
        raise LensError(
            f"config: rejection_sampling.judge.kind {judge.kind} needs its section `{section}`."
        )


def check_sweeps(config: Config) -> None:
    """That the swept dataset and model are there, if needed."""
    needed = sorted(SWEEPS & set(config.artefacts))
    for key, names in (("dataset", config.datasets), ("model", config.models)):
        chosen = getattr(config.sweeps, key)
        if needed and chosen not in names:
            raise LensError(
                f"config: sweeps.{key} {chosen!r} is not compared: choose one of "
                f"{sorted(names)}, or take {needed} out of `artefacts`."
            )


def check_world(config: Config) -> None:
    strange = [name for name in config.datasets if name not in WORLD_DATASETS]
    wanted = OF_THE_WORLD & set(config.artefacts)
    if wanted and (strange or len(config.compare.models) > 1):
        raise LensError(
            f"config: artefacts {sorted(wanted)} are for one model on `dialogue` and "
            "`summary` of the offline world, whose true reward is known. Take them out of "
            "`artefacts`."
        )


def check_inspection(config: Config) -> None:
    chosen = inspected(config)
    for key in ("dataset", "model", "seed"):
        others = f"{key}s"
        if getattr(chosen, key) not in getattr(config.compare, others):
            raise LensError(
                f"config: inspection.{key} {getattr(chosen, key)!r} is not under compare.{others}."
            )


def check_tables(config: Config) -> None:
    """That Tables 2 and 4, the spread over runs and RewardBench have what they are made of."""
    wanted, compare = set(config.artefacts), config.compare
    textual = {"table_2", "textual_spread"} & wanted
    needed = {"full_finetune", "full_finetune_repeat"} - set(config.textual.methods)
    if textual and needed:
        raise LensError(
            f"config: {sorted(textual)} needs {sorted(needed)} under textual.methods. Add them, or "
            "take it out of `artefacts`."
        )
    if "lens" not in compare.methods and "table_2" in wanted:
        raise LensError("config: table_2 needs `lens` among compare.methods.")
    if "table_4" in wanted:
        _check_compared(config, "table_4", "table_4")
    if "rewardbench_safety" in wanted:
        chosen = config.reward_bench
        if built(chosen.path) and chosen.dataset not in WORLD_DATASETS:
            raise LensError(
                f"config: reward_bench.path {chosen.path} is the offline world's, which says "
                f"nothing about {chosen.dataset}. Give your own file, or null for RewardBench."
            )
        _check_compared(config, "reward_bench", "rewardbench_safety")


def _check_compared(config: Config, section: str, artefact: str) -> None:
    chosen, compare = getattr(config, section), config.compare
    here = chosen.dataset in compare.datasets and chosen.scale in compare.scales
    if not here or getattr(chosen, "model", compare.models[0]) not in compare.models:
        raise LensError(
            f"config: {section} is for {chosen.given()}, which is not all under `compare`. Change "
            f"this section, or take {artefact} out of `artefacts`."
        )


def check_packages(config: Config) -> None:
    """LensError names the extra that a run needs and that is not installed."""
    engines = {model.generation.engine for model in config.models.values() if model.generation}
    if "vllm" in engines:
        _require("engine vllm", "vllm", "vllm")
    table_3 = "table_3" in config.artefacts
    if config.textual.methods or table_3 or "table_6" in config.artefacts:
        _require("training on text", "text", "trl", "peft")
    if table_3 and config.rejection_sampling.judge.kind == "endpoint":
        _require("an endpoint as judge", "endpoint", "openai")


def _require(feature: str, extra: str, *packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise LensError(
            f"config: {feature} needs {' and '.join(missing)}: "
            f'pip install "lens-rm[{extra}]". Without it: textual.methods: [] and no table_3 or '
            "table_6 in `artefacts`, as in workflow/configs/demo.yaml."
        )


def check_templates(config: Config) -> None:
    """LensError where a judge's prompt is missing that the run will need."""
    tables = {"table_3", "table_6"} & set(config.artefacts)
    if config.textual.methods or tables:
        local_files(config.textual.self_rewarding.template)
    if "table_3" in tables:
        local_files(config.rejection_sampling.judge.template)


def check_folder(config: Config) -> None:
    """LensError where Snakemake's notes, the results or the logs could not be written, or the disk
    is full; Snakemake itself would answer with a traceback."""
    for path in map(Path, (".snakemake", config.results, f"logs/{config.run}")):
        folder = next(parent for parent in (path, *path.parents) if parent.is_dir())
        if not os.access(folder, os.W_OK):
            raise LensError(
                f"{folder.resolve()}: cannot be written (read-only, or another user's). Make it "
                "writable and run again; what was finished is kept."
            )
        disk = shutil.disk_usage(folder)
        if disk.total > 0 and disk.free < LEAST:  # some file systems tell no size
            raise LensError(
                f"{folder.resolve()}: the disk is full. Free some space and run again; what was "
                "finished is whole and is kept."
            )
