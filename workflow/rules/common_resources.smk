"""What jobs ask a cluster for: MB of main memory and minutes, from the size of the model, the rows of
the job and the attempt. Read after common.smk."""

# Minutes on an A100 with a margin of three, for each MB of main memory that the model's entry asks
# for (five bytes a weight): a text of 250 tokens read, a token sampled by Hugging Face generate.
READ, SAMPLED = 4e-8, 7e-10
VLLM = 0.1  # of the time of Hugging Face generate
TWO_DAYS = 2880  # minutes, the longest that many partitions allow
START = 30  # minutes, for a model to come from a slow disk


def grows(amount):
    """MB of memory, a number or a function of wildcards; a retry asks for half as much again."""

    def memory(wildcards, attempt):
        first = amount(wildcards) if callable(amount) else amount
        return first * (attempt + 1) // 2

    return memory


def lasts(amount):
    """Minutes likewise, but no retry asks for over two days where the first did not."""
    longer = grows(amount)

    def minutes(wildcards, attempt):
        return max(longer(wildcards, 1), min(longer(wildcards, attempt), TWO_DAYS))

    return minutes


def memory_of(model):
    """For a job that loads the model: weights pass through main memory on their way."""
    return model.get("mem_mb", 16000)


def memory_for_text(wildcards):
    """For a job that trains on text: every process loads the weights."""
    name = getattr(wildcards, "model", None) or config["textual"]["annotator"]["model"]
    return config["textual"].get("mem_mb") or memory_of(config["models"][name])


model_memory = grows(lambda wildcards: memory_of(config["models"][wildcards.model]))
gold_memory = grows(lambda wildcards: memory_of(config["gold"]))
annotator_memory = grows(lambda wildcards: memory_of(annotator()))
textual_memory = grows(memory_for_text)
# For the embeddings of N pairs for every seed, 0.4 MB a pair at width 5,120.
pairs_memory = grows(lambda wildcards: int(8000 + 0.4 * int(wildcards.n_pairs)))


def minutes_of_pairs(wildcards):
    """Of a network trained on N pairs a scale times over."""
    scale = int(getattr(wildcards, "scale", 4))
    return int(60 + int(wildcards.n_pairs) * scale / 1000)


def minutes_of_text(wildcards):
    """Of a job that trains on text: the pairs that it goes through, as long as at 8B."""
    if hasattr(wildcards, "n_pairs"):
        scales = job_scales(wildcards) if hasattr(wildcards, "job") else config["compare"]["scales"]
        pairs = int(wildcards.n_pairs) * sum(scales) * len(config["compare"]["seeds"])
    else:
        pairs = whole_set(wildcards)[0]
    return int(120 + pairs * 0.012 / max(1, textual_gpus(wildcards)))


pairs_minutes, text_minutes = lasts(minutes_of_pairs), lasts(minutes_of_text)


def whole_set(wildcards):
    """(training pairs, test pairs, test prompts) of the dataset at most, or what is usual."""
    own = config["datasets"][wildcards.dataset]["pairs"]
    usual = {"max_train_pairs": 100000, "max_test_pairs": 10000, "test_prompts": 1000}
    return [own.get(key) or number for key, number in usual.items()]


def texts(stage, wildcards):
    """How many texts a stage reads or samples at this place, all shards together."""
    train, test, prompts = whole_set(wildcards)
    if stage == "embed_pairs":
        return 2 * (train + test)
    if stage in ("generate_candidates", "embed_candidates", "score_candidates"):
        return prompts * candidates(wildcards)
    if wildcards.prompts == "held_out":
        chosen = config["rejection_sampling"]
        return chosen["prompts"] * chosen["candidates"]
    seeds = len(config["compare"]["seeds"])
    return min(train, int(wildcards.prompts[1:]) * seeds) * config["textual"]["responses"]


def candidates(wildcards):
    """Answers to a test prompt at most: the model's, or the pool's as far as the config says."""
    pool = config["datasets"][wildcards.dataset].get("pool")
    name = getattr(wildcards, "model", getattr(wildcards, "source", None))
    own = config["models"].get(name, {}).get("generation", {})
    return (pool.get("max_candidates") if pool else own.get("candidates")) or 16


def shard_minutes(stage):
    """Minutes of one shard of the stage."""

    def minutes(wildcards):
        kind = SHARDED[stage]
        name = getattr(wildcards, "model", None)
        model = config["gold"] if stage == "score_candidates" else config["models"].get(name)
        model = annotator() if stage == "score_responses" else model
        each = READ * memory_of(model)
        if kind == "generation":
            own = model["generation"]
            each *= SAMPLED / READ * own.get("max_new_tokens", 512)
            each *= VLLM if own.get("engine") == "vllm" else 1
        work = texts(stage, wildcards) * each / config["shards"][kind]["jobs"]
        return int(START + work)

    return lasts(minutes)
