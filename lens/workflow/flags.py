"""The words of commands: sections of the config as flags, quoted for a shell."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NewType

from lens.core.errors import LensError
from lens.language.settings import LoadSettings
from lens.textspace.methods import TEXT_METHODS
from lens.workflow.cells import ACTIVE, base_method, inspected, variants
from lens.workflow.config import Config
from lens.workflow.inputs import (
    SHARDED,
    STAGE_OF_LABELS,
    bench_text_methods,
    candidate_table,
    embedded,
    gold_table,
    jobs_of,
    text_files,
    vae_files,
)
from lens.workflow.paths import At, Wildcards, cell, data_at, local_files, model_files, seed_files
from lens.workflow.sections import Model

Words = NewType("Words", str)  # that a shell reads as they stand


def flags(settings: Mapping[str, object]) -> Words:
    """Settings as command-line flags: {"noise_variance": 0.01} -> --noise-variance 0.01.
    Every text arrives as it stands, whatever a shell makes of its characters."""
    parts = []
    for name, value in settings.items():
        if value is None or value is False:
            continue
        flag = f"--{name.replace('_', '-')}"
        texts = value if isinstance(value, list) else [value]
        for text in filter(lambda text: isinstance(text, str), texts):
            if "\0" in text or (text.startswith("-") and texts is value):
                raise LensError(
                    f"config: {name} {text!r}: a command line cannot take it. Choose one without "
                    "NUL characters and, in a list, without a dash at its beginning."
                )
        if isinstance(value, dict):
            parts += [flag, json.dumps(value)]
        elif isinstance(value, list):
            parts += [flag, *map(str, value)]
        elif value is True:
            parts.append(flag)
        elif isinstance(value, str) and value.startswith("-"):  # else it would be taken for a flag
            parts.append(f"{flag}={value}")
        else:
            parts += [flag, str(value)]
    return Words(shlex.join(parts))


def pairs_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    pairs = config.datasets[wildcards.dataset].pairs.given()
    return flags({**pairs, "pool": str(input.pool[0]) if input.pool else None})


def pool_flags(config: Config, wildcards: Wildcards) -> Words:
    """Of the pool's file; the gold field is for import_gold alone."""
    pool = config.datasets[wildcards.dataset].pool
    return flags(
        pool.model_dump(exclude_unset=True, exclude={"gold", "gold_field"}) if pool else {}
    )


def pool_gold_flags(config: Config, wildcards: Wildcards) -> Words:
    pool = config.datasets[wildcards.dataset].pool
    field = flags({"gold_field": pool.gold_field if pool else None})
    return Words(f"{pool_flags(config, wildcards)} {field}")


def embedding_flags(config: Config, wildcards: Wildcards) -> Words:
    model = config.models[wildcards.model]
    return flags(model.load.given() | model.embedding.given())


def generation_flags(config: Config, wildcards: Wildcards) -> Words:
    model = config.models[wildcards.model]
    return flags(model.load.given() | (model.generation.given() if model.generation else {}))


def sampling_flags(config: Config, wildcards: Wildcards) -> Words:
    """For responses: the model's own settings, with what the sampling entry changes."""
    model, text = config.models[wildcards.model], config.textual
    count = text.responses
    if wildcards.prompts == "held_out":
        count = config.rejection_sampling.candidates
    generation = model.generation.given() if model.generation else {}
    changed = text.sampling[wildcards.sampling].given()
    return flags(model.load.given() | generation | changed | {"candidates": count})


def gold_flags(config: Config, wildcards: Wildcards) -> Words:
    if config.gold is None:
        raise LensError("config: no gold model is needed, and so none is used.")
    return flags(config.gold.load.given() | {"batch_tokens": config.gold.batch_tokens})


def likelihood_flags(config: Config, wildcards: Wildcards) -> Words:
    model = config.models[wildcards.model]
    return flags(model.load.given() | {"batch_tokens": model.embedding.batch_tokens})


def shard_flags(config: Config, stage: str, wildcards: Wildcards) -> Words:
    """Of a job for one shard."""
    flush = getattr(config.shards, SHARDED[stage]).flush
    return flags({"shard": wildcards.shard, "shards": jobs_of(config, stage), "flush": flush})


def world_flags(config: Config, part: str, wildcards: Wildcards) -> Words:
    """Of a part of the offline world."""
    return flags(getattr(config.world, part).given())


def vae_flags(config: Config, wildcards: Wildcards) -> Words:
    variant = variants(config).get(wildcards.vae)
    own = variant.own if variant else {"active": wildcards.vae == ACTIVE}
    return flags(config.training.given() | config.vae.given() | own)


def reward_flags(config: Config, wildcards: object) -> Words:
    """Of every reward model of embeddings."""
    settings = config.training.given() | config.synthesis.given() | config.reward.given()
    return flags({"seeds": config.compare.seeds} | settings)


