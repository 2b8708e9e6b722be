"""The work of the stages that train on text and of what is judged with language models."""

from collections.abc import Mapping
from math import ceil

from lens.plan.sizes import answered_prompts, candidates, longest, responses, sizes
from lens.plan.stages import ROW_BYTES, TEXT_BYTES, answers, gold, read, stored
from lens.plan.tasks import Read, Train, Work, Write

FULL = {"full_finetune", "full_finetune_repeat", "self_rewarding", "self_evolved", "ipo"}
WITH_ORIGINAL = ("full_finetune", "lora")  # whose jobs train at scale 1 as well
JUDGE_TEMPLATE = 200  # tokens of our own prompt for a judge
ANSWER_SECONDS = 2.0  # of an endpoint, for one question


def of_model(config, wildcards) -> Mapping:
    return config["models"][wildcards["model"]]


def batch_tokens(model: Mapping) -> int:
    return model["embedding"].get("batch_tokens", 8192)


def sample_responses(config: Mapping, wildcards: Mapping) -> Work:
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    generation = model["generation"] | {"candidates": responses(config, wildcards)}
    return answers(model, generation, own, answered_prompts(config, wildcards))


def embed_responses(config: Mapping, wildcards: Mapping) -> Work:
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    prompts, count = answered_prompts(config, wildcards), responses(config, wildcards)
    shares = model["embedding"].get("pooling") == "last"
    task = read(model["load"], own, prompts, count, own.written, batch_tokens(model), shares)
    texts = prompts * count
    return Work("model", (task,), rows=texts, stored={("embedding", wildcards["model"]): texts})


def score_responses(config: Mapping, wildcards: Mapping) -> Work:
    annotator = config["models"][config["textual"]["annotator"]["model"]]
    return scores(config, wildcards, annotator, "reward")


def score_likelihood(config: Mapping, wildcards: Mapping) -> Work:
    return scores(config, wildcards, of_model(config, wildcards), "words", shares=False)


def scores(config, wildcards, model, head, shares=True) -> Work:
    own = sizes(config, wildcards["dataset"])
    prompts, count = answered_prompts(config, wildcards), responses(config, wildcards)
    tokens = batch_tokens(model)
    task = read(model["load"], own, prompts, count, own.written, tokens, shares, head)
    return Work("model", (task,), rows=prompts * count, disk=prompts * count * ROW_BYTES)


