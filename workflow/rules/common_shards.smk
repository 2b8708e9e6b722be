"""Helpers for stages whose work is split into shards; read after common.smk."""

SHARDED = {  # stages, and the entry of `shards` that says how they are split
    "embed_pairs": "embedding",
    "embed_candidates": "embedding",
    "embed_responses": "embedding",
    "generate_candidates": "generation",
    "sample_responses": "generation",
    "score_candidates": "gold",
    "score_responses": "gold",
}


def shard_flags(stage):
    """The flags of a job for one shard; Snakemake puts in the wildcard."""
    own = config["shards"][SHARDED[stage]]
    return f"--shard {{shard}} --shards {own['jobs']} --flush {own['flush']}"


def shard_numbers(stage):
    return range(config["shards"][SHARDED[stage]]["jobs"])


def embedding_shards(stage, place):
    """The shards that an index names, beside it as inputs: one that is lost is made anew."""
    return [
        f"results/{config['run']}/{stage}/{place}/shards/{shard}.safetensors"
        for shard in shard_numbers(stage)
    ]


def shards_of(wildcards):
    """The embedding shards of the stage and place in a gathering job's wildcards."""
    return embedding_shards(wildcards.stage, wildcards.place)


def reports_of(wildcards):
    return [shard.replace(".safetensors", ".json") for shard in shards_of(wildcards)]


def set_damaged_aside():
    """Shards that a job has found damaged, so that the next run makes them anew."""
    for stage in SHARDED:
        for mark in Path(f"results/{config['run']}/{stage}").glob("**/shards/*.damaged"):
            shard = mark.with_suffix("")
            if shard.is_file():
                shard.replace(mark)


def pair_shards(wildcards):
    return embedding_shards("embed_pairs", f"{wildcards.dataset}/{wildcards.model}")


def candidate_shards(wildcards):
    return embedding_shards("embed_candidates", f"{wildcards.dataset}/{wildcards.model}")
