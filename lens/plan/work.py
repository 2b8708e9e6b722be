"""From a job of the graph to its work: which function knows each rule, and a shard's share."""

from collections.abc import Mapping
from dataclasses import replace

from lens.core.errors import LensError
from lens.plan import stages, stages_text
from lens.plan.tasks import Train, Work

KNOWN = {
    "prepare_candidates": stages.table_of_candidates,
    "import_gold": stages.table_of_candidates,
    **{
        name: getattr(stages, name)
        for name in (
            "build_world",
            "train_base_model",
            "train_gold_model",
            "prepare_pairs",
            "embed_pairs",
            "generate_candidates",
            "embed_candidates",
            "score_candidates",
            "train_vae",
            "train_reward",
            "best_of_n",
            "theory_points",
        )
    },
    **{
        name: getattr(stages_text, name)
        for name in (
            "sample_responses",
            "embed_responses",
            "train_annotator",
            "score_responses",
            "score_likelihood",
            "judge_responses",
            "evolve_pairs",
            "train_text",
            "best_of_n_text",
            "pick_responses",
            "train_sft",
            "sample_sft",
            "score_sft",
            "judge_sft",
            "judge_bench",
        )
    },
}
SMALL = (
    "label_pairs",
    "training_prompts",
    "held_out_prompts",
    "build_bench",
    "gather_embeddings",
)
GATHERED = {  # rules that put the shards of a stage into one table
    "gather_candidates": "generate_candidates",
    "gather_gold": "score_candidates",
    "gather_responses": "sample_responses",
    "gather_scores": "score_responses",
}
NOTHING = ("paper", "all", "report", "plan", "prefetch")  # targets, and what is not the run itself
SHARDS = {  # which entry under `shards` cuts a rule's rows
    "embed_pairs": "embedding",
    "embed_candidates": "embedding",
    "embed_responses": "embedding",
    "generate_candidates": "generation",
    "sample_responses": "generation",
    "score_candidates": "gold",
    "score_responses": "gold",
}


def work_of(rule: str, wildcards: Mapping, config: Mapping, gpus: int = 0) -> Work:
    """A job's work; LensError for a rule that asks for a GPU and is not known here."""
    if rule in NOTHING:
        return Work("nothing")
    if rule in KNOWN:
        whole = KNOWN[rule](config, wildcards)
        return share(whole, jobs_of(rule, config)) if "shard" in wildcards else whole
    if rule in GATHERED:
        whole = KNOWN[GATHERED[rule]](config, wildcards)
        return Work("table", rows=whole.rows, disk=whole.disk)
    if gpus:
        raise LensError(
            f"rule {rule} asks for a GPU, but lens/plan/work.py does not know what it does. Add a "
            "function for it there."
        )
    return (stages.small if rule in SMALL else stages.page)(config, wildcards)


def jobs_of(rule: str, config: Mapping) -> int:
    """Into how many jobs the config cuts a rule's rows."""
    return config["shards"][SHARDS[rule]]["jobs"]


def share(work: Work, jobs: int) -> Work:
    """What one of so many shards does: its part of the rows."""
    counted = ("texts", "tokens", "text_tokens", "answers")
    tasks = tuple(
        replace(
            task,
            **{key: getattr(task, key) / jobs for key in counted if hasattr(task, key)},
        )
        for task in work.tasks
        if not isinstance(task, Train)
    )
    return replace(
        work,
        tasks=tasks,
        rows=work.rows / jobs,
        disk=work.disk / jobs,
        stored={key: count / jobs for key, count in work.stored.items()},
    )
