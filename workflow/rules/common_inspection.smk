"""Helpers for what is looked at closely: Figure 3, the inspector, the qualitative examples."""

from types import SimpleNamespace


def inspected():
    """The section `inspection`; what it leaves out is the first that is compared, or the largest
    scale."""
    compare = config["compare"]
    return {
        "dataset": compare["datasets"][0],
        "model": compare["models"][0],
        "n_pairs": compare["n_pairs"][0],
        "scale": max(compare["scales"]),
        "seed": compare["seeds"][0],
        **config["inspection"],
    }


def check_inspection():
    for key, others in (("dataset", "datasets"), ("model", "models"), ("seed", "seeds")):
        if inspected()[key] not in config["compare"][others]:
            raise WorkflowError(
                f"config: inspection.{key} {inspected()[key]!r} is not under compare.{others}."
            )


def inspected_files():
    """What the stages before made of the dataset, model, N and seed looked at."""
    chosen, results = inspected(), f"results/{config['run']}"
    place = f"{chosen['dataset']}/{chosen['model']}"
    return {
        "pairs": f"{results}/prepare_pairs/{chosen['dataset']}/pairs.parquet",
        "embeddings": f"{results}/embed_pairs/{place}/embeddings.json",
        "shards": embedding_shards("embed_pairs", place),
        "vae": inspected_vae("standard"),
        "reference": f"{results}/theory_points/{place}/reference.safetensors",
        "inspected": f"{results}/inspect_synthetic/{place}",
    }


def inspected_vae(name, seed=None):
    """The VAE of the seed looked at, or of another: standard, or a variant's."""
    chosen = inspected()
    place = f"{chosen['dataset']}/{chosen['model']}/n{chosen['n_pairs']}/{name}"
    file = f"seed_{chosen['seed'] if seed is None else seed}.safetensors"
    return f"results/{config['run']}/train_vae/{place}/{file}"


def inspected_seeds():
    """All seeds, the one looked at first."""
    first = inspected()["seed"]
    return [first, *(seed for seed in config["compare"]["seeds"] if seed != first)]


def gamma_vaes():
    """[(gamma, VAEs of all seeds)] of Figure 3: the values of sweeps.gamma."""
    names = {gamma: f"gamma_{gamma}" for gamma in config["sweeps"]["gamma"]}
    own = config["vae"]["gamma"]
    return [
        (gamma, [inspected_vae(vae_of(name), seed) for seed in inspected_seeds()])
        for gamma, name in {**names, own: "lens"}.items()
    ]


def inspection_settings():
    """The flags of inspect-synthetic."""
    names = ("n_pairs", "seed", "methods", "scale", "dataset", "model")
    chosen = {name: inspected()[name] for name in names}
    return flags(config["training"] | chosen | {"synthesis": config["synthesis"]})


def qualitative_sources():
    """The flags of the qualitative examples that name files or folders, one for each dataset."""
    chosen, datasets = inspected(), config["compare"]["datasets"]
    of = [SimpleNamespace(dataset=name, model=chosen["model"]) for name in datasets]
    results, model = f"results/{config['run']}", chosen["model"]
    rewards = {"original": "original/x1", "augmented": f"lens/x{chosen['scale']}"}
    rewards["control"] = f"repeat/x{chosen['scale']}"
    return {
        "candidates": [candidate_table(each) for each in of],
        "candidate_embeddings": [
            f"{results}/embed_candidates/{name}/{model}/embeddings.json" for name in datasets
        ],
        "gold": [gold_table(each) for each in of],
    } | {
        judge: [
            f"{results}/train_reward/{name}/{model}/n{chosen['n_pairs']}/{place}"
            for name in datasets
        ]
        for judge, place in rewards.items()
    }


def qualitative_files():
    """The files behind `qualitative_sources`."""
    sources, found = qualitative_sources(), []
    for name in ("original", "augmented", "control"):
        for folder in sources.pop(name):
            found += [f"{folder}/seed_{seed}.safetensors" for seed in config["compare"]["seeds"]]
            found.append(f"{folder}/metrics.json")
    model = inspected()["model"]
    for name in config["compare"]["datasets"]:
        found += embedding_shards("embed_candidates", f"{name}/{model}")
    return [file for files in sources.values() for file in files] + found


check_inspection()
