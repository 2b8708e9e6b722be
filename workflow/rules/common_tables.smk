"""Helpers for Tables 2 and 4, the spread over runs and RewardBench; read after common.smk."""


def best_of_n_files(folders):
    """What judged reward models leave, as inputs."""
    files = ("prompts.parquet", "pairs.parquet", "metrics.json")
    return [f"{folder}/{file}" for folder in folders for file in files]


def job_of(scale):
    """The job of textual.jobs that trains this scale."""
    return next(job for job, scales in config["textual"]["jobs"].items() if scale in scales)


def text_cells(places, scales):
    """Folders of full fine-tuning and its control, judged, where the run trains on text."""
    own = config["textual"]
    jobs = list(dict.fromkeys(map(job_of, scales))) if own["methods"] else []
    return [
        f"results/{config['run']}/best_of_n_text/{place}/{method}/standard/{job}"
        for dataset, model, place in places
        if dataset in own["datasets"] and model in own["models"]
        for method in ("full_finetune", "full_finetune_repeat")
        if method in own["methods"]
        for job in jobs
        if scales_of(method, job)
    ]


def places(datasets, models):
    """(dataset, model, folder) of each pair of them, at the first N of Table 1."""
    n_pairs = config["compare"]["n_pairs"][0]
    return [(d, m, f"{d}/{m}/n{n_pairs}") for d in datasets for m in models]


def latent_cells(found, methods_and_scales):
    """Folders of judged reward models of embeddings, those that Table 1 has."""
    return [
        f"results/{config['run']}/best_of_n/{place}/{method}/x{scale}"
        for _, _, place in found
        for method, scale in methods_and_scales
        if (method, scale) in compared()
    ]


def table_2_folders(wildcards):
    """Folders of the jobs that Table 2 adds up, by what they are, a folder for each place."""
    own, results = config["textual"], f"results/{config['run']}"
    found, scale = places(own["datasets"], own["models"]), max(config["compare"]["scales"])
    text = f"{{}}/standard/{job_of(scale)}"
    parts = {
        "sample_responses": ("sample_responses", "standard"),
        "score_responses": ("score_responses", "standard"),
        "label_pairs": ("label_pairs", "standard/annotator"),
        "train_text": ("train_text", text.format("full_finetune")),
        "train_text_repeat": ("train_text", text.format("full_finetune_repeat")),
        "train_vae": ("train_vae", vae_of("lens")),
        "train_reward": ("train_reward", f"lens/x{scale}"),
        "train_reward_repeat": ("train_reward", f"repeat/x{scale}"),
    }
    probes = [m for m in ("mean_difference", "linear_probe") if m in config["compare"]["methods"]]
    parts |= {method: ("train_reward", f"{method}/x1") for method in probes}
    folders = {
        name: [f"{results}/{stage}/{place}/{rest}" for _, _, place in found]
        for name, (stage, rest) in parts.items()
    }
    return folders | {
        "train_annotator": [f"{results}/train_annotator/{d}" for d, _, _ in found],
        "embed_pairs": [f"{results}/embed_pairs/{d}/{m}" for d, m, _ in found],
    }


def table_2_files(wildcards):
    folders = [folder for group in table_2_folders(wildcards).values() for folder in group]
    return [f"{folder}/{file}" for folder in folders for file in ("metrics.json", "cost.json")]


def table_2_settings(wildcards):
    found = places(config["textual"]["datasets"], config["textual"]["models"])
    return flags(
        {
            "datasets": [dataset for dataset, _, _ in found],
            "models": [model for _, model, _ in found],
            "seeds": config["compare"]["seeds"],
            "n_pairs": config["compare"]["n_pairs"][0],
            "scale": max(config["compare"]["scales"]),
            **table_2_folders(wildcards),
        }
    )


def table_4_cells(wildcards):
    """Folders of what Table 4 shows."""
    chosen = config["table_4"]
    found, scale = places([chosen["dataset"]], config["compare"]["models"]), chosen["scale"]
    shown = [("original", 1), ("repeat", scale), ("lens", scale)]
    shown += [("mean_difference", 1), ("linear_probe", 1)]
    return text_cells(found, [1, scale]) + latent_cells(found, shown)


def spread_cells(wildcards):
    """Folders of the runs whose spread is shown."""
    own, scales = config["textual"], config["compare"]["scales"]
    found = places(own["datasets"], own["models"])
    shown = [(method, k) for method in ("lens", "repeat") for k in scales]
    shown += [(method, 1) for method in ("original", "mean_difference", "linear_probe")]
    return text_cells(found, [1, *scales]) + latent_cells(found, shown)


