"""What a run cost: the stages' cost.json files, summed by purpose."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from lens.files.artifacts import read_json
from lens.report.render import duration

GROUPS = {
    "Building the offline world and its models": (
        "build_world",
        "train_base_model",
        "train_gold_model",
    ),
    "Data, embeddings, candidates and their gold scores": (
        "prepare_pairs",
        "prepare_candidates",
        "held_out_prompts",
        "embed_pairs",
        "embed_candidates",
        "generate_candidates",
        "import_gold",
        "score_candidates",
    ),
    "Latent space: VAEs, reward models on embeddings, their controls": (
        "train_vae",
        "train_reward",
        "best_of_n",
    ),
    "Text space: sampling, labelling, training, their controls": (
        "train_annotator",
        "training_prompts",
        "sample_responses",
        "score_responses",
        "score_likelihood",
        "judge_responses",
        "label_pairs",
        "evolve_pairs",
        "train_text",
        "best_of_n_text",
        "embed_responses",
    ),
    "Fine-tuning on picks and judging": (
        "pick_responses",
        "train_sft",
        "sample_sft",
        "score_sft",
        "judge_sft",
    ),
    "Theory": ("theory_points", "fit_theory", "theory"),
    "A closer look: synthetic embeddings, RewardBench": (
        "inspect_synthetic",
        "build_bench",
        "judge_bench",
    ),
}
OTHER = "Other stages"
HEADER = ["for", "jobs", "wall", "processor", "GPU", "peak memory"]
NOTE = (
    "Wall time is summed over jobs, also over jobs that ran at the same time. A job that ran "
    "again counts once, with its last time; jobs of earlier settings count if their results are "
    "still in the run's folder. Shards of one stage count as one job. Drawing tables and figures "
    "is not included."
)


COLUMNS = ["group", "stage", "job", "wall_seconds", "cpu_seconds", "gpu_seconds", "device"]
COLUMNS += ["peak_memory_bytes", "peak_device_memory_bytes"]


def jobs(results: str | Path) -> pd.DataFrame:
    """One row per cost.json in the folder of a run."""
    rows = []
    for file in sorted(Path(results).rglob("cost.json")):
        job, cost = file.parent.relative_to(results), read_json(file)
        stage, on_gpu = job.parts[0], cost["device"] != "cpu"
        group = next((name for name, stages in GROUPS.items() if stage in stages), OTHER)
        about: dict[str, object] = {"group": group, "stage": stage, "job": job.as_posix()}
        about |= {"gpu_seconds": cost["device_seconds"] if on_gpu else 0.0}
        rows.append({column: (about | cost)[column] for column in COLUMNS})
    return pd.DataFrame(rows, columns=COLUMNS)


def printed(jobs: pd.DataFrame) -> list[list[str]]:
    """Rows of text under `HEADER`: one per group of stages, then the total."""
    groups = [(name, jobs[jobs["group"] == name]) for name in (*GROUPS, OTHER)]
    rows = [_row(name, part) for name, part in groups if len(part)]
    return [*rows, _row("All", jobs)]


def _row(name: str, part: pd.DataFrame) -> list[str]:
    gpu = part["gpu_seconds"].sum()
    return [
        name,
        f"{len(part):,}",
        duration(part["wall_seconds"].sum()),
        duration(part["cpu_seconds"].sum()),
        duration(gpu) if gpu else "-",
        f"{part['peak_memory_bytes'].max() / 2**30:.1f} GiB" if len(part) else "-",
    ]


def devices(jobs: pd.DataFrame) -> Mapping[str, int]:
    """{device: number of jobs}."""
    return jobs["device"].value_counts().to_dict()