def judge_responses(config: Mapping, wildcards: Mapping) -> Work:
    judge = config["textual"]["self_rewarding"]
    count = responses(config, wildcards)
    pairs = min(judge.get("pairs", 8), count * (count - 1) // 2)
    questions = 2 * pairs * answered_prompts(config, wildcards)
    return verdicts(config, wildcards, judge, of_model(config, wildcards), questions)


def verdicts(config, wildcards, judge, model, questions) -> Work:
    """Questions to a local model, which holds a prompt and two answers; both orders are asked."""
    own = sizes(config, wildcards["dataset"])
    length = own.prompt + 2 * own.written + (0 if judge.get("template") else JUDGE_TEMPLATE)
    load = model["load"]
    if judge.get("verdict") == "text":
        limit = judge.get("max_new_tokens", 512)
        task = Write(
            load,
            answers=questions,
            prompt=length,
            longest=own.longest + own.written + JUDGE_TEMPLATE,
            written=limit / 2,
            limit=limit,
            batch=judge.get("batch_size", 64),
        )
    else:
        tokens = questions * length
        task = Read(load, questions, tokens, tokens, judge.get("batch_tokens", 8192), "words")
    return Work("model", (task,), rows=questions, disk=questions * ROW_BYTES)


def judge_sft(config: Mapping, wildcards: Mapping) -> Work:
    judge = config["rejection_sampling"]["judge"]
    prompts = sizes(config, wildcards["dataset"]).prompts
    questions = 2 * prompts * len(config["compare"]["seeds"])
    if judge["kind"] == "model":
        return verdicts(config, wildcards, judge, judge, questions)
    parallel = judge["endpoint"].get("parallel", 8)
    waiting = questions * ANSWER_SECONDS / parallel
    return Work("table", waiting=waiting, rows=questions, disk=questions * 200)


def finetuning(config: Mapping, kind: str) -> Mapping:
    lora = {"lora": True} if kind == "lora" else {}
    return config["textual"]["finetuning"] | config["textual"][kind] | lora


def reward_on_text(config, own, model, settings, pairs, length, times=1) -> Train:
    """The training of a reward model on so many pairs of texts."""
    seen = pairs * settings["epochs"]
    gpus = config["textual"].get("gpus", 1) if model.get("gpu") else 1
    batch = settings["batch_size"]
    return Train(
        model["load"],
        texts=2 * seen,
        tokens=2 * seen * (own.prompt + length),
        steps=ceil(seen / batch),
        at_once=2 * (settings.get("device_batch_size") or ceil(batch / gpus)),
        longest=longest(own, model["load"]),
        settings=settings,
        gpus=gpus,
        times=times,
    )


def train_annotator(config: Mapping, wildcards: Mapping) -> Work:
    annotator = config["textual"]["annotator"]
    own, model = sizes(config, wildcards["dataset"]), config["models"][annotator["model"]]
    kind = "lora" if annotator.get("lora") else "full"
    own_settings = {k: v for k, v in annotator.items() if k not in ("model", "lora")}
    settings = finetuning(config, kind) | own_settings
    task = reward_on_text(config, own, model, settings, own.train, own.answer)
    saved = stored(model["load"], "reward", dtype=settings.get("dtype"))
    return Work("model", (task,), rows=own.train, stored=saved)


def scales_of(config: Mapping, method: str, job: str) -> list[int]:
    """The scales that a training job has, as in the workflow's common_text.smk."""
    if job == "table_6":
        return [config["textual"]["table_6"]["scale"]]
    return [k for k in config["textual"]["jobs"][job] if k > 1 or method in WITH_ORIGINAL]


def train_text(config: Mapping, wildcards: Mapping) -> Work:
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    method, seeds = wildcards["method"], len(config["compare"]["seeds"])
    settings = finetuning(config, "full" if method in FULL else "lora")
    n_pairs = min(int(wildcards["n_pairs"]), own.train)
    repeated = method.endswith("_repeat")
    scales = scales_of(config, method, wildcards["job"])
    tasks = tuple(
        reward_on_text(
            config,
            own,
            model,
            settings,
            n_pairs * scale,
            own.answer if repeated else (own.answer + (scale - 1) * own.written) / scale,
            seeds,
        )
        for scale in scales
    )
    rows = sum(n_pairs * scale for scale in scales) * seeds
    if settings.get("lora"):
        return Work(
            "model", tasks, rows=rows, stored={("adapters", *key(model)): len(tasks) * seeds}
        )
    saved = stored(model["load"], "reward", len(tasks) * seeds, settings.get("dtype"))
    return Work("model", tasks, rows=rows, stored=saved)


def key(model: Mapping) -> tuple:
    return model["load"]["model"], model["load"].get("revision")


def evolve_pairs(config: Mapping, wildcards: Mapping) -> Work:
    """In every round, of every scale and seed: a training on what has joined so far, and scores of
    all responses."""
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    settings, seeds = finetuning(config, "full"), len(config["compare"]["seeds"])
    rounds = config["textual"]["self_evolved"]["rounds"]
    n_pairs = min(int(wildcards["n_pairs"]), own.train)
    prompts = answered_prompts(config, wildcards) / seeds  # a seed's own
    count = config["textual"]["responses"]
    tasks = []
    for scale in config["compare"]["scales"]:
        for number in range(rounds):
            pairs = n_pairs * (1 + (scale - 1) * number / rounds)
            tasks.append(reward_on_text(config, own, model, settings, pairs, own.answer, seeds))
            scored = read(
                model["load"], own, prompts, count, own.written, 8192, head="reward", times=seeds
            )
            tasks.append(scored)
    rows = seeds * n_pairs * sum(scale - 1 for scale in config["compare"]["scales"])
    return Work("model", tuple(tasks), rows=rows, disk=rows * TEXT_BYTES * 2 * own.text)


def best_of_n_text(config: Mapping, wildcards: Mapping) -> Work:
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    models = len(config["compare"]["seeds"]) * len(
        scales_of(config, wildcards["method"], wildcards["job"])
    )
    count = candidates(config, wildcards["dataset"], wildcards["model"])
    tokens = batch_tokens(model)
    tasks = (
        read(model["load"], own, own.prompts, count, own.written, tokens, True, "reward", models),
        read(model["load"], own, own.test, 2, own.answer, tokens, True, "reward", models),
    )
    rows = models * (5 * own.prompts + own.test)
    return Work("model", tasks, rows=rows, disk=rows * ROW_BYTES)


def pick_responses(config: Mapping, wildcards: Mapping) -> Work:
    chosen = config["rejection_sampling"]
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    method = chosen["reward_models"][wildcards["picker"]]["method"]
    rows = chosen["prompts"] * len(config["compare"]["seeds"])
    disk = rows * TEXT_BYTES * own.text
    if method not in FULL and method not in ("lora", "lora_repeat"):
        return Work("torch", rows=rows, disk=disk)
    task = read(
        model["load"],
        own,
        chosen["prompts"],
        chosen["candidates"],
        own.written,
        batch_tokens(model),
        head="reward",
        times=len(config["compare"]["seeds"]),
    )
    return Work("model", (task,), rows=rows, disk=disk)


def train_sft(config: Mapping, wildcards: Mapping) -> Work:
    chosen, seeds = config["rejection_sampling"], len(config["compare"]["seeds"])
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    settings = chosen["sft"]
    gpus = config["textual"].get("gpus", 1) if model.get("gpu") else 1
    seen = chosen["prompts"] * settings["epochs"]
    most = longest(own, settings)
    task = Train(
        model["load"],
        texts=seen,
        tokens=seen * min(most, own.prompt + own.written),
        steps=ceil(seen / settings["batch_size"]),
        at_once=settings.get("device_batch_size") or ceil(settings["batch_size"] / gpus),
        longest=most,
        settings=settings,
        head="words",
        gpus=gpus,
        times=seeds,
    )
    saved = stored(model["load"], "words", seeds, settings.get("dtype"))
    return Work("model", (task,), rows=seeds * chosen["prompts"], stored=saved)


def sample_sft(config: Mapping, wildcards: Mapping) -> Work:
    """Each seed's model answers each test prompt once."""
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    generation = model["generation"] | {"candidates": 1}
    return answers(model, generation, own, own.prompts, len(config["compare"]["seeds"]))


def score_sft(config: Mapping, wildcards: Mapping) -> Work:
    own = sizes(config, wildcards["dataset"])
    return gold(config, own, own.prompts, len(config["compare"]["seeds"]), own.written)


def judge_bench(config: Mapping, wildcards: Mapping) -> Work:
    """Embeddings for the heads, and scores by text reward models at scale 1 and the table's."""
    own, model = sizes(config, wildcards["dataset"]), of_model(config, wildcards)
    built = str(config["reward_bench"].get("path") or "").startswith("results/")
    pairs = config["world"]["bench"]["count"] if built else config["plan"]["bench_pairs"]
    tokens = batch_tokens(model)
    tasks = [read(model["load"], own, pairs, 2, own.answer, tokens)]
    judged = {"full_finetune", "full_finetune_repeat"} & set(config["textual"]["methods"])
    if judged:
        times = (2 * len(judged) - 1) * len(config["compare"]["seeds"])
        tasks.append(
            read(model["load"], own, pairs, 2, own.answer, tokens, head="reward", times=times)
        )
    return Work("model", tuple(tasks), rows=pairs, disk=pairs * ROW_BYTES * 10)