def bench_data(wildcards):
    """RewardBench's rows in a file; nothing where they come from the Hub."""
    return local_files(config["reward_bench"].get("path"))


def bench_flags(wildcards, input):
    revision = config["reward_bench"].get("revision")
    return flags({"data": list(input.data)} if input.data else {"data_revision": revision})


def bench_heads(wildcards):
    """Folders of the reward models of embeddings that are judged on RewardBench."""
    chosen = config["reward_bench"]
    shown = [("original", 1), ("repeat", chosen["scale"]), ("lens", chosen["scale"])]
    shown += [("mean_difference", 1), ("linear_probe", 1)]
    place = f"{wildcards.dataset}/{wildcards.model}/n{wildcards.n_pairs}"
    return [
        f"results/{config['run']}/train_reward/{place}/{method}/x{scale}"
        for method, scale in shown
        if (method, scale) in compared()
    ]


def bench_head_files(wildcards):
    files = ["metrics.json", *(f"seed_{seed}.safetensors" for seed in config["compare"]["seeds"])]
    return [f"{folder}/{file}" for folder in bench_heads(wildcards) for file in files]


def bench_text_methods(wildcards):
    own = config["textual"]
    if wildcards.dataset not in own["datasets"] or wildcards.model not in own["models"]:
        return []
    return [m for m in ("full_finetune", "full_finetune_repeat") if m in own["methods"]]


def bench_texts(wildcards):
    """Folders of the text reward models that are judged on RewardBench."""
    place = f"{wildcards.dataset}/{wildcards.model}/n{wildcards.n_pairs}"
    return [
        "results/{}/train_text/{}/{}/standard/{}/models".format(
            config["run"], place, method, job_of(config["reward_bench"]["scale"])
        )
        for method in bench_text_methods(wildcards)
    ]


def bench_text_flags(wildcards, input):
    if not input.texts:
        return ""
    scale = config["reward_bench"]["scale"]
    return flags(
        {
            "texts": list(input.texts),
            "text_methods": bench_text_methods(wildcards),
            "text_scale": scale,
        }
    )


def bench_file(name):
    """What judging on RewardBench wrote, for the dataset and model that the config names."""

    def path(wildcards):
        chosen = config["reward_bench"]
        (place,) = places([chosen["dataset"]], [chosen["model"]])
        return f"results/{config['run']}/judge_bench/{place[2]}/{name}"

    return path


def bench_labels(wildcards):
    chosen = config["reward_bench"]
    labels = {name: chosen[name] for name in ("section", "dataset", "model")}
    return flags(labels | {"n_pairs": config["compare"]["n_pairs"][0]})


def check_tables():
    """That the artefacts of this file have what they are made of."""
    wanted, compare = set(config["artefacts"]), config["compare"]
    textual = {"table_2", "textual_spread"} & wanted
    needed = {"full_finetune", "full_finetune_repeat"} - set(config["textual"]["methods"])
    if textual and needed:
        raise WorkflowError(
            f"config: {sorted(textual)} needs {sorted(needed)} under textual.methods. Add them, or "
            "take it out of `artefacts`."
        )
    if "lens" not in compare["methods"] and "table_2" in wanted:
        raise WorkflowError("config: table_2 needs `lens` among compare.methods.")
    names = {**config["paths"], "run": config["run"], "project": str(ROOT)}
    for artefact, section in (("table_4", "table_4"), ("rewardbench_safety", "reward_bench")):
        if artefact not in wanted:
            continue
        chosen = config[section] = fill_in(config[section], names)
        foreign = str(chosen.get("path", "")).startswith("results/")
        if foreign and chosen["dataset"] not in ("dialogue", "summary"):
            raise WorkflowError(
                f"config: reward_bench.path {chosen['path']} is the offline world's, which says "
                f"nothing of {chosen['dataset']}. Give your own file, or null for RewardBench."
            )
        here = chosen["dataset"] in compare["datasets"] and chosen["scale"] in compare["scales"]
        if not here or chosen.get("model", compare["models"][0]) not in compare["models"]:
            raise WorkflowError(
                f"config: {section} is for {chosen}, which is not all under `compare`. Change "
                f"this section, or take {artefact} out of `artefacts`."
            )


check_tables()
