"""What a stage has before it, from the resolved config and a job's wildcards."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lens.data.settings import PairsSettings
from lens.language.settings import DTYPES
from lens.plan.architectures import Architecture, find, of_the_world
from lens.plan.machines import CPU, STEP_SECONDS
from lens.plan.tasks import Task

Section = Mapping[str, Any]
JUDGE_TEMPLATE = 200  # tokens of our own prompt for a judge
SHARDS = {"embed": "embedding", "generate": "generation", "sample": "generation", "score": "gold"}


def dataset(config: Section, name: str) -> SimpleNamespace:
    """A dataset's numbers of pairs (`train`, `test`) and `prompts`, and its mean lengths in tokens:
    `prompt`, `answer`, `written` answer, `longest` text. As the section `plan` states them, within
    the limits of the dataset's section; rows of a local JSONL file are counted."""
    stated = config["plan"]["texts"].get(name) or config["plan"]["texts"]["other"]
    own = config["datasets"][name]
    pairs, default = own["pairs"], PairsSettings.model_fields
    count, path = stated["pairs"], pairs.get("path", "")
    if path.startswith("results/"):
        count = config["world"]["texts"]["pairs"]
    elif path.endswith(".jsonl") and Path(path).is_file():
        with open(path, "rb") as file:
            count = sum(1 for _ in file)
    train, test = count, stated.get("test_pairs", count)
    if not (pairs.get("test_split") or pairs.get("test_path")):
        test = count * pairs.get("test_fraction", default["test_fraction"].default)
        train = count - test
    limits = {
        "train": int(min(train, pairs.get("max_train_pairs") or train)),
        "test": int(min(test, pairs.get("max_test_pairs") or test)),
        "prompts": stated.get("pool_prompts", 1000)
        if "pool" in own
        else pairs.get("test_prompts", default["test_prompts"].default),
    }
    return SimpleNamespace(**{**stated, **limits})


