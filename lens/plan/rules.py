"""What the job of each rule does, from the config and the job's wildcards."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from types import SimpleNamespace
from typing import Any, NamedTuple

from lens.core.errors import LensError
from lens.language.settings import DTYPES, FinetuningSettings, LoadSettings
from lens.latent.settings import VaeSettings
from lens.plan.architectures import WORLD_WORDS, Architecture, find, from_config
from lens.plan.tasks import CPU, Device, Task
from lens.reward.methods import METHODS
from lens.reward.settings import HeadSettings
from lens.textspace.settings import JudgingSettings
from lens.workflow import resources
from lens.workflow.cells import scales_of
from lens.workflow.config import Config
from lens.workflow.flags import annotator, finetuning
from lens.workflow.inputs import SHARDED, jobs_of, picks_from_text
from lens.workflow.paths import built
from lens.workflow.sections import Model

START = 1.2  # seconds of a command that does nothing
STEP = 2e-3  # seconds of a step of a head or VAE beside its products
TEMPLATE = 200  # tokens of our own prompt for a judge


class Work(NamedTuple):
    """A job's tasks of language models, other seconds, and bytes that it writes."""

    tasks: tuple[Task, ...] = ()
    other_seconds: float = 0
    disk: float = 1e5

    def seconds(self, device: Device) -> float:
        """From the job's start to its end; language models run on the device."""
        return START + self.other_seconds + sum(task.seconds(device) for task in self.tasks)


class Stage:
    """A job's settings, and what several rules do with them."""

    def __init__(self, config: Config, rule: str, at: Any):
        self.config, self.at, self.seeds = config, at, len(config.compare.seeds)
        self.shards = jobs_of(config, rule) if rule in SHARDED else 1
        if hasattr(at, "dataset"):
            self.data = resources.rows(config, at.dataset)
            self.count = resources.candidates(config, at)
        if hasattr(at, "prompts") or hasattr(at, "n_pairs"):
            self.asked = resources.asked(config, at)  # (prompts, responses to each)
        if hasattr(at, "model"):
            self.model = config.models[at.model]
            self.dim = self.shape(self.model.load).hidden  # of embeddings
        if hasattr(at, "n_pairs"):
            self.n_pairs = min(int(at.n_pairs), self.data.train)

    def shape(self, load: LoadSettings) -> Architecture:
        """Of a model of the Hub, or of those that the offline world trains."""
        if not built(load.model):
            return find(load.model, load.revision)
        base = self.config.world.base_model
        sizes = {"hidden_size": base.hidden, "intermediate_size": 2 * base.hidden}
        sizes |= {"num_hidden_layers": base.layers, "num_attention_heads": base.heads}
        return from_config({**sizes, "vocab_size": WORLD_WORDS, "tie_word_embeddings": False})

    def task(self, use: str, load: LoadSettings, **more: Any) -> Task:
        fields = {"model": load.model, "shape": self.shape(load), "dtype": DTYPES[load.precision]}
        return Task(use=use, **fields | more)

    def reading(
        self, load: LoadSettings, prompts: float, answers: int, *, length: float = 0, **more: Any
    ) -> Task:
        """A shard of the answers, of the model's own length unless another is given, to each
        prompt, which they share."""
        prompts /= self.shards
        tokens = prompts * (self.data.prompt + answers * (length or self.data.written))
        return self.task("reading", load, texts=prompts * answers, tokens=tokens, **more)

    def gold(self, answers: int) -> Task:
        assert self.config.gold is not None
        return self.reading(self.config.gold.load, self.data.prompts, answers, head="reward")

    def answers(self, prompts: float, count: int) -> Task:
        """A shard of the model's answers to each prompt, which is read once."""
        prompts /= self.shards
        texts = prompts * count
        sizes = {"tokens": texts * self.data.written, "prompts": prompts * self.data.prompt}
        return self.task("generation", self.model.load, texts=texts, head="words", **sizes)

    def verdicts(self, judge: JudgingSettings, load: LoadSettings, questions: float) -> Task:
        """Questions to a local model, each with a prompt and two answers."""
        length = self.data.prompt + 2 * self.data.written + (0 if judge.template else TEMPLATE)
        use = "generation" if judge.verdict == "text" else "reading"
        return self.task(use, load, texts=questions, tokens=questions * length, head="words")

    def training(
        self, entry: Model, settings: dict, pairs: float, length: float, **more: Any
    ) -> Task:
        """Pairs, or with a head of words texts, of a mean length are trained on."""
        more = {"head": "reward", "times": self.seeds, **more}
        usual = FinetuningSettings().model_dump() | {"lora": False}
        options = usual | {key: value for key, value in settings.items() if value is not None}
        texts = pairs * options["epochs"] * (2 if more["head"] == "reward" else 1)
        if options["lora"]:
            everywhere = "all-linear" in options.get("lora_targets", [])
            rank = options.get("lora_rank", 16)
            more["adapters"] = self.shape(entry.load).adapters(rank, everywhere)
        more |= {"gpus": self.config.textual.gpus if entry.gpu else 1, "bf16": options["bf16"]}
        more |= {"dtype": options["dtype"] or DTYPES[entry.load.precision]}
        tokens = texts * min(options["max_length"] or length, length)
        return self.task("training", entry.load, texts=texts, tokens=tokens, **more)

    def world(self, name: str, head: str) -> Task:
        """A model of the offline world is trained."""
        section, load = getattr(self.config.world, name), LoadSettings(model="results/")
        texts = section.steps * section.batch_size
        tokens = texts * self.config.plan.world_length
        return self.task("training", load, texts=texts, tokens=tokens, dtype="float32", head=head)

    def training_pairs(self, n_pairs: int) -> int:
        """Those of N pairs that are not for validation."""
        return ceil(n_pairs * (1 - self.config.training.validation_fraction))

    def heads(
        self, pairs: int, settings: VaeSettings | HeadSettings, epochs: float, passes: int
    ) -> float:
        """Seconds of VAEs or reward models of all seeds, trained side by side on a core. `passes`
        are how often both answers go through a layer, gradients included."""
        steps = epochs * ceil(pairs / settings.batch_size)
        flops = 4 * passes * self.dim * settings.hidden * epochs * pairs * self.seeds
        return steps * STEP + CPU.products(flops, "float32", self.dim)

    def vae_seconds(self, pairs: int, vae: VaeSettings, epochs: int) -> float:
        return self.heads(pairs, vae, epochs, 5)

    def reward_seconds(self, pairs: int, reward: HeadSettings) -> float:
        """Training stops after `plan.reward_steps` steps, but not before its patience is over."""
        stop = self.config.plan.reward_steps / ceil(pairs / reward.batch_size)
        return self.heads(pairs, reward, min(reward.epochs, max(reward.patience + 1, stop)), 2)


