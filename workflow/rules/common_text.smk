"""Helpers for what is trained on text; common.smk, read after this, has the others."""

import importlib.util

TEXTUAL = {  # how a textual method is trained, and whose labels its synthetic pairs carry
    "full_finetune": ("full", "annotator"),
    "full_finetune_repeat": ("full", None),
    "lora": ("lora", "annotator"),
    "lora_repeat": ("lora", None),
    "embedding_mlp": ("mlp", "annotator"),
    "self_rewarding": ("full", "self_rewarding"),
    "self_evolved": ("full", "self_evolved"),
    "ipo": ("full", "ipo"),
}

CONTROLS = {"full": "full_finetune_repeat", "lora": "lora_repeat"}
STAGE_OF_LABELS = {
    "annotator": ("score_responses", "scores"),
    "ipo": ("score_likelihood", "scores"),
    "self_rewarding": ("judge_responses", "verdicts"),
}


def check_textual():
    """That what is trained on text can be: its packages, its scales, its reward models."""
    settings, compare = config["textual"], config["compare"]
    pickers = config["rejection_sampling"]["reward_models"]
    config["rejection_sampling"]["reward_models"] = {n: e for n, e in pickers.items() if e}
    settings["jobs"] = {name: scales for name, scales in settings["jobs"].items() if scales}
    for key in ("datasets", "models"):
        settings[key] = [name for name in settings[key] if name in compare[key]]
    if not (settings["datasets"] and settings["models"]):
        settings["methods"] = []
    text_tables = {"table_3", "table_6"} & set(config["artefacts"])
    if not settings["methods"] and not text_tables:
        return
    scales = [scale for job in settings["jobs"].values() for scale in job]
    if sorted(scales) != sorted({1, *compare["scales"]}):
        raise WorkflowError(
            f"config: textual.jobs trains the scales {sorted(scales)}; it should train each of "
            f"{sorted({1, *compare['scales']})} (1 and compare.scales) once."
        )
    for method in settings["methods"]:
        control = CONTROLS.get(TEXTUAL[method][0])
        if control and control not in settings["methods"]:
            raise WorkflowError(
                f"config: textual.methods has {method} but not its control: add {control}."
            )
    for table, place in (
        ("table_3", config["rejection_sampling"]),
        ("table_6", settings["table_6"]),
    ):
        here = place["dataset"] in settings["datasets"] and place["model"] in settings["models"]
        if table in text_tables and not here:
            raise WorkflowError(
                f"config: {table} is for {place['dataset']} and {place['model']}, which are not "
                "both under `textual` and `compare`. Change its section, or take it out of "
                "`artefacts`."
            )
    if "table_6" in text_tables:
        check_cell("textual.table_6", "full_finetune", settings["table_6"]["scale"])
    if "table_3" in text_tables:
        check_rejection_sampling()
    if config["textual"]["annotator"]["model"] not in config["models"]:
        raise WorkflowError(
            f"config: textual.annotator.model {settings['annotator']['model']!r} is not compared."
        )
    if settings.get("gpus", 1) > 1 and not settings.get("accelerate"):
        raise WorkflowError(
            f"config: textual.gpus {settings['gpus']} needs textual.accelerate, which starts one "
            "process a GPU; workflow/accelerate/zero2.yaml is one."
        )
    local_files(settings["self_rewarding"].get("template"))
    needed = max(compare["scales"]) - 1
    for key, pairs in (
        ("self_rewarding.pairs", settings["self_rewarding"].get("pairs", 8)),
        ("responses", settings["responses"] * (settings["responses"] - 1) // 2),
    ):
        if pairs < needed:
            raise WorkflowError(
                f"config: textual.{key} makes {pairs} pairs of a prompt at most, but scale "
                f"{needed + 1} needs {needed}. Raise it."
            )
    judge = config["rejection_sampling"]["judge"]
    section = {"model": "load", "endpoint": "endpoint"}[judge["kind"]]
    if "table_3" in text_tables and section not in judge:
        raise WorkflowError(
            f"config: rejection_sampling.judge.kind {judge['kind']} needs its section `{section}`."
        )
    require("training on text", "text", "trl", "peft")
    if "table_3" in text_tables and judge["kind"] == "endpoint":
        require("an endpoint as judge", "judge", "openai")


def check_cell(key, method, scale):
    """WorkflowError unless Table 1 has the method at this scale."""
    textual = config["textual"]["methods"]
    if method in TEXTUAL and method in textual:
        there = any(scale in scales_of(method, job) for job in config["textual"]["jobs"])
    else:
        there = (method, scale) in compared()
    if not there:
        raise WorkflowError(
            f"config: {key} is {method} at scale {scale}, which Table 1 does not have. Choose among "
            f"{sorted({*config['compare']['methods'], *textual})} and the scales of compare.scales "
            "(1 for methods without augmentation)."
        )


def check_rejection_sampling():
    chosen = config["rejection_sampling"]
    for name, entry in chosen["reward_models"].items():
        check_cell(f"rejection_sampling.reward_models.{name}", entry["method"], entry["scale"])
    if unknown := set(chosen["judge"]["compare"]) - set(chosen["reward_models"]):
        raise WorkflowError(
            f"config: rejection_sampling.judge.compare names {sorted(unknown)}, not under "
            "rejection_sampling.reward_models."
        )
    local_files(chosen["judge"].get("template"))


def require(what, extra, *packages):
    """WorkflowError where packages of an extra are missing, unless jobs have their own environments."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing and not workflow.deployment_settings.deployment_method:
        raise WorkflowError(
            f"config: {what} needs {' and '.join(missing)}: "
            f'pip install "lens-rm[{extra}]". Without it: textual.methods: [] and no table_3 or '
            "table_6 in `artefacts`, as in workflow/configs/demo.yaml."
        )


def textual_cells(sizes):
    """Folders of judged textual reward models for Table 1, each with all scales of a job."""
    settings = config["textual"]
    return [
        f"results/{config['run']}/best_of_n_text/{dataset}/{model}/n{n_pairs}/{method}/standard/{job}"
        for dataset in settings["datasets"]
        for model in settings["models"]
        for n_pairs in sizes
        for method in settings["methods"]
        if TEXTUAL[method][0] != "mlp"
        for job in settings["jobs"]
        if scales_of(method, job)
    ]


def scales_of(method, job):
    """The scales that a training job has: those of its entry; 1 for methods with a model for it."""
    if job == "table_6":
        return [config["textual"]["table_6"]["scale"]]
    with_original = method in ("full_finetune", "lora")
    return [k for k in config["textual"]["jobs"][job] if k > 1 or with_original]


def job_scales(wildcards):
    return scales_of(wildcards.method, wildcards.job)


def textual_gpus(wildcards):
    """GPUs of a job that trains on text; none for a model on the CPU."""
    name = getattr(wildcards, "model", None) or config["textual"]["annotator"]["model"]
    return config["textual"].get("gpus", 1) if config["models"][name]["gpu"] else 0


def training_processes(wildcards):
    """One for each GPU."""
    return max(1, textual_gpus(wildcards))


def launch():
    """How a job that trains on text starts: by itself, or through accelerate."""
    settings = config["textual"].get("accelerate")
    if settings is None:
        return "python -m lens"
    (file,) = local_files(settings)
    gpus = config["textual"].get("gpus", 1)
    return f"accelerate launch --config_file {shlex.quote(file)} --num_processes {gpus} -m lens"


def annotator():
    """The entry under `models` that the annotator is trained from."""
    return config["models"][config["textual"]["annotator"]["model"]]


def annotator_settings():
    own = config["textual"]["annotator"]
    kind = "lora" if own.get("lora") else "full"
    return finetuning_settings(kind) | {k: v for k, v in own.items() if k not in ("model", "lora")}


def finetuning_settings(kind):
    """The flags of `finetuning` and of "full" or "lora", which may change them."""
    settings = config["textual"]["finetuning"] | config["textual"][kind]
    return settings | ({"lora": True} if kind == "lora" else {})


def text_settings(wildcards):
    return finetuning_settings(TEXTUAL[wildcards.method][0])


def scoring(model):
    """The flags for texts to be scored by a reward model trained from this entry of `models`."""
    keys = ("dtype", "device", "text_style", "max_length", "too_long", "threads")
    load = {key: model["load"][key] for key in keys if key in model["load"]}
    return load | {"batch_tokens": model["embedding"].get("batch_tokens")}


def sampling(wildcards):
    """The flags for responses: the model's own, with what the sampling entry changes."""
    own = config["models"][wildcards.model]["generation"]
    count = {"candidates": config["textual"]["responses"]}
    if wildcards.prompts == "held_out":
        count = {"candidates": config["rejection_sampling"]["candidates"]}
    return flags(own | config["textual"]["sampling"][wildcards.sampling] | count)


def prompt_table(wildcards):
    """The prompts to be answered: those of N training pairs, or the held-out ones."""
    folder = f"results/{config['run']}"
    if wildcards.prompts == "held_out":
        return f"{folder}/held_out_prompts/{wildcards.dataset}/prompts.parquet"
    return f"{folder}/training_prompts/{wildcards.dataset}/{wildcards.prompts}/prompts.parquet"


def largest_scale(wildcards):
    """Synthetic pairs are labelled once, for the largest scale that is trained on them."""
    if wildcards.sampling == "standard":
        return max(config["compare"]["scales"])
    return config["textual"]["table_6"]["scale"]


def labels_file(wildcards):
    stage, kind = STAGE_OF_LABELS[wildcards.labels]
    place = f"{wildcards.dataset}/{wildcards.model}/n{wildcards.n_pairs}/{wildcards.sampling}"
    return f"results/{config['run']}/{stage}/{place}/{kind}.parquet"


def labels_flag(wildcards):
    return f"--{STAGE_OF_LABELS[wildcards.labels][1]}"


def synthetic_pairs(wildcards):
    """The synthetic pairs that a textual method trains on; nothing for a repeat control."""
    labels = TEXTUAL[wildcards.method][1]
    if labels is None:
        return []
    place = "{}/{}/n{}/{}".format(
        wildcards.dataset,
        wildcards.model,
        wildcards.n_pairs,
        getattr(wildcards, "sampling", "standard"),
    )
    if labels == "self_evolved":
        return f"results/{config['run']}/evolve_pairs/{place}/pairs.parquet"
    return f"results/{config['run']}/label_pairs/{place}/{labels}/pairs.parquet"


def synthetic_flag(wildcards, input):
    return flags({"synthetic": str(input.synthetic)}) if input.synthetic else ""


def text_files(wildcards):
    """What embedding_mlp trains on beside the pairs: synthetic text and its embeddings."""
    if wildcards.method != "embedding_mlp":
        return []
    place = f"{wildcards.dataset}/{wildcards.model}/n{wildcards.n_pairs}/standard"
    folder = f"results/{config['run']}"
    return [
        synthetic_pairs(wildcards),
        f"{folder}/sample_responses/{place}/responses.parquet",
        f"{folder}/embed_responses/{place}/embeddings.json",
        *embedding_shards("embed_responses", place),
    ]


def text_flag(wildcards, input):
    names = ("synthetic", "responses", "response_embeddings")
    return flags(dict(zip(names, input.text[:3], strict=True))) if input.text else ""


def table_6_temperatures(wildcards):
    """The temperatures of Table 6's sampling entries, `standard` first."""
    chosen = config["textual"]["table_6"]
    generation = config["models"][chosen["model"]]["generation"]
    entries = config["textual"]["sampling"]
    names = ["standard", *chosen["others"]]
    return [(generation | entries[name])["temperature"] for name in names]


def table_6_cells(wildcards):
    """Folders by what they are: Table 6's textual cells, in the order of their temperatures, their
    control, LENS and its control."""
    chosen, results = config["textual"]["table_6"], f"results/{config['run']}"
    place = "{}/{}/n{}".format(chosen["dataset"], chosen["model"], config["compare"]["n_pairs"][0])
    job = next(j for j, scales in config["textual"]["jobs"].items() if chosen["scale"] in scales)
    text = f"{results}/best_of_n_text/{place}"
    latent = f"{results}/best_of_n/{place}"
    return {
        "cells": [
            f"{text}/full_finetune/standard/{job}",
            *(f"{text}/full_finetune/{name}/table_6" for name in chosen["others"]),
        ],
        "control": f"{text}/full_finetune_repeat/standard/{job}",
        "lens": f"{latent}/lens/x{chosen['scale']}",
        "lens_control": f"{latent}/repeat/x{chosen['scale']}",
        "probes": [f"{latent}/{method}/x1" for method in ("mean_difference", "linear_probe")],
    }


def table_6_files(wildcards):
    found = table_6_cells(wildcards)
    folders = [*found.pop("cells"), *found.pop("probes"), *found.values()]
    files = ("prompts.parquet", "pairs.parquet", "metrics.json")
    return [f"{folder}/{file}" for folder in folders for file in files]


def picker(wildcards):
    """The method and scale of the reward model that picks, and the scales of its training job."""
    chosen = config["rejection_sampling"]["reward_models"][wildcards.picker]
    job = next(j for j, k in config["textual"]["jobs"].items() if chosen["scale"] in k)
    place = f"{wildcards.dataset}/{wildcards.model}/n{wildcards.n_pairs}/{chosen['method']}"
    return chosen, place, job


def picks_from_text(wildcards):
    """Whether the reward model that picks reads text, not embeddings."""
    method = picker(wildcards)[0]["method"]
    return TEXTUAL.get(method, ("mlp", None))[0] != "mlp"


def picker_gpus(wildcards):
    return config["models"][wildcards.model]["gpu"] if picks_from_text(wildcards) else 0


def picking_models(wildcards):
    chosen, place, job = picker(wildcards)
    if picks_from_text(wildcards):
        return f"results/{config['run']}/train_text/{place}/standard/{job}/models"
    return picking_paths(wildcards)


def picking_paths(wildcards):
    """The reward model of every seed, a file or a folder."""
    chosen, place, job = picker(wildcards)
    if picks_from_text(wildcards):
        folder = f"results/{config['run']}/train_text/{place}/standard/{job}/models"
        return [f"{folder}/x{chosen['scale']}/seed_{s}" for s in config["compare"]["seeds"]]
    folder = f"results/{config['run']}/train_reward/{place}/x{chosen['scale']}"
    return [f"{folder}/seed_{s}.safetensors" for s in config["compare"]["seeds"]]


def picking_embeddings(wildcards):
    if picks_from_text(wildcards):
        return []
    place = f"{wildcards.dataset}/{wildcards.model}/held_out/standard"
    return [
        f"results/{config['run']}/embed_responses/{place}/embeddings.json",
        *embedding_shards("embed_responses", place),
    ]


def picking_flag(wildcards, input):
    return flags({"embeddings": str(input.embeddings[0])}) if input.embeddings else ""


def table_3_folder(stage):
    chosen = config["rejection_sampling"]
    place = f"{chosen['dataset']}/{chosen['model']}/n{config['compare']['n_pairs'][0]}"
    return f"results/{config['run']}/{stage}/{place}"


def table_3_files(stage, file):
    return [
        f"{table_3_folder(stage)}/{name}/{file}"
        for name in config["rejection_sampling"]["reward_models"]
    ]


def untrained_gold(wildcards):
    """Gold scores of the language model's own candidates: what SFT begins with."""
    chosen = config["rejection_sampling"]
    place = f"{chosen['dataset']}/{chosen['model']}"
    return f"results/{config['run']}/score_candidates/{place}/gold.parquet"


def judge_files(wildcards):
    """The local judge's files; nothing for an endpoint."""
    judge = config["rejection_sampling"]["judge"]
    return model_files(judge["load"]["model"]) if judge["kind"] == "model" else []


def judge_template(wildcards):
    return local_files(config["rejection_sampling"]["judge"].get("template"))


def judge_settings(wildcards):
    judge = config["rejection_sampling"]["judge"]
    apart = ("kind", "compare", "gpu", "load", "endpoint")
    own = {key: value for key, value in judge.items() if key not in apart}
    if judge["kind"] == "model":
        return flags(own | judge["load"])
    return flags(
        own | judge["endpoint"] | {"cache": f"results/{config['run']}/judge_answers.jsonl"}
    )