class Stage:
    """A job's settings, and what several rules do with them."""

    def __init__(self, config: Section, rule: str, wildcards: Mapping[str, str]):
        self.config, self.wildcards = config, wildcards
        self.seeds = len(config["compare"]["seeds"])
        self.shards = 1
        if "shard" in wildcards:
            self.shards = config["shards"][SHARDS[rule.split("_")[0]]]["jobs"]
        if "dataset" in wildcards:
            self.data = dataset(config, wildcards["dataset"])
            self.pool = config["datasets"][wildcards["dataset"]].get("pool")
            self.candidate = self.data.answer if self.pool else self.data.written
        if "model" in wildcards:
            self.model = config["models"][wildcards["model"]]
            self.dim = self.shape(self.model["load"]).hidden  # of embeddings
        if "n_pairs" in wildcards:
            self.n_pairs = min(int(wildcards["n_pairs"]), self.data.train)

    def shape(self, load: Section) -> Architecture:
        if load["model"].startswith(f"results/{self.config['run']}/"):
            return of_the_world(self.config)
        return find(load["model"], load.get("revision"))

    @property
    def count(self) -> int:
        """Answers to each test prompt: the pool's, or those of a model."""
        if self.pool:
            return self.pool.get("max_candidates", 16)
        name = self.wildcards.get("source") or self.wildcards["model"]
        models = self.config["models"]
        return models[models[name].get("candidates_from", name)]["generation"]["candidates"]

    @property
    def asked(self) -> tuple[float, int]:
        """(prompts, responses to each): held-out ones, or those of the N pairs of any seed, which
        draw from the same training pairs."""
        if self.wildcards.get("prompts") == "held_out":
            chosen = self.config["rejection_sampling"]
            return chosen["prompts"], chosen["candidates"]
        given = self.wildcards.get("prompts") or self.wildcards["n_pairs"]
        missed = (1 - min(1, int(given.removeprefix("n")) / self.data.train)) ** self.seeds
        return round(self.data.train * (1 - missed)), self.config["textual"]["responses"]

    @property
    def scales(self) -> list[int]:
        """The scales of a training job on text; at 1 only methods that no control repeats."""
        textual, job = self.config["textual"], self.wildcards["job"]
        if job == "table_6":
            return [textual["table_6"]["scale"]]
        alone = self.wildcards["method"] in ("full_finetune", "lora")
        return [scale for scale in textual["jobs"][job] if scale > 1 or alone]

    def task(self, use: str, load: Section, dtype: str | None = None, **more: Any) -> Task:
        dtype = dtype or DTYPES[load.get("precision", "high")]
        return Task(use=use, model=load["model"], shape=self.shape(load), dtype=dtype, **more)

    def reading(
        self, entry: Section, prompts: float, answers: int, length: float, **more: Any
    ) -> Task:
        """The model of an entry of the config reads its shard of the answers to each prompt, which
        share the prompt unless they are cut."""
        load, whole, texts = entry["load"], self.data.prompt + length, prompts * answers
        most = min(load.get("max_length") or whole, whole)
        more = {"shared": answers > 1 and most == whole, **more}
        each = self.data.prompt / answers + length if more["shared"] else most
        batch = entry.get("batch_tokens") or entry["embedding"].get("batch_tokens", 8192)
        texts /= self.shards
        return self.task("reading", load, texts=texts, tokens=texts * each, batch=batch, **more)

    def embedding(self, prompts: float, answers: int, length: float) -> Task:
        more = {} if self.model["embedding"].get("pooling") == "last" else {"shared": False}
        return self.reading(self.model, prompts, answers, length, **more)

    def scoring(self, prompts: float, answers: int, length: float, times: int) -> Task:
        """`times` reward models of the model's shape score the answers to each prompt."""
        return self.reading(self.model, prompts, answers, length, head="reward", times=times)

    def writing(self, load: Section, own: Section, answers: float, more: float, times: int) -> Task:
        """`times` models answer prompts that are `more` tokens longer than the data's. Each batch
        takes a step per token that an answer may have; with vLLM, where rows that end make room,
        per token of the mean answer."""
        limit, batch = own["max_new_tokens"], own.get("batch_size", 64)
        steps = min(limit, self.data.written) if own.get("engine") == "vllm" else limit
        return self.task(
            "generation",
            load,
            head="words",
            times=times,
            texts=answers,
            tokens=answers * (self.data.prompt + more + steps),
            batch=batch,
            longest=min(self.data.longest, load.get("max_length") or self.data.longest) + more,
            limit=limit,
            steps=ceil(answers / batch) * steps,
        )

    def answers(self, prompts: float, count: int, times: int = 1) -> Task:
        """`times` models write this shard of `count` answers to each prompt."""
        load, own, texts = self.model["load"], self.model["generation"], prompts * count
        return self.writing(load, own, texts / self.shards, 0, times)

    def verdicts(self, judge: Section, load: Section, questions: float) -> Task:
        """Questions to a local model, each with a prompt and two answers."""
        length = 2 * self.data.written + (0 if judge.get("template") else JUDGE_TEMPLATE)
        if judge.get("verdict") == "text":
            return self.writing(load, {"max_new_tokens": 512, **judge}, questions, length, 1)
        entry = {"load": load, "batch_tokens": judge.get("batch_tokens", 8192)}
        return self.reading(entry, questions, 1, length, head="words")

    def finetuning(self, kind: str) -> dict[str, Any]:
        """The settings of "full" fine-tuning or of "lora"."""
        textual = self.config["textual"]
        return {**textual["finetuning"], **textual[kind], "lora": kind == "lora"}

    def training(
        self, entry: Section, own: Section, rows: float, length: float, **more: Any
    ) -> Task:
        """Pairs, or with a head of words texts, of a mean length are trained on."""
        more = {"head": "reward", "times": self.seeds, **more}
        texts = rows * own["epochs"] * (2 if more["head"] == "reward" else 1)
        gpus = self.config["textual"].get("gpus", 1) if entry.get("gpu") else 1
        longest = own.get("max_length") or entry["load"].get("max_length") or self.data.longest
        return self.task(
            "training",
            entry["load"],
            texts=texts,
            tokens=texts * min(longest, length),
            batch=own.get("device_batch_size") or ceil(own["batch_size"] / gpus),
            longest=min(longest, self.data.longest),
            steps=ceil(rows * own["epochs"] / own["batch_size"]),
            gpus=gpus,
            settings=own,
            dtype=own.get("dtype"),
            **more,
        )

    def world(self, name: str, head: str) -> Task:
        """A model of the offline world is trained."""
        own, load = self.config["world"][name], {"model": f"results/{self.config['run']}/"}
        texts, steps, batch = own["steps"] * own["batch_size"], own["steps"], own["batch_size"]
        tokens = texts * self.config["plan"]["world_length"]
        more = {"texts": texts, "tokens": tokens, "steps": steps, "batch": batch, "longest": 128}
        return self.task("training", load, head=head, **more)

    def kept(self, n_pairs: int) -> int:
        """Those of N pairs that are not for validation."""
        return ceil(n_pairs * (1 - self.config["training"]["validation_fraction"]))

    def products(self, steps: float, flops: float) -> float:
        """Seconds of heads or VAEs of all seeds, which train side by side on a core."""
        return steps * STEP_SECONDS + flops * self.seeds / CPU.rate("float32", self.dim)

    def vae_seconds(self, pairs: int, vae: Section, epochs: float) -> float:
        """Both answers pass through encoder and decoder, and their gradients come back but for that
        of the embeddings."""
        flops = 4 * (5 * self.dim * vae["hidden"] + 9 * vae["hidden"] * vae["latent"])
        return self.products(epochs * ceil(pairs / vae["batch_size"]), epochs * pairs * flops)

    def reward_seconds(self, pairs: int, reward: Section) -> float:
        """Both answers pass through the MLP, and the gradients of its weights come back. Training
        stops after `plan.reward_steps` steps, but not before its patience is over."""
        steps = ceil(pairs / reward["batch_size"])
        stop = max(reward["patience"] + 1, self.config["plan"]["reward_steps"] / steps)
        epochs = min(reward["epochs"], stop)
        return self.products(epochs * steps, epochs * pairs * 8 * self.dim * reward["hidden"])
