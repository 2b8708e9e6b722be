"""What jobs ask a cluster for: MB of main memory and minutes, from the size of the model and the rows
of the job; a retry asks for as much again. Read after common.smk."""

# Minutes on an A100 with a margin of three, for each MB of main memory that the model's entry asks
# for (five bytes a weight): a text of 250 tokens read, a token sampled by Hugging Face generate.
READ, SAMPLED = 4e-8, 7e-10
VLLM = 0.1  # of the time of Hugging Face generate
START = 30  # minutes, for a model to come from a slow disk


def grows(amount):
    return lambda wildcards, attempt: amount * attempt


def model_memory(wildcards, attempt):
    """For a job that loads the model: weights pass through main memory on their way."""
    return config["models"][wildcards.model].get("mem_mb", 16000) * attempt


def gold_memory(wildcards, attempt):
    return config["gold"].get("mem_mb", 16000) * attempt


def annotator_memory(wildcards, attempt):
    return annotator().get("mem_mb", 16000) * attempt


def textual_memory(wildcards, attempt):
    """Of a job that trains on text: every process loads the weights."""
    name = getattr(wildcards, "model", None) or config["textual"]["annotator"]["model"]
    own = config["textual"].get("mem_mb") or config["models"][name].get("mem_mb", 16000)
    return own * attempt


def pairs_memory(wildcards, attempt):
    """Of a job that holds the embeddings of N pairs for every seed: 0.4 MB a pair at width 5,120."""
    return int(8000 + 0.4 * int(wildcards.n_pairs)) * attempt


def pairs_minutes(wildcards, attempt):
    """Of a network trained on N pairs a scale times over."""
    scale = int(getattr(wildcards, "scale", 4))
    return int(60 + int(wildcards.n_pairs) * scale / 1000) * attempt


def text_minutes(wildcards, attempt):
    """Of a job that trains on text: the pairs that it goes through, as long as at 8B."""
    if hasattr(wildcards, "n_pairs"):
        scales = job_scales(wildcards) if hasattr(wildcards, "job") else config["compare"]["scales"]
        pairs = int(wildcards.n_pairs) * sum(scales) * len(config["compare"]["seeds"])
    else:
        pairs = whole_set(wildcards)[0]
    return int(120 + pairs * 0.012 / max(1, textual_gpus(wildcards))) * attempt


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
        return prompts * 16
    if wildcards.prompts == "held_out":
        chosen = config["rejection_sampling"]
        return chosen["prompts"] * chosen["candidates"]
    seeds = len(config["compare"]["seeds"])
    return min(train, int(wildcards.prompts[1:]) * seeds) * config["textual"]["responses"]


def shard_minutes(stage):
    """Minutes of one shard of the stage."""

    def minutes(wildcards, attempt):
        kind = SHARDED[stage]
        name = getattr(wildcards, "model", None)
        model = config["gold"] if stage == "score_candidates" else config["models"].get(name)
        model = annotator() if stage == "score_responses" else model
        each = READ * model.get("mem_mb", 16000)
        if kind == "generation":
            own = model["generation"]
            each *= SAMPLED / READ * own.get("max_new_tokens", 512)
            each *= VLLM if own.get("engine") == "vllm" else 1
        work = texts(stage, wildcards) * each / config["shards"][kind]["jobs"]
        return int(START + work) * attempt

    return minutes
