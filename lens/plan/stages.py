"""The work of the stages on embeddings: world, data, embedding, candidates, heads, theory.

Every function takes the run's config and a job's wildcards and returns its `Work`.
"""

from collections.abc import Mapping
from math import ceil

from lens.plan.architectures import BYTES
from lens.plan.sizes import candidates, epochs_of_reward, longest, sizes
from lens.plan.tasks import Read, Train, Work, Write

TEXT_BYTES = 2  # of a token in a compressed table
ROW_BYTES = 16  # of a row of numbers in one
READ_RATE = 1e9  # bytes/s of embeddings
HEADS = ("mean_difference", "linear_probe", "evidence_probe")
LOGISTIC_PASSES = 2000  # over the data: folds times penalties times iterations of a linear probe


def embeddings_bytes(rows: float, dim: int, dtype: str) -> float:
    """Bytes of so many embeddings, which are saved in their model's number format."""
    return rows * dim * BYTES[dtype]


def build_world(config: Mapping, wildcards: Mapping) -> Work:
    texts = config["world"]["texts"]
    rows = 2 * texts["pairs"] + texts["corpus"] + texts["gold_corpus"]
    return Work("table", rows=rows, disk=150 * rows)


def train_base_model(config: Mapping, wildcards: Mapping) -> Work:
    return world_training(config, config["world"]["base_model"], "words")


def train_gold_model(config: Mapping, wildcards: Mapping) -> Work:
    return world_training(config, config["world"]["gold_model"], "reward")


def world_training(config, section, head) -> Work:
    texts = section["steps"] * section["batch_size"]
    load = {"model": f"results/{config['run']}/train_base_model/model", "dtype": "float32"}
    task = Train(
        load,
        texts=texts,
        tokens=texts * config["plan"]["world_length"],
        steps=section["steps"],
        at_once=section["batch_size"],
        longest=128,
        settings={},
        head=head,
        trainer=False,
    )
    return Work("model", (task,), rows=texts, stored=stored(load, head))


def stored(load: Mapping, head: str, times: int = 1, dtype: str | None = None) -> dict:
    """Weights that a job saves: {(model, revision, head, dtype): how many times}."""
    kind = dtype or load.get("dtype", "float32")
    return {(load["model"], load.get("revision"), head, kind): times}


