"""What a run reads of the Hugging Face Hub, for `lens prefetch`."""

from lens.workflow.config import Config
from lens.workflow.flags import Words, flags
from lens.workflow.paths import model_files

REWARD_BENCH = "allenai/reward-bench"  # what judge-bench reads where no file is given


def hub_downloads(config: Config, wildcards: object) -> Words:
    """The flags of prefetch: Hub models and datasets of this config, each with its revision."""
    loads = [model.load for model in config.models.values()]
    loads += [config.gold.load] if config.gold else []
    judge = config.rejection_sampling.judge
    if "table_3" in config.artefacts and judge.kind == "model" and judge.load:
        loads.append(judge.load)
    found: dict[str, list[str]] = {"models": [], "models_with_code": [], "datasets": []}
    for load in loads:
        if not model_files(load.model):
            key = "models_with_code" if load.trust_remote_code else "models"
            found[key].append(_spec(load.model, load.revision))
    for dataset in config.datasets.values():
        if dataset.pairs.hub:
            found["datasets"].append(_spec(dataset.pairs.hub, dataset.pairs.revision))
    bench = config.reward_bench
    if "rewardbench_safety" in config.artefacts and not bench.path:
        found["datasets"].append(_spec(REWARD_BENCH, bench.revision))
    return flags({key: sorted(set(specs)) for key, specs in found.items() if specs})


def _spec(name: str, revision: str | None) -> str:
    return f"{name}@{revision or 'main'}"