def training_command(config: Config, at: At) -> Words:
    """The command that trains, with the flags that all cells of a place share."""
    index, *_ = embedded(config, "embed_pairs", f"{at.dataset}/{at.model}")
    pairs = f"{config.results}/prepare_pairs/{at.dataset}/pairs.parquet"
    shared = flags({"pairs": pairs, "embeddings": index, "n_pairs": at.n_pairs})
    return Words(f"train-reward {shared} {reward_flags(config, at)}")


def judging_command(config: Config, at: At) -> Words:
    """Likewise for the command that judges."""
    place = f"{at.dataset}/{at.model}"
    shared = {
        "pairs": f"{config.results}/prepare_pairs/{at.dataset}/pairs.parquet",
        "pair_embeddings": embedded(config, "embed_pairs", place)[0],
        "candidates": candidate_table(config, at)[0],
        "candidate_embeddings": embedded(config, "embed_candidates", place)[0],
        "gold": gold_table(config, at),
    }
    words = flags(shared | at._asdict() | {"seeds": config.compare.seeds})
    return Words(f"best-of-n {words}")


def of_cells(
    config: Config, cells: Sequence[Wildcards], function: Callable[[Config, Wildcards], Words]
) -> list[str]:
    """METHOD/xSCALE and the cell's own flags, a text for each cell."""
    return [f"{shlex.quote(cell.row)} {function(config, cell)}" for cell in cells]


def training_cell_flags(config: Config, wildcards: Wildcards) -> Words:
    """Of one method and scale: what it is made of, where it goes, and what differs for it."""
    place, text = data_at(wildcards), text_files(config, wildcards)[:3]
    vae, variant = vae_files(config, wildcards), variants(config).get(wildcards.method)
    names = ("synthetic", "responses", "response_embeddings")
    options: dict[str, object] = {"method": base_method(config, wildcards.method)}
    options |= {"scale": str(wildcards.scale), "vae_dir": str(Path(vae[0]).parent) if vae else None}
    options |= dict(zip(names, text, strict=bool(text)))
    options |= variant.own if variant and variant.section == "synthesis" else {}
    out = cell(config, "train_reward", place, wildcards.method, wildcards.scale)
    return flags(options | {"out_dir": out})


def judging_cell_flags(config: Config, wildcards: Wildcards) -> Words:
    """Of one method and scale: its reward models, and where what they pick goes."""
    place, (method, scale) = data_at(wildcards), (wildcards.method, str(wildcards.scale))
    trained, out = (cell(config, s, place, method, scale) for s in ("train_reward", "best_of_n"))
    options = {"method": method, "scale": scale, "models": seed_files(config, trained)}
    options |= {"training": f"{trained}/metrics.json"}
    options |= {"out_prompts": f"{out}/prompts.parquet", "out_pairs": f"{out}/pairs.parquet"}
    return flags(options | {"metrics": f"{out}/metrics.json"})


def theory_flags(config: Config, wildcards: Wildcards) -> Words:
    """Of theory-points: its own section, and the pipeline's with what it changes."""
    theory = config.theory.given()
    parts = {
        "vae": config.vae.model_dump() | theory.pop("vae", {}),
        "reward": config.reward.model_dump() | theory.pop("reward", {}),
        "synthesis": config.synthesis.model_dump(),
    }
    theory.pop("mem_mb", None)
    return flags(config.training.given() | theory | parts)


def inspection_flags(config: Config, wildcards: Wildcards) -> Words:
    """Of inspect-synthetic."""
    chosen = inspected(config)._asdict() | {"methods": config.inspection.methods}
    synthesis = {"synthesis": config.synthesis.model_dump()}
    return flags(config.training.given() | chosen | synthesis)


def scoring(load: LoadSettings, model: Model) -> dict:
    """For texts to be scored by a reward model trained from this entry of `models`."""
    keys = ("precision", "device", "text_style", "max_length", "too_long", "threads")
    given = load.given()
    chosen = {key: given[key] for key in keys if key in given}
    return chosen | {"batch_tokens": model.embedding.given().get("batch_tokens")}


def scoring_flags(config: Config, wildcards: Wildcards) -> Words:
    model = config.models[wildcards.model]
    return flags(scoring(model.load, model))


def annotator(config: Config) -> Model:
    """The entry under `models` that the annotator is trained from."""
    return config.models[config.textual.annotator.model]


def annotator_scoring_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    settings = scoring(annotator(config).load, annotator(config))
    return flags({"annotator": str(input.annotator)} | settings)


def finetuning(config: Config, training: str) -> dict:
    """The settings of `finetuning` and of "full" or "lora", which may change them."""
    training_section = config.textual.lora if training == "lora" else config.textual.full
    options = config.textual.finetuning.given() | training_section.given()
    return options | ({"lora": True} if training == "lora" else {})


def annotator_flags(config: Config, wildcards: Wildcards) -> Words:
    options = config.textual.annotator.given()
    options.pop("model")
    settings = finetuning(config, "lora" if options.pop("lora", False) else "full")
    return flags(annotator(config).load.given() | settings | options)


