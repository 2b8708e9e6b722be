"""What jobs ask a cluster for: GPUs, MB of main memory and minutes, from the size of the model, the
rows of the job and the attempt."""

from collections.abc import Callable

from lens.workflow.cells import job_scales
from lens.workflow.config import Config
from lens.workflow.flags import annotator
from lens.workflow.inputs import SHARDED, jobs_of, picks_from_text
from lens.workflow.paths import Wildcards
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
    """For the embeddings of N pairs for every seed, 0.4 MB a pair at width 5,120."""
    return int(8000 + 0.4 * int(wildcards.n_pairs))


def pairs_minutes(wildcards: Wildcards) -> int:
    """Of a network trained on N pairs a scale times over."""
    scale = int(getattr(wildcards, "scale", 4))
    return int(60 + int(wildcards.n_pairs) * scale / 1000)


def text_minutes(config: Config, wildcards: Wildcards) -> int:
    """Of a job that trains on text: the pairs that it goes through, as long as at 8B."""
    if hasattr(wildcards, "n_pairs"):
        own = hasattr(wildcards, "job")
        scales = job_scales(config, wildcards) if own else config.compare.scales
        pairs = int(wildcards.n_pairs) * sum(scales) * len(config.compare.seeds)
    else:
        pairs = whole_set(config, wildcards)[0]
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


def whole_set(config: Config, wildcards: Wildcards) -> list[int]:
    """[training pairs, test pairs, test prompts] of the dataset at most, or what is usual."""
    own = config.datasets[wildcards.dataset].pairs.given()
    usual = {"max_train_pairs": 100000, "max_test_pairs": 10000, "test_prompts": 1000}
    return [own.get(key) or number for key, number in usual.items()]


def texts(config: Config, stage: str, wildcards: Wildcards) -> int:
    """How many texts a stage reads or samples at this place, all shards together."""
    train, test, prompts = whole_set(config, wildcards)
    if stage == "embed_pairs":
        return 2 * (train + test)
    if stage in ("generate_candidates", "embed_candidates", "score_candidates"):
        return prompts * candidates(config, wildcards)
    if wildcards.prompts == "held_out":
        chosen = config.rejection_sampling
        return chosen.prompts * chosen.candidates
    seeds = len(config.compare.seeds)
    return min(train, int(wildcards.prompts[1:]) * seeds) * config.textual.responses


def candidates(config: Config, wildcards: Wildcards) -> int:
    """Answers to a test prompt at most: the model's, or the pool's as far as the config says."""
    pool = config.datasets[wildcards.dataset].pool
    if pool:
        return pool.max_candidates or 16
    model = config.models.get(getattr(wildcards, "model", getattr(wildcards, "source", "")))
    return model.generation.candidates if model and model.generation else 16


def shard_minutes(config: Config, stage: str, wildcards: Wildcards) -> int:
    """Of one shard of the stage."""
    if stage == "score_candidates":
        memory = gold_memory(config, wildcards)
    elif stage == "score_responses":
        memory = annotator_memory(config, wildcards)
    else:
        memory = model_memory(config, wildcards)
    each = READ * memory
    if SHARDED[stage] == "generation":
        own = config.models[wildcards.model].generation
        each *= SAMPLED / READ * (own.max_new_tokens if own else 512)
        each *= VLLM if own and own.engine == "vllm" else 1
    work = texts(config, stage, wildcards) * each / jobs_of(config, stage)
    return int(START + work)
