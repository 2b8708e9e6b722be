"""What a run reads of the Hugging Face Hub, for the rule `prefetch`; read after common.smk."""

REWARD_BENCH = "allenai/reward-bench"  # what judge-bench reads where no file is given


def hub_downloads():
    """The flags of prefetch: Hub models and datasets of this config, each with its revision."""
    loads = [model["load"] for model in config["models"].values()]
    loads += [config["gold"]["load"]] if config["gold"] else []
    judge = config["rejection_sampling"]["judge"]
    if "table_3" in config["artefacts"] and judge["kind"] == "model":
        loads.append(judge["load"])
    on_hub = [load for load in loads if not model_files(load["model"])]
    found = {"models": [], "models_with_code": [], "datasets": []}
    for load in on_hub:
        key = "models_with_code" if load.get("trust_remote_code") else "models"
        found[key].append(hub_spec(load["model"], load.get("revision")))
    for dataset in config["datasets"].values():
        if "hub" in dataset["pairs"]:
            pairs = dataset["pairs"]
            found["datasets"].append(hub_spec(pairs["hub"], pairs.get("revision")))
    bench = config["reward_bench"]
    if "rewardbench_safety" in config["artefacts"] and not bench.get("path"):
        found["datasets"].append(hub_spec(REWARD_BENCH, bench.get("revision")))
    return flags({key: sorted(set(specs)) for key, specs in found.items() if specs})


def hub_spec(name, revision):
    return f"{name}@{revision or 'main'}"
