"""What jobs read: files of the results and files that the config names, by a job's wildcards."""

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from lens.reward.methods import METHODS
from lens.textspace.methods import TEXT_METHODS
from lens.workflow.cells import (
    FULL,
    PROBES,
    base_method,
    inspected,
    latent_cells,
    scale_job,
    vae_name,
)
from lens.workflow.config import Config
from lens.workflow.paths import (
    At,
    Wildcards,
    cell,
    data_at,
    local_files,
    model_files,
    seed_files,
    text_cell,
)

IMPORTS = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>[\w.]+)[ \t]+)?import[ \t]+"
    r"(?:\((?P<several>[^)]*)\)|(?P<one>[^\n#]*))",
    re.MULTILINE,
)
# What replaces the annotator's labels: the stage, and what its file is called.
STAGE_OF_LABELS = {
    "annotator": ("score_responses", "scores"),
    "ipo": ("score_likelihood", "scores"),
    "self_rewarding": ("judge_responses", "verdicts"),
}
SHARDED = {  # stages, and the entry of `shards` that says how they are split
    "embed_pairs": "embedding",
    "embed_candidates": "embedding",
    "embed_responses": "embedding",
    "generate_candidates": "generation",
    "sample_responses": "generation",
    "score_candidates": "gold",
    "score_responses": "gold",
}


def jobs_of(config: Config, stage: str) -> int:
    """How many jobs the stage is split into."""
    return getattr(config.shards, SHARDED[stage]).jobs


def shard_files(config: Config, stage: str, setting: str, suffix: str = "safetensors") -> list[str]:
    """Those of all jobs of a stage; inputs next to their index: one that is lost is made again."""
    folder = f"{config.results}/{stage}/{setting}/shards"
    return [f"{folder}/{shard}.{suffix}" for shard in range(jobs_of(config, stage))]


def gathered(config: Config, suffix: str, wildcards: Wildcards) -> list[str]:
    """The shards of the stage and place in a gathering job's wildcards."""
    return shard_files(config, wildcards.stage, wildcards.place, suffix)


def shards_here(config: Config, stage: str, suffix: str, wildcards: Wildcards) -> list[str]:
    """The stage's shards at the place that all of a job's wildcards make up, in their order."""
    return shard_files(config, stage, "/".join(wildcards), suffix)


def embedded(config: Config, stage: str, setting: str) -> list[str]:
    """An index of embeddings, first, and its shards."""
    return [
        f"{config.results}/{stage}/{setting}/embeddings.json",
        *shard_files(config, stage, setting),
    ]


def embedded_at(config: Config, stage: str, at: Wildcards) -> list[str]:
    """The same at the dataset and model of a place."""
    return embedded(config, stage, f"{at.dataset}/{at.model}")


def shards_of(config: Config, stage: str, wildcards: Wildcards) -> list[str]:
    return shard_files(config, stage, f"{wildcards.dataset}/{wildcards.model}")


def set_damaged_aside(config: Config) -> None:
    """Shards that a job found damaged: the next run makes them again."""
    for stage in SHARDED:
        for mark in Path(f"{config.results}/{stage}").glob("**/shards/*.damaged"):
            shard = mark.with_suffix("")
            if shard.is_file():
                shard.replace(mark)


def own_model(config: Config, wildcards: Wildcards) -> list[str]:
    """The files of the model in the wildcards; none where it is behind an endpoint."""
    model = config.models[wildcards.model]
    return [] if model.embedding.base_url else model_files(model.load.model)


def gold_model(config: Config, wildcards: Wildcards) -> list[str]:
    return model_files(config.gold.load.model) if config.gold else []


def annotator_model(config: Config, wildcards: Wildcards) -> list[str]:
    return model_files(config.models[config.textual.annotator.model].load.model)


def pairs_files(config: Config, wildcards: Wildcards) -> list[str]:
    pairs = config.datasets[wildcards.dataset].pairs
    return local_files(pairs.path, pairs.test_path)


def pool_files(config: Config, wildcards: Wildcards) -> list[str]:
    pool = config.datasets[wildcards.dataset].pool
    return local_files(pool.path) if pool else []


def pool_candidates(config: Config, wildcards: Wildcards) -> list[str]:
    """The pool's candidates, whose prompts may not train, where the dataset brings a pool."""
    if config.datasets[wildcards.dataset].pool is None:
        return []
    return [f"{config.results}/prepare_candidates/{wildcards.dataset}/candidates.parquet"]


def source_of(config: Config, wildcards: Wildcards) -> str:
    """Where candidates come from: the dataset's pool, or else the base model."""
    if config.datasets[wildcards.dataset].pool:
        return "pool"
    return config.models[wildcards.model].candidates_from or wildcards.model


