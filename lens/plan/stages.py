"""What a stage has before it, from the config and a job's wildcards."""

from functools import cached_property
from math import ceil
from typing import Any

from lens.language.settings import (
    DTYPES,
    FinetuningSettings,
    GenerationSettings,
    LoadSettings,
)
from lens.latent.settings import VaeSettings
from lens.plan.architectures import Architecture, find, of_the_world
from lens.plan.machines import DEVICES, STEP_SECONDS
from lens.plan.tasks import Task
from lens.reward.settings import HeadSettings
from lens.textspace.settings import JudgingSettings
from lens.workflow import resources
from lens.workflow.config import Config
from lens.workflow.inputs import SHARDED, jobs_of
from lens.workflow.paths import built
from lens.workflow.sections import Gold, Model

JUDGE_TEMPLATE = 200  # tokens of our own prompt for a judge


class Stage:
    """A job's settings, and what several rules do with them."""

    def __init__(self, config: Config, rule: str, at: Any):
        self.config, self.at = config, at
        self.seeds = len(config.compare.seeds)
        self.shards = jobs_of(config, rule) if rule in SHARDED else 1
        if hasattr(at, "dataset"):
            self.data = resources.rows(config, at.dataset)
            self.count = resources.candidates(config, at)
            pool = config.datasets[at.dataset].pool
            self.candidate = self.data.answer if pool else self.data.written
        if hasattr(at, "model"):
            self.model = config.models[at.model]
            self.dim = self.shape(self.model.load).hidden  # of embeddings
        if hasattr(at, "n_pairs"):
            self.n_pairs = min(int(at.n_pairs), self.data.train)

    @cached_property
    def asked(self) -> tuple[int, int]:
        """(prompts, responses to each)."""
        return resources.asked(self.config, self.at)

    def shape(self, load: LoadSettings) -> Architecture:
        if built(load.model):
            base_model = self.config.world.base_model
            return of_the_world(base_model.hidden, base_model.layers, base_model.heads)
        return find(load.model, load.revision)

    def task(self, use: str, load: LoadSettings, **more: Any) -> Task:
        given = {"model": load.model, "shape": self.shape(load), "dtype": DTYPES[load.precision]}
        return Task(use=use, **given | more)

    def reading(
        self, entry: Model | Gold, prompts: float, answers: int, length: float, **more: Any
    ) -> Task:
        """The model of an entry of the config reads its shard of the answers to each prompt, which
        share the prompt unless they are cut."""
        whole, texts = self.data.prompt + length, prompts * answers / self.shards
        most = min(entry.load.max_length or whole, whole)
        more = {"shared": answers > 1 and most == whole, **more}
        per_answer = self.data.prompt / answers + length if more["shared"] else most
        batch = entry.embedding.batch_tokens if isinstance(entry, Model) else entry.batch_tokens
        given = {"texts": texts, "tokens": texts * per_answer, "batch": batch, **more}
        return self.task("reading", entry.load, **given)

    def embedding(self, prompts: float, answers: int, length: float) -> Task:
        more = {} if self.model.embedding.pooling == "last" else {"shared": False}
        return self.reading(self.model, prompts, answers, length, **more)

    def scoring(self, prompts: float, answers: int, length: float, times: int) -> Task:
        """`times` reward models of the model's shape score the answers to each prompt."""
        return self.reading(self.model, prompts, answers, length, head="reward", times=times)

    def gold(self, answers: int, length: float) -> Task:
        assert self.config.gold is not None
        return self.reading(self.config.gold, self.data.prompts, answers, length, head="reward")

    def writing(
        self,
        load: LoadSettings,
        own: GenerationSettings | JudgingSettings,
        answers: float,
        more: int = 0,
        times: int = 1,
    ) -> Task:
        """`times` models answer prompts that are `more` tokens longer than the data's. Each batch
        takes a step per token that an answer may have; with vLLM, where rows that end make room,
        per token of the mean answer."""
        limit, batch, longest = own.max_new_tokens, own.batch_size, self.data.longest
        fast = getattr(own, "engine", "hf") == "vllm"
        steps = min(limit, self.data.written) if fast else limit
        return self.task(
            "generation",
            load,
            head="words",
            times=times,
            texts=answers,
            tokens=answers * (self.data.prompt + more + steps),
            batch=batch,
            longest=min(longest, load.max_length or longest) + more,
            limit=limit,
            steps=ceil(answers / batch) * steps,
        )

    def answers(self, texts: float, times: int = 1) -> Task:
        """`times` models write a shard of the answers."""
        generation = self.model.generation or GenerationSettings()
        return self.writing(self.model.load, generation, texts / self.shards, times=times)

    def verdicts(self, judge: JudgingSettings, load: LoadSettings, questions: float) -> Task:
        """Questions to a local model, each with a prompt and two answers."""
        length = int(2 * self.data.written) + (0 if judge.template else JUDGE_TEMPLATE)
        if judge.verdict == "text":
            return self.writing(load, judge, questions, length)
        tokens = questions * (self.data.prompt + length)
        more = {"texts": questions, "tokens": tokens, "batch": judge.batch_tokens}
        return self.task("reading", load, head="words", **more)

    def training(
        self, entry: Model, settings: dict, pairs: float, length: float, **more: Any
    ) -> Task:
        """Pairs, or with a head of words texts, of a mean length are trained on."""
        more = {"head": "reward", "times": self.seeds, **more}
        usual = FinetuningSettings().model_dump() | {"lora": False}
        given = {**usual, **{key: value for key, value in settings.items() if value is not None}}
        texts = pairs * given["epochs"] * (2 if more["head"] == "reward" else 1)
        gpus = self.config.textual.gpus if entry.gpu else 1
        longest = given["max_length"] or entry.load.max_length or self.data.longest
        if given["lora"]:
            everywhere = "all-linear" in given.get("lora_targets", [])
            rank = given.get("lora_rank", 16)
            more["adapters"] = self.shape(entry.load).adapters(rank, everywhere)
        return self.task(
            "training",
            entry.load,
            dtype=given["dtype"] or DTYPES[entry.load.precision],
            texts=texts,
            tokens=texts * min(longest, length),
            batch=given["device_batch_size"] or ceil(given["batch_size"] / gpus),
            longest=min(longest, self.data.longest),
            steps=ceil(pairs * given["epochs"] / given["batch_size"]),
            gpus=gpus,
            checkpointing=given["gradient_checkpointing"],
            bf16=given["bf16"],
            **more,
        )

    def world(self, name: str, head: str) -> Task:
        """A model of the offline world is trained."""
        section, load = getattr(self.config.world, name), LoadSettings(model="results/")
        texts = section.steps * section.batch_size
        more = {"texts": texts, "steps": section.steps, "batch": section.batch_size, "longest": 128}
        tokens = texts * self.config.plan.world_length
        return self.task("training", load, head=head, tokens=tokens, dtype="float32", **more)

    def kept(self, n_pairs: int) -> int:
        """Those of N pairs that are not for validation."""
        return ceil(n_pairs * (1 - self.config.training.validation_fraction))

    def products(self, steps: float, flops: float) -> float:
        """Seconds of heads or VAEs of all seeds, which train side by side on a core."""
        return steps * STEP_SECONDS + flops * self.seeds / DEVICES["cpu"].rate("float32", self.dim)

    def vae_seconds(self, pairs: int, vae: VaeSettings, epochs: int) -> float:
        """Both answers pass through encoder and decoder, and their gradients come back but for that
        of the embeddings."""
        flops = 4 * (5 * self.dim * vae.hidden + 9 * vae.hidden * vae.latent)
        return self.products(epochs * ceil(pairs / vae.batch_size), epochs * pairs * flops)

    def reward_seconds(self, pairs: int, reward: HeadSettings) -> float:
        """Both answers pass through the MLP, and the gradients of its weights come back. Training
        stops after `plan.reward_steps` steps, but not before its patience is over."""
        steps = ceil(pairs / reward.batch_size)
        stop = max(reward.patience + 1, self.config.plan.reward_steps / steps)
        epochs = min(reward.epochs, stop)
        return self.products(epochs * steps, epochs * pairs * 8 * self.dim * reward.hidden)