def text_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    """Of a textual method: its synthetic pairs, its model, and how it is trained."""
    synthetic = {"synthetic": str(input.synthetic[0]) if input.synthetic else None}
    settings = finetuning(config, TEXT_METHODS[wildcards.method].training)
    return flags(synthetic | config.models[wildcards.model].load.given() | settings)


def evolving_flags(config: Config, wildcards: Wildcards) -> Words:
    settings = config.textual.self_evolved.given() | finetuning(config, "full")
    return flags(config.models[wildcards.model].load.given() | settings)


def sft_flags(config: Config, wildcards: Wildcards) -> Words:
    settings = config.rejection_sampling.sft.given()
    return flags(config.models[wildcards.model].load.given() | settings)


def self_rewarding_flags(config: Config, wildcards: Wildcards) -> Words:
    """A judge reads two answers and a prompt of its own: more than the model's `max_length`."""
    load, own = config.models[wildcards.model].load, config.textual.self_rewarding
    return flags(load.given() | own.given() | {"max_length": own.max_length})


def judge_flags(config: Config, wildcards: Wildcards) -> Words:
    """Of the judge of Table 3, a local model or an endpoint."""
    judge = config.rejection_sampling.judge
    apart = {"kind", "compare", "gpu", "load", "endpoint"}
    options = judge.model_dump(exclude_unset=True, exclude=apart)
    if judge.kind == "model":
        return flags(options | (judge.load.given() if judge.load else {}))
    endpoint = judge.endpoint.given() if judge.endpoint else {}
    return flags(options | endpoint | {"cache": f"{config.results}/judge_answers.jsonl"})


def labels_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    """Synthetic pairs are labelled once, for the largest scale that is trained on them."""
    standard = wildcards.sampling == "standard"
    scale = max(config.compare.scales) if standard else config.textual.table_6.scale
    kind = STAGE_OF_LABELS[wildcards.labels][1]
    return flags({"scale": scale, kind: str(input.labels)})


def training_prompts_flags(config: Config, wildcards: Wildcards) -> Words:
    return flags({"n_pairs": wildcards.n_pairs, "seeds": config.compare.seeds})


def held_out_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    chosen = config.rejection_sampling
    test_prompts = str(input.test_prompts)
    return flags({"test_prompts": test_prompts, "count": chosen.prompts, "seed": chosen.seed})


def picking_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    """Of the reward model that picks: the embeddings that it reads, if any, and how it reads."""
    model = config.models[wildcards.model]
    index = str(input.embeddings[0]) if input.embeddings else None
    return flags({"embeddings": index} | scoring(model.load, model))


def launch(config: Config, wildcards: Wildcards) -> Words:
    """How a job that trains on text starts: by itself, or through accelerate."""
    textual = config.textual
    if textual.accelerate is None:
        return Words("python -m lens")
    (file,) = local_files(textual.accelerate)
    quoted = shlex.quote(file)
    return Words(f"accelerate launch --config_file {quoted} --num_processes {textual.gpus} -m lens")


def bench_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    revision = config.reward_bench.revision
    source = {"data": list(map(str, input.data))} if input.data else {"data_revision": revision}
    return Words(f"{flags(source)} {embedding_flags(config, wildcards)}")


def bench_text_flags(config: Config, wildcards: Wildcards, input: Wildcards) -> Words:
    if not input.texts:
        return Words("")
    methods = bench_text_methods(config, wildcards)
    scale = config.reward_bench.scale
    texts = list(map(str, input.texts))
    return flags({"texts": texts, "text_methods": methods, "text_scale": scale})


REWARD_BENCH = "allenai/reward-bench"  # what judge-bench reads where no file is given


def hub_downloads(config: Config, wildcards: object) -> Words:
    """The flags of prefetch: Hub models and datasets of this config, each with its revision."""
    loads = [model.load for model in config.models.values() if not model.embedding.base_url]
    loads += [config.gold.load] if config.gold else []
    judge = config.rejection_sampling.judge
    if "table_3" in config.artefacts and judge.kind == "model" and judge.load:
        loads.append(judge.load)
    downloads: dict[str, list[str]] = {"models": [], "models_with_code": [], "datasets": []}
    for load in loads:
        if not model_files(load.model):
            key = "models_with_code" if load.trust_remote_code else "models"
            downloads[key].append(_spec(load.model, load.revision))
    for dataset in config.datasets.values():
        if dataset.pairs.hub:
            downloads["datasets"].append(_spec(dataset.pairs.hub, dataset.pairs.revision))
    bench = config.reward_bench
    if "rewardbench_safety" in config.artefacts and not bench.path:
        downloads["datasets"].append(_spec(REWARD_BENCH, bench.revision))
    return flags({key: sorted(set(specs)) for key, specs in downloads.items() if specs})


def _spec(name: str, revision: str | None) -> str:
    return f"{name}@{revision or 'main'}"
