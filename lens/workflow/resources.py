"""How many rows a job has before it, and what it therefore asks a cluster for: GPUs, MB of main
memory and minutes, from the size of the model, those rows and the attempt."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lens.workflow.cells import job_scales
from lens.workflow.config import Config
from lens.workflow.flags import annotator
from lens.workflow.inputs import SHARDED, jobs_of, picks_from_text
from lens.workflow.paths import Wildcards, built
from lens.workflow.sections import USUAL_MEMORY

# Minutes on an A100 with a margin of three, for each MB of main memory that the model's entry asks
# for (five bytes a weight): a text of 250 tokens read, a token sampled by Hugging Face generate.
READ, SAMPLED = 4e-8, 7e-10
VLLM = 0.1  # of the time of Hugging Face generate
TWO_DAYS = 2880  # minutes, the longest that many partitions allow
START = 30  # minutes, for a model to come from a slow disk
Amount = int | Callable[[Wildcards], int]


def grows(amount: Amount) -> Callable[[Wildcards, int], int]:
    """MB of memory; a retry asks for half as much again."""

    def memory(wildcards: Wildcards, attempt: int) -> int:
        first = amount(wildcards) if callable(amount) else amount
        return first * (attempt + 1) // 2

    return memory


def lasts(amount: Amount) -> Callable[[Wildcards, int], int]:
    """Minutes likewise, but no retry asks for over two days where the first did not."""
    longer = grows(amount)

    def minutes(wildcards: Wildcards, attempt: int) -> int:
        return max(longer(wildcards, 1), min(longer(wildcards, attempt), TWO_DAYS))

    return minutes


def model_memory(config: Config, wildcards: Wildcards) -> int:
    """For a job that loads the model: weights pass through main memory on their way."""
    return config.models[wildcards.model].mem_mb


def gold_memory(config: Config, wildcards: Wildcards) -> int:
    return config.gold.mem_mb if config.gold else USUAL_MEMORY


def annotator_memory(config: Config, wildcards: Wildcards) -> int:
    return annotator(config).mem_mb


def text_memory(config: Config, wildcards: Wildcards) -> int:
    """For a job that trains on text: every process loads the weights."""
    name = getattr(wildcards, "model", config.textual.annotator.model)
    return config.textual.mem_mb or config.models[name].mem_mb


def pairs_memory(wildcards: Wildcards) -> int:
    """For the embeddings of N pairs for every seed, 0.4 MB per pair at width 5,120."""
    return int(8000 + 0.4 * int(wildcards.n_pairs))


def pairs_minutes(wildcards: Wildcards) -> int:
    """Of a network trained on N pairs a scale times over."""
    scale = int(getattr(wildcards, "scale", 4))
    return int(60 + int(wildcards.n_pairs) * scale / 1000)


def cells_minutes(cells: Sequence[Wildcards]) -> int:
    """Of several such networks in one job."""
    return 60 + sum(pairs_minutes(cell) - 60 for cell in cells)


def text_minutes(config: Config, wildcards: Wildcards) -> int:
    """Of a job that trains on text: the pairs that it goes through, as long as at 8B."""
    if hasattr(wildcards, "n_pairs"):
        own = hasattr(wildcards, "job")
        scales = job_scales(config, wildcards) if own else config.compare.scales
        pairs = int(wildcards.n_pairs) * sum(scales) * len(config.compare.seeds)
    else:
        pairs = rows(config, wildcards.dataset).train
    return int(120 + pairs * 0.012 / max(1, text_gpus(config, wildcards)))


def model_gpus(config: Config, wildcards: Wildcards) -> int:
    return config.models[wildcards.model].gpu


def gold_gpus(config: Config, wildcards: Wildcards) -> int:
    return config.gold.gpu if config.gold else 0


def annotator_gpus(config: Config, wildcards: Wildcards) -> int:
    return annotator(config).gpu


def picker_gpus(config: Config, wildcards: Wildcards) -> int:
    return model_gpus(config, wildcards) if picks_from_text(config, wildcards) else 0


def text_gpus(config: Config, wildcards: Wildcards) -> int:
    """Of a job that trains on text; none for a model on the CPU."""
    name = getattr(wildcards, "model", config.textual.annotator.model)
    return config.textual.gpus if config.models[name].gpu else 0


def text_processes(config: Config, wildcards: Wildcards) -> int:
    """One for each GPU."""
    return max(1, text_gpus(config, wildcards))


def world_threads(config: Config, part: str, wildcards: Wildcards) -> int:
    """Those of a part of the offline world."""
    return getattr(config.world, part).threads


def texts(config: Config, stage: str, wildcards: Wildcards) -> int:
    """How many texts a stage reads or samples at this place, all shards together."""
    dataset_rows = rows(config, wildcards.dataset)
    if stage == "embed_pairs":
        return 2 * (dataset_rows.train + dataset_rows.test)
    if stage in ("generate_candidates", "embed_candidates", "score_candidates"):
        return dataset_rows.prompts * candidates(config, wildcards)
    prompts, responses = asked(config, wildcards)
    return prompts * responses


def shard_minutes(config: Config, stage: str, wildcards: Wildcards) -> int:
    """Of one shard of the stage."""
    if stage == "score_candidates":
        memory = gold_memory(config, wildcards)
    elif stage == "score_responses":
        memory = annotator_memory(config, wildcards)
    else:
        memory = model_memory(config, wildcards)
    per_row = READ * memory
    if SHARDED[stage] == "generation":
        generation = config.models[wildcards.model].generation
        per_row *= SAMPLED / READ * (generation.max_new_tokens if generation else 512)
        per_row *= VLLM if generation and generation.engine == "vllm" else 1
    work = texts(config, stage, wildcards) * per_row / jobs_of(config, stage)
    return int(START + work)


class Rows(NamedTuple):
    """Pairs and test prompts of a dataset; mean lengths in tokens."""

    train: int
    test: int
    prompts: int
    prompt: float
    answer: float
    written: float  # an answer of a model


def rows(config: Config, name: str) -> Rows:
    """As the section `plan` states them, within the limits of the dataset's section; rows of a
    local JSONL file are counted."""
    stated = config.plan.texts.get(name) or config.plan.texts["other"]
    dataset, count = config.datasets[name], stated.pairs
    pairs, path = dataset.pairs, dataset.pairs.path or ""
    if built(path):
        count = config.world.texts.pairs
    elif path.endswith(".jsonl") and Path(path).is_file():
        count = lines(path)
    train, test = count, stated.test_pairs or count
    if not (pairs.test_split or pairs.test_path):
        test = round(count * pairs.test_fraction)
        train = count - test
    return Rows(
        train=min(train, pairs.max_train_pairs or train),
        test=min(test, pairs.max_test_pairs or test),
        prompts=(stated.pool_prompts or 1000) if dataset.pool else pairs.test_prompts,
        prompt=stated.prompt,
        answer=stated.answer,
        written=stated.written,
    )


@cache
def lines(path: str) -> int:
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def candidates(config: Config, at: Wildcards) -> int:
    """Answers to a test prompt at most: the model's, or the pool's as far as the config says."""
    pool = config.datasets[at.dataset].pool
    if pool:
        return pool.max_candidates or 16
    name = getattr(at, "source", "") or getattr(at, "model", "")
    model = config.models.get(name)
    if model and model.candidates_from:
        model = config.models[model.candidates_from]
    return model.generation.candidates if model and model.generation else 16


def asked(config: Config, at: Wildcards) -> tuple[int, int]:
    """(prompts, responses to each): held-out ones, or those of the N pairs of any seed, which draw
    from the same training pairs."""
    prompts = getattr(at, "prompts", "") or at.n_pairs
    if prompts == "held_out":
        chosen = config.rejection_sampling
        return chosen.prompts, chosen.candidates
    train = rows(config, at.dataset).train
    missed = (1 - min(1, int(prompts.removeprefix("n")) / train)) ** len(config.compare.seeds)
    return round(train * (1 - missed)), config.textual.responses