def train_vae(job: Stage) -> Work:
    vae = job.config.vae
    seconds = job.vae_seconds(job.training_pairs(job.n_pairs), vae, vae.epochs)
    return Work(other_seconds=seconds, disk=job.seeds * 8 * job.dim * vae.hidden)


def train_reward(job: Stage) -> Work:
    """Probes are found in a second."""
    reward, method = job.config.reward, METHODS.get(job.at.method)
    pairs = job.training_pairs(job.n_pairs) * int(job.at.scale)
    seconds = 1.0 if method and method.probe else job.reward_seconds(pairs, reward)
    return Work(other_seconds=seconds, disk=job.seeds * 4 * job.dim * reward.hidden)


def theory_points(job: Stage) -> Work:
    """At every size: VAEs twice, and reward models `original`, and `repeat` and `lens` at each
    scale; and the reference on the largest."""
    theory, whole = job.config.theory, job.data.train
    vae = VaeSettings(**job.config.vae.given() | theory.vae.given())
    reward = HeadSettings(**job.config.reward.given() | theory.reward.given())
    smaller = [n for n in theory.n_pairs if n < whole]
    seconds = job.reward_seconds(job.training_pairs(whole), reward)
    for pairs in map(job.training_pairs, [*smaller, whole]):
        epochs = max(1, round(theory.vae_steps / ceil(pairs / vae.batch_size)))
        seconds += job.vae_seconds(pairs, vae, vae.epochs + epochs)
    scales = (1, *theory.scales, *theory.scales)
    return Work(
        other_seconds=seconds
        + sum(
            job.reward_seconds(job.training_pairs(n) * k, reward) for n in smaller for k in scales
        )
    )


def train_annotator(job: Stage) -> list[Task]:
    settings, length = job.config.textual.annotator, job.data.prompt + job.data.answer
    options = finetuning(job.config, "lora" if settings.lora else "full") | settings.given()
    return [job.training(annotator(job.config), options, job.data.train, length, times=1)]