def candidate_table(config: Config, wildcards: Wildcards) -> list[str]:
    source = getattr(wildcards, "source", None) or source_of(config, wildcards)
    if source == "pool":
        return pool_candidates(config, wildcards)
    folder = f"{config.results}/generate_candidates/{wildcards.dataset}/{source}"
    return [f"{folder}/candidates.parquet"]


def gold_table(config: Config, wildcards: Wildcards) -> str:
    pool = config.datasets[wildcards.dataset].pool
    if pool and pool.gold:
        return f"{config.results}/import_gold/{wildcards.dataset}/gold.parquet"
    folder = f"{config.results}/score_candidates/{wildcards.dataset}"
    return f"{folder}/{source_of(config, wildcards)}/gold.parquet"


def vae_folder(config: Config, at: At, name: str) -> str:
    """Of the VAEs that a method decodes with."""
    return f"{config.results}/train_vae/{at}/{vae_name(config, name)}"


def vae_files(config: Config, wildcards: Wildcards) -> list[str]:
    method = METHODS.get(base_method(config, wildcards.method))  # embedding_mlp is none of them
    if method is None or not method.needs_vae:
        return []
    return seed_files(config, vae_folder(config, data_at(wildcards), wildcards.method))


def of_cells(
    config: Config, cells: Sequence[Wildcards], function: Callable[[Config, Wildcards], list[str]]
) -> list[str]:
    """What a function of one cell says of several, once each."""
    return list(dict.fromkeys(file for cell in cells for file in function(config, cell)))


def prompt_table(config: Config, wildcards: Wildcards) -> str:
    """The prompts to be answered: those of N training pairs, or the held-out ones."""
    if wildcards.prompts == "held_out":
        return f"{config.results}/held_out_prompts/{wildcards.dataset}/prompts.parquet"
    folder = f"{config.results}/training_prompts/{wildcards.dataset}"
    return f"{folder}/{wildcards.prompts}/prompts.parquet"


def labels_file(config: Config, wildcards: Wildcards) -> str:
    stage, kind = STAGE_OF_LABELS[wildcards.labels]
    place = f"{data_at(wildcards)}/{wildcards.sampling}"
    return f"{config.results}/{stage}/{place}/{kind}.parquet"


def synthetic_pairs(config: Config, wildcards: Wildcards) -> list[str]:
    """The synthetic pairs that a textual method trains on; nothing for a repeat control."""
    labels = TEXT_METHODS[wildcards.method].labels
    if labels is None:
        return []
    place = f"{data_at(wildcards)}/{getattr(wildcards, 'sampling', 'standard')}"
    if labels == "self_evolved":
        return [f"{config.results}/evolve_pairs/{place}/pairs.parquet"]
    return [f"{config.results}/label_pairs/{place}/{labels}/pairs.parquet"]


def text_files(config: Config, wildcards: Wildcards) -> list[str]:
    """What embedding_mlp trains on besides the pairs: synthetic text and its embeddings."""
    if wildcards.method != "embedding_mlp":
        return []
    place = f"{data_at(wildcards)}/standard"
    return [
        *synthetic_pairs(config, wildcards),
        f"{config.results}/sample_responses/{place}/responses.parquet",
        *embedded(config, "embed_responses", place),
    ]


def picks_from_text(config: Config, wildcards: Wildcards) -> bool:
    """Whether the reward model that picks reads text, not embeddings."""
    picker = config.rejection_sampling.reward_models[wildcards.picker]
    row = TEXT_METHODS.get(picker.method) if picker else None
    return row is not None and row.training != "mlp"


def picking_models(config: Config, wildcards: Wildcards) -> list[str]:
    """The reward model of every seed, a file or a folder that holds those of all scales."""
    if not picks_from_text(config, wildcards):
        return picking_paths(config, wildcards)
    return [str(Path(path).parents[1]) for path in picking_paths(config, wildcards)[:1]]


def picking_paths(config: Config, wildcards: Wildcards) -> list[str]:
    """The reward model of every seed, a file or a folder."""
    chosen = config.rejection_sampling.reward_models[wildcards.picker]
    assert chosen is not None
    at = data_at(wildcards)
    if picks_from_text(config, wildcards):
        job = scale_job(config, chosen.scale)
        models = f"{text_cell(config, 'train_text', at, chosen.method, job)}/models"
        return [f"{models}/x{chosen.scale}/seed_{seed}" for seed in config.compare.seeds]
    return seed_files(config, cell(config, "train_reward", at, chosen.method, chosen.scale))


