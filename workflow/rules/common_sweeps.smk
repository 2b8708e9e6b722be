"""Helpers for the ablations. A setting's value that is not the config's own makes a method of that
name (gamma_0.5), which is LENS but for it; a layer that is not the model's own makes a model."""

SWEPT = {"gamma": "vae", "beta": "vae", "sharing": "vae", "noise_variance": "synthesis"}

SWEEPS = ("figure_2", "figure_4", "table_5", "layer_sweep", "scale_sweep", "size_sweep")


def variants():
    """Methods by name: (section, what differs in it)."""
    return {
        f"{key}_{value}": (section, {key: value})
        for key, section in SWEPT.items()
        for value in config["sweeps"][key]
        if value != config[section][key]
    }


def method_of(name):
    """The method that a row is trained by."""
    return "lens" if name in variants() else name


def vae_of(name):
    """Which VAE a method decodes with: its own where the VAE's settings differ."""
    return name if variants().get(name, ("",))[0] == "vae" else "standard"


def vae_settings(wildcards):
    own = variants().get(wildcards.vae, ("vae", {}))[1]
    return flags(config["training"] | config["vae"] | own)


def reward_settings(wildcards):
    section, own = variants().get(wildcards.method, ("synthesis", {}))
    synthesis = config["synthesis"] | (own if section == "synthesis" else {})
    return flags(config["training"] | synthesis | config["reward"])


def check_sweeps():
    """That the swept dataset and model are there, if needed; adds a model for each layer."""
    chosen = config["sweeps"]
    needed = sorted(set(SWEEPS) & set(config["artefacts"]))
    for key, section in (("dataset", "datasets"), ("model", "models")):
        if needed and chosen[key] not in config[section]:
            raise WorkflowError(
                f"config: sweeps.{key} {chosen[key]!r} is not compared: choose one of "
                f"{sorted(config[section])}, or take {needed} out of `artefacts`."
            )
    if chosen["model"] not in config["models"]:
        return
    base = config["models"][chosen["model"]]
    for layer in chosen["layers"]:
        if layer != base["embedding"].get("layer", -1):
            config["models"][layer_model(layer)] = base | {
                "embedding": base["embedding"] | {"layer": layer},
                "candidates_from": chosen["model"],
                "paper_name": base.get("paper_name"),
            }


def layer_model(layer):
    chosen = config["sweeps"]
    model = config["models"].get(chosen["model"], {"embedding": {}})
    own = model["embedding"].get("layer", -1)
    return chosen["model"] if layer == own else f"{chosen['model']}.layer_{layer}"


def swept_cell(method, scale, n_pairs=None, model=None):
    """Folder of a judged reward model of the swept dataset."""
    chosen = config["sweeps"]
    return "results/{}/best_of_n/{}/{}/n{}/{}/x{}".format(
        config["run"],
        chosen["dataset"],
        model or chosen["model"],
        n_pairs or config["compare"]["n_pairs"][0],
        method,
        scale,
    )


def swept_cells(key):
    """One for each value of the setting, in order."""
    own = config[SWEPT[key]][key]
    names = ["lens" if value == own else f"{key}_{value}" for value in config["sweeps"][key]]
    return [swept_cell(name, config["sweeps"]["scale"]) for name in names]


def control_cells(n_pairs=None, model=None, repeat=True):
    """Without augmentation: the original pairs, the probes, and the pairs repeated."""
    plain = [("original", 1), ("mean_difference", 1), ("linear_probe", 1)]
    repeats = [("repeat", config["sweeps"]["scale"])] if repeat else []
    return [swept_cell(*each, n_pairs, model) for each in [*plain, *repeats]]


def data_cells():
    scale = config["sweeps"]["scale"]
    return [
        swept_cell("original", 1),
        swept_cell("synthetic_only", scale),
        swept_cell("lens", scale),
    ]


def size_cells():
    return [
        cell
        for n_pairs in config["sweeps"]["n_pairs"]
        for cell in [
            *control_cells(n_pairs),
            swept_cell("lens", config["sweeps"]["scale"], n_pairs),
        ]
    ]


def scale_cells():
    return [swept_cell(m, k) for k in config["sweeps"]["scales"] for m in ("lens", "repeat")]


def layer_cells():
    """As many for each layer, in the order of the layers."""
    return [
        cell
        for layer in config["sweeps"]["layers"]
        for cell in [
            *control_cells(model=layer_model(layer)),
            swept_cell("lens", config["sweeps"]["scale"], model=layer_model(layer)),
        ]
    ]


def size_text_cells():
    """Full fine-tuning and its control at the sizes of sweeps.text_n_pairs, every scale of a job."""
    chosen, settings = config["sweeps"], config["textual"]
    job = next((j for j, scales in settings["jobs"].items() if chosen["scale"] in scales), None)
    there = chosen["dataset"] in settings["datasets"] and chosen["model"] in settings["models"]
    trained = {"full_finetune", "full_finetune_repeat"} <= set(settings["methods"])
    if job is None or not there or not trained:
        return []
    place = f"results/{config['run']}/best_of_n_text/{chosen['dataset']}/{chosen['model']}"
    return [
        f"{place}/n{n_pairs}/{method}/standard/{job}"
        for n_pairs in chosen["text_n_pairs"]
        for method in ("full_finetune", "full_finetune_repeat")
    ]


def judged(folders):
    """The files that a table reads of each cell."""
    names = ("prompts.parquet", "pairs.parquet", "metrics.json")
    return [f"{folder}/{name}" for folder in folders for name in names]