def judge_responses(job: Stage) -> list[Task]:
    judge, (prompts, count) = job.config.textual.self_rewarding, job.asked
    pairs = min(judge.pairs, count * (count - 1) // 2)
    return [job.verdicts(judge, job.model.load, 2 * pairs * prompts)]  # in both orders


def evolve_pairs(job: Stage) -> list[Task]:
    """In every round, of every scale and seed: a training on what has joined so far, and scores of
    all responses."""
    data, (prompts, count), scales = job.data, job.asked, job.config.compare.scales
    settings, rounds = finetuning(job.config, "full"), job.config.textual.self_evolved.rounds
    sizes = [job.n_pairs * (1 + (k - 1) * r / rounds) for k in scales for r in range(rounds)]
    times, length = job.seeds * len(sizes), data.prompt + data.answer
    scores = job.reading(job.model.load, prompts / job.seeds, count, head="reward", times=times)
    return [*(job.training(job.model, settings, size, length) for size in sizes), scores]


def train_text(job: Stage) -> list[Task]:
    """At scale k a pair of the data is followed by k - 1 with written answers, or by itself."""
    method, data = job.at.method, job.data
    settings = finetuning(job.config, "lora" if method.startswith("lora") else "full")
    length = data.prompt + (data.answer if method.endswith("_repeat") else data.written)
    scales = scales_of(job.config, method, job.at.job)
    return [job.training(job.model, settings, job.n_pairs * scale, length) for scale in scales]


def best_of_n_text(job: Stage) -> list[Task]:
    times, load = job.seeds * len(scales_of(job.config, job.at.method, job.at.job)), job.model.load
    return [
        job.reading(load, job.data.prompts, job.count, head="reward", times=times),
        job.reading(load, job.data.test, 2, length=job.data.answer, head="reward", times=times),
    ]


def pick_responses(job: Stage) -> list[Task]:
    sampling, times = job.config.rejection_sampling, job.seeds * picks_from_text(job.config, job.at)
    return [
        job.reading(
            job.model.load, sampling.prompts, sampling.candidates, head="reward", times=times
        )
    ]


def train_sft(job: Stage) -> list[Task]:
    chosen, length = job.config.rejection_sampling, job.data.prompt + job.data.written
    return [job.training(job.model, chosen.sft.given(), chosen.prompts, length, head="words")]


def judge_sft(job: Stage) -> list[Task]:
    """Nothing of ours where an endpoint judges."""
    judge, questions = job.config.rejection_sampling.judge, 2 * job.data.prompts * job.seeds
    load = None if judge.kind == "endpoint" else judge.load
    return [job.verdicts(judge, load, questions)] if load else []


def judge_bench(job: Stage) -> list[Task]:
    """Embeddings for the heads; text reward models score as many texts again, each seed's."""
    config, load, answer = job.config, job.model.load, job.data.answer
    is_built = built(config.reward_bench.path)
    pairs = config.world.bench.count if is_built else config.plan.bench_pairs
    times = job.seeds * ("full_finetune" in config.textual.methods)
    scores = job.reading(load, pairs, 2, length=answer, head="reward", times=times)
    return [job.reading(load, pairs, 2, length=answer), scores]


RULES: dict[str, Callable[[Stage], Work | list[Task]]] = {
    "train_base_model": lambda job: [job.world("base_model", "words")],
    "train_gold_model": lambda job: [job.world("gold_model", "reward")],
    "embed_pairs": lambda job: [
        job.reading(job.model.load, job.data.train + job.data.test, 2, length=job.data.answer)
    ],
    "generate_candidates": lambda job: [job.answers(job.data.prompts, job.count)],
    "embed_candidates": lambda job: [job.reading(job.model.load, job.data.prompts, job.count)],
    "score_candidates": lambda job: [job.gold(job.count)],
    "sample_responses": lambda job: [job.answers(*job.asked)],
    "embed_responses": lambda job: [job.reading(job.model.load, *job.asked)],
    "score_responses": lambda job: [
        job.reading(annotator(job.config).load, *job.asked, head="reward")
    ],
    "score_likelihood": lambda job: [job.reading(job.model.load, *job.asked, head="words")],
    # The model of each seed answers each test prompt once.
    "sample_sft": lambda job: [job.answers(job.data.prompts * job.seeds, 1)],
    "score_sft": lambda job: [job.gold(job.seeds)],
}
RULES |= {
    rule.__name__: rule
    for rule in (
        *(train_vae, train_reward, theory_points),
        *(train_annotator, judge_responses, evolve_pairs, train_text, best_of_n_text),
        *(pick_responses, train_sft, judge_sft, judge_bench),
    )
}


def work_of(
    rule: str, wildcards: Mapping[str, str], config: Config, gpus: int = 0, cells: Sequence = ()
) -> Work:
    """What a job does, for several cells (method, scale) one after another. LensError for a rule
    that asks for a GPU and is not known here."""
    if rule not in RULES:
        if gpus:
            raise LensError(
                f"rule {rule} asks for a GPU, but lens/plan/rules.py does not know what it does. "
                "Add an entry of its name to RULES there."
            )
        return Work(other_seconds=0.2 * len(cells), disk=1e5 * max(1, len(cells)))
    if cells:
        at = [{**wildcards, "method": method, "scale": scale} for method, scale in cells]
        parts = [work_of(rule, cell, config) for cell in at]
        return Work((), sum(part.other_seconds for part in parts), sum(part.disk for part in parts))
    work = RULES[rule](Stage(config, rule, SimpleNamespace(**wildcards)))
    if isinstance(work, Work):
        return work
    tasks = tuple(task for task in work if task.times)
    saved = sum(task.saved for task in tasks) if rule.startswith(("embed_", "train_")) else 0
    return Work(tasks, disk=saved or 1e5)