def picking_embeddings(config: Config, wildcards: Wildcards) -> list[str]:
    if picks_from_text(config, wildcards):
        return []
    place = f"{wildcards.dataset}/{wildcards.model}/held_out/standard"
    return embedded(config, "embed_responses", place)


def answers_to_judge(config: Config, wildcards: Wildcards) -> list[str]:
    return [
        f"{config.results}/sample_sft/{data_at(wildcards)}/{name}/answers.parquet"
        for name in config.rejection_sampling.judge.compare
    ]


def judge_files(config: Config, wildcards: Wildcards) -> list[str]:
    """The local judge's files; nothing for an endpoint."""
    judge = config.rejection_sampling.judge
    return model_files(judge.load.model) if judge.kind == "model" and judge.load else []


def judge_template(config: Config, wildcards: Wildcards) -> list[str]:
    return local_files(config.rejection_sampling.judge.template)


def bench_data(config: Config, wildcards: Wildcards) -> list[str]:
    """RewardBench's rows in a file; nothing where they come from the Hub."""
    return local_files(config.reward_bench.path)


def bench_heads(config: Config, wildcards: Wildcards) -> list[str]:
    """Folders of the reward models of embeddings that are judged on RewardBench."""
    scale = config.reward_bench.scale
    rows = [("original", 1), ("repeat", scale), ("lens", scale), *((p, 1) for p in PROBES)]
    return latent_cells(config, [data_at(wildcards)], rows, "train_reward")


def bench_head_files(config: Config, wildcards: Wildcards) -> list[str]:
    return [
        file
        for folder in bench_heads(config, wildcards)
        for file in [f"{folder}/metrics.json", *seed_files(config, folder)]
    ]


def bench_text_methods(config: Config, wildcards: Wildcards) -> list[str]:
    textual = config.textual
    if wildcards.dataset not in textual.datasets or wildcards.model not in textual.models:
        return []
    return [method for method in FULL if method in textual.methods]


def bench_texts(config: Config, wildcards: Wildcards) -> list[str]:
    """Folders of the text reward models that are judged on RewardBench."""
    scale, at = config.reward_bench.scale, data_at(wildcards)
    return [
        f"{text_cell(config, 'train_text', at, method, scale_job(config, scale))}/models"
        for method in bench_text_methods(config, wildcards)
    ]


def inspected_vae(config: Config, name: str = "lens", seed: int | None = None) -> str:
    """The VAE that a method decodes with, of the seed looked at or of another."""
    chosen = inspected(config)
    number = chosen.seed if seed is None else seed
    return f"{vae_folder(config, chosen.at, name)}/seed_{number}.safetensors"


def inspected_seeds(config: Config) -> list[int]:
    """All seeds, the one looked at first."""
    first = inspected(config).seed
    return [first, *(seed for seed in config.compare.seeds if seed != first)]


def gamma_vaes(config: Config) -> dict[float, list[str]]:
    """VAEs of all seeds by gamma, for Figure 3: the values of sweeps.gamma and the config's own."""
    names = {gamma: f"gamma_{gamma}" for gamma in config.sweeps.gamma}
    return {
        gamma: [inspected_vae(config, name, seed) for seed in inspected_seeds(config)]
        for gamma, name in {**names, config.vae.gamma: "lens"}.items()
    }


def code(root: Path, command: str, *, trains: bool = True) -> list[str]:
    """The command's module below `root` and all of lens that it imports, wherever in a file.

    Tables and figures, which train nothing, take names and colours from the table of methods: of
    what that imports they depend on nothing. Packages' own `__init__.py` are not followed: they are
    empty.
    """
    methods = {root / f"lens/reward/{name}.py" for name in ("method", "methods")}
    files: set[Path] = set()
    waiting = [root / "lens/cli" / f"{command}.py"]
    while waiting:
        file = waiting.pop()
        if file not in files and file.is_file():
            files.add(file)
            waiting += imported(root, file) if trains or file not in methods else []
    return sorted(map(str, files))


@functools.cache
def imported(root: Path, file: Path) -> set[Path]:
    """Where the modules of lens that a source file imports would lie. Found by pattern: parsing 260
    files took a third of what `snakemake -n` takes."""
    names: set[str] = set()
    for match in IMPORTS.finditer(file.read_text(encoding="utf-8")):
        module, listed = match["module"], match["several"] or match["one"]
        here = re.findall(r"(?<!as )\b[\w.]+", listed)
        names |= {module} | {f"{module}.{name}" for name in here} if module else set(here)
    return {root / f"{name.replace('.', '/')}.py" for name in names if name.startswith("lens.")}