def prepare_pairs(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    rows = own.train + own.test
    return Work("page", rows=rows, waiting=rows * 1e-4, disk=rows * TEXT_BYTES * 2 * own.text)


def table_of_candidates(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    count = own.prompts * candidates(config, wildcards["dataset"], wildcards.get("model", ""))
    return Work("table", rows=count, disk=count * TEXT_BYTES * own.text)


def embed_pairs(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    return embedding(config, wildcards, own, own.train + own.test, 2, own.answer)


def embed_candidates(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    count = candidates(config, wildcards["dataset"], wildcards["model"])
    pool = "pool" in config["datasets"][wildcards["dataset"]]
    return embedding(
        config, wildcards, own, own.prompts, count, own.answer if pool else own.written
    )


def embedding(config, wildcards, own, prompts, answers, length) -> Work:
    """`answers` texts of each prompt are embedded; last tokens of causal models share prompts."""
    model = config["models"][wildcards["model"]]
    settings = model["embedding"]
    shares = settings.get("pooling") == "last"
    texts = prompts * answers
    task = read(
        model["load"], own, prompts, answers, length, settings.get("batch_tokens", 8192), shares
    )
    return Work("model", (task,), rows=texts, stored={("embedding", wildcards["model"]): texts})


def read(load, own, prompts, answers, length, batch_tokens, shares=True, head="none", times=1):
    """The reading of `answers` texts for each of the prompts."""
    texts = prompts * answers
    whole = texts * (own.prompt + length)
    if whole > texts * (load.get("max_length") or whole):
        shares, whole = False, texts * load["max_length"]  # texts that are cut share no beginning
    tokens = prompts * own.prompt + texts * length if shares else whole
    return Read(load, texts, tokens, whole, batch_tokens, head, times)


def generate_candidates(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    model = config["models"][wildcards["model"]]
    return answers(model, model["generation"], own, own.prompts)


def answers(model: Mapping, generation: Mapping, own, prompts: float, times: int = 1) -> Work:
    """`times` models answer the prompts."""
    limit = generation["max_new_tokens"]
    count = prompts * generation["candidates"]
    task = Write(
        model["load"],
        answers=count,
        prompt=own.prompt,
        longest=longest(own, model["load"]),
        written=min(own.written, limit),
        limit=limit,
        batch=generation["batch_size"],
        engine=generation.get("engine", "hf"),
        times=times,
    )
    disk = times * count * TEXT_BYTES * (own.prompt + own.written)
    return Work("model", (task,), rows=times * count, disk=disk)


def score_candidates(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    if wildcards["source"] == "pool":
        count, length = candidates(config, wildcards["dataset"], ""), own.answer
    else:
        count = candidates(config, wildcards["dataset"], wildcards["source"])
        length = own.written
    return gold(config, own, own.prompts, count, length)


def gold(config, own, prompts, count, length) -> Work:
    """Gold scores of `count` answers to each prompt."""
    section = config["gold"]
    task = read(
        section["load"], own, prompts, count, length, section["batch_tokens"], head="reward"
    )
    return Work("model", (task,), rows=prompts * count, disk=prompts * count * ROW_BYTES)


def vae_flops(dim: int, vae: Mapping) -> float:
    """A step's products for one pair: both answers through encoder and decoder and their gradients,
    but for that of the embeddings."""
    hidden, latent = vae["hidden"], vae["latent"]
    return 2 * 2 * (2 * dim * hidden + 3 * hidden * dim + 3 * 3 * hidden * latent)


def reward_flops(dim: int, hidden: int) -> float:
    """A step's products for one pair: both answers through the MLP, and its weights' gradients."""
    return 2 * 2 * 2 * dim * hidden


def train_vae(config: Mapping, wildcards: Mapping) -> Work:
    steps, flops = vae_training(config, wildcards, int(wildcards["n_pairs"]), config["vae"])
    seeds, dim = len(config["compare"]["seeds"]), config["dims"][wildcards["model"]]
    numbers = 2 * dim * config["vae"]["hidden"] + dim
    return Work("torch", steps=steps, flops=flops, width=dim, disk=seeds * 4 * numbers)


def kept(config, wildcards, n_pairs: int) -> int:
    """Pairs of N that train: what the data has, less those for validation."""
    own = sizes(config, wildcards["dataset"])
    return ceil(min(n_pairs, own.train) * (1 - config["training"]["validation_fraction"]))


def vae_training(config, wildcards, n_pairs, vae, epochs=None) -> tuple[float, float]:
    """(steps, flops) of VAEs of all seeds, which train side by side."""
    pairs = kept(config, wildcards, n_pairs)
    passes = epochs or vae["epochs"]
    one = vae_flops(config["dims"][wildcards["model"]], vae)
    flops = passes * pairs * one * len(config["compare"]["seeds"])
    return passes * ceil(pairs / vae["batch_size"]), flops


def train_reward(config: Mapping, wildcards: Mapping) -> Work:
    n_pairs, scale, method = int(wildcards["n_pairs"]), int(wildcards["scale"]), wildcards["method"]
    seeds, dim = len(config["compare"]["seeds"]), config["dims"][wildcards["model"]]
    disk = seeds * 4 * dim * config["reward"]["hidden"]
    pairs = kept(config, wildcards, n_pairs)
    if method in HEADS:
        passes = {"mean_difference": 1, "linear_probe": LOGISTIC_PASSES, "evidence_probe": dim}
        start = "torch" if method == "linear_probe" else "table"
        flops = 4.0 * seeds * pairs * dim * passes[method]
        return Work(start, flops=flops, width=dim, disk=seeds * 4 * dim, rows=pairs)
    steps, flops = reward_training(config, wildcards, config["reward"], pairs * scale)
    if method == "lens_plus":  # half as many pairs of answers in all, each with noise of its own
        seen = pairs * scale * config["reward"]["epochs"] / 2
        steps = ceil(seen / config["reward"]["batch_size"])
        flops = seeds * (seen * reward_flops(dim, config["reward"]["hidden"]) + 2 * pairs * dim**2)
    return Work("torch", steps=steps, flops=flops, width=dim, disk=disk, rows=pairs * scale)


def reward_training(config, wildcards, settings, pairs) -> tuple[float, float]:
    """(steps, flops) of reward MLPs of all seeds on so many pairs."""
    epochs = epochs_of_reward(config, settings, pairs)
    one = reward_flops(config["dims"][wildcards["model"]], settings["hidden"])
    flops = epochs * pairs * one * len(config["compare"]["seeds"])
    return epochs * ceil(pairs / settings["batch_size"]), flops


def best_of_n(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    seeds, dim = len(config["compare"]["seeds"]), config["dims"][wildcards["model"]]
    count = candidates(config, wildcards["dataset"], wildcards["model"])
    rows = seeds * (5 * own.prompts + own.test)
    read_rows = own.prompts * count + 2 * own.test
    flops = 2 * seeds * read_rows * dim * config["reward"]["hidden"]
    # All embeddings of the pairs are read.
    dtype = config["models"][wildcards["model"]]["load"].get("dtype", "float32")
    waiting = embeddings_bytes(2 * (own.train + own.test), dim, dtype) / READ_RATE
    return Work("table", flops=flops, width=dim, waiting=waiting, rows=rows, disk=rows * ROW_BYTES)


def theory_points(config: Mapping, wildcards: Mapping) -> Work:
    """At every size: VAEs twice, and reward models `original`, and `repeat` and `lens` at each
    scale; and the reference on the largest."""
    own, theory = sizes(config, wildcards["dataset"]), config["theory"]
    vae, reward = config["vae"] | theory.get("vae", {}), config["reward"] | theory.get("reward", {})
    largest = kept(config, wildcards, own.train)
    smaller = [n for n in theory["n_pairs"] if n < own.train]
    parts = [reward_training(config, wildcards, reward, largest)]
    for n_pairs in [*smaller, own.train]:
        pairs = kept(config, wildcards, n_pairs)
        epochs = max(1, round(theory["vae_steps"] / ceil(pairs / vae["batch_size"])))
        parts.append(vae_training(config, wildcards, n_pairs, vae))
        parts.append(vae_training(config, wildcards, n_pairs, vae, epochs))
    for n_pairs in smaller:
        pairs = kept(config, wildcards, n_pairs)
        for scale in (1, *theory["scales"], *theory["scales"]):
            parts.append(reward_training(config, wildcards, reward, pairs * scale))
    steps, flops = (sum(part) for part in zip(*parts, strict=True))
    dim = config["dims"][wildcards["model"]]
    return Work("torch", steps=steps, flops=flops, width=dim, rows=largest, disk=40 * largest)


def page(config: Mapping, wildcards: Mapping) -> Work:
    """A table, a figure or a page of the report."""
    return Work("page", disk=1e5)


def small(config: Mapping, wildcards: Mapping) -> Work:
    """Rows picked or put together."""
    return Work("table", disk=1e5)
