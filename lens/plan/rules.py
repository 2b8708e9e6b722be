"""What the job of each rule takes, from the config and the job's wildcards: seconds, bytes on disk
and the memory of language models."""

from collections.abc import Callable, Mapping
from functools import partialmethod
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from lens.core.errors import LensError
from lens.language.settings import DTYPES, LoadSettings
from lens.latent.settings import VaeSettings
from lens.plan.architectures import Architecture, find
from lens.plan.graph import Job
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

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
CONTEXT = 0.6e9  # bytes that CUDA takes of a GPU, or Python with torch of main memory
START, CELL = 1.2, 0.2  # seconds of a command that does nothing, and of each of its cells
MODEL = 6.0  # seconds of a model before its weights: libraries, tokenizer, how it reads texts
STEP = 2e-3  # seconds of a step of a head or VAE beside its products
TEMPLATE = 200  # tokens of a judge's prompt
BLOCKS = 1e9  # bytes of main memory of a few thousand wide embeddings, as they are worked on
WORLD_WORDS = 74  # tokens that the offline world's texts and chats need


class Device(NamedTuple):
    """The constants of the estimate."""

    rate: float  # FLOP/s that wide products in 16 bit reach
    rate_32: float  # in float32, as torch has it by default
    narrow: float  # width of products at which half of that is lost
    load_rate: float  # bytes/s of weights, from disk to the device
    writing: float  # passes of a written token, which waits for the weights to be read again
    error: float  # factor by which seconds may be off

    def products(self, flops: float, dtype: str, width: float) -> float:
        """Seconds of products of such a width."""
        rate = self.rate_32 if dtype == "float32" else self.rate
        return flops / (rate * width / (width + self.narrow))


def has_units(cpuinfo: str | None = None) -> bool:
    """Whether this CPU (or the one that the text of a /proc/cpuinfo is of) has AMX's units for
    bfloat16."""
    file = Path("/proc/cpuinfo")
    if cpuinfo is None:
        cpuinfo = file.read_text() if file.is_file() else ""
    return "amx_bf16" in cpuinfo.split()


# Of one core, measured (docs/plan.md): with AVX2, and with units for bfloat16.
AVX2 = Device(26e9, 26e9, 64, 300e6, 1.5, 2)
UNITS = Device(185e9, 60e9, 128, 300e6, 2.3, 2)
CPU = UNITS if has_units() else AVX2
GPU = Device(109e12, 6.8e12, 0, 1e9, 4.4, 3)  # 35 % of an A100's data sheet, not checked


class Work:
    """What a job has before it, and what it takes, as the function of its rule adds it up.

    LensError for a rule that asks for a GPU and is not known here.
    """

    def __init__(self, config: Config, job: Job):
        self.config, self.job, self.at = config, job, SimpleNamespace(**job.wildcards)
        self.device = GPU if job.gpus else CPU
        self.seconds, self.error, self.saved = START + CELL * len(job.cells), self.device.error, 0.0
        self.models: list[dict[str, Any]] = []
        self.arrays = 0.0  # bytes of main memory next to models
        self.load: Any = None
        self.gold: Any = config.gold and config.gold.load
        self.picks, self.seeds = config.rejection_sampling, len(config.compare.seeds)
        self.shards = jobs_of(config, job.rule) if job.rule in SHARDED else 1
        if "dataset" in job.wildcards:
            self.data = resources.rows(config, self.at.dataset)
            self.labelled = self.data.prompt + self.data.answer  # tokens
            self.written = self.data.prompt + self.data.written
            self.count = resources.candidates(config, self.at)
        if job.wildcards.keys() & {"prompts", "n_pairs"}:
            self.asked = resources.asked(config, self.at)  # (prompts, responses to each)
        if "model" in job.wildcards:
            self.model = config.models[self.at.model]
            self.load = self.model.load
        if "n_pairs" in job.wildcards:
            self.n_pairs = min(int(self.at.n_pairs), self.data.train)
        if job.rule in RULES:
            RULES[job.rule](self)
        elif job.gpus:
            raise LensError(
                f"rule {job.rule} asks for a GPU, but lens/plan/rules.py does not know what it "
                "does. Add an entry of its name to RULES there."
            )

    @property
    def kind(self) -> tuple:
        """What is comparable: in a job of one cell most seconds may be its start."""
        return self.job.rule, bool(self.job.cells), bool(self.job.gpus)

    def shape(self, load: LoadSettings) -> Architecture:
        if not built(load.model):
            return find(load.model, load.revision)
        base = self.config.world.base_model
        return Architecture(base.hidden, WORLD_WORDS, False, base.layers * 10 * base.hidden**2)

    def answers(self, use: str, prompts: float, count: int, **more: Any) -> None:
        """A model, `load` or that of the wildcards, reads or writes a shard of the answers to each
        prompt, which they share; `length` is theirs if it is not a model's mean."""
        load, length = more.pop("load", self.load), more.pop("length", self.data.written)
        texts, read = prompts * count / self.shards, prompts * self.data.prompt / self.shards
        self.runs(use, load, texts, texts * length, prompts=read, **more)

    reads = partialmethod(answers, "reading")
    writes = partialmethod(answers, "generation")

    def judges(self, judge: JudgingSettings, load: LoadSettings, questions: float) -> None:
        """A local judge reads two answers to a prompt and writes one, or gives a probability."""
        writes = judge.verdict == "text"
        use, length = ("generation", self.data.written) if writes else ("reading", 1)
        read = questions * (self.written + self.data.written + TEMPLATE)
        self.runs(use, load, questions, questions * length, prompts=read, words=True)

    def trains(self, model: Model, given: Mapping, n: float, length: float, **more: Any) -> None:
        """A model of each seed is trained on n pairs, or for words on texts, of a mean length."""
        more = {"times": self.seeds, "gpus": self.config.textual.gpus if model.gpu else 1} | more
        more |= {name: given.get(name) for name in ("lora", "bf16")}
        texts = n * (given.get("epochs") or 1) * (1 if more.get("words") else 2)
        tokens = texts * min(given.get("max_length") or length, length)
        self.runs("training", model.load, texts, tokens, **more)

    def runs(self, use: str, load: LoadSettings, texts: float, tokens: float, **more: Any) -> None:
        """`times` models, one after another, read or write so many tokens, or are trained on them,
        after they have read `prompts` tokens.

        In training a GPU also holds gradients, AdamW's two moments and float32 copies of 16-bit
        weights, which several GPUs share as in ZeRO-2.
        """
        words, lora, bf16 = (more.get(name, False) for name in ("words", "lora", "bf16"))
        words |= use == "generation"
        times, gpus, device = more.get("times", 1), more.get("gpus", 1), self.device
        shape, dtype = self.shape(load), DTYPES[load.precision]
        if use == "training" and not (lora and bf16):
            dtype = "float32"
        count = shape.parameters(words=words)
        stored = "float32" if device is CPU and use != "training" else dtype
        weights = held = count * BYTES[stored]
        passes = {"reading": 1, "training": 3, "generation": device.writing}[use]
        flops = passes * shape.flops(tokens, words=words) + shape.flops(more.get("prompts", 0))
        products = device.products(flops / gpus, "bfloat16" if bf16 else dtype, shape.hidden)
        self.seconds += MODEL + times * (weights / device.load_rate + products)
        if use == "reading":
            self.saved += texts * shape.hidden * BYTES[dtype]
        elif use == "training" and not lora:
            self.saved += times * weights
            held = weights + 3 * weights / gpus
            if bf16:  # autocast keeps a 16-bit copy
                held = 2 * count + (14 * count / gpus if gpus > 1 else 4 * weights)
        if times:
            row = {"model": load.model, "use": use + (", LoRA" if lora else ""), "gpus": gpus}
            row |= {"parameters": count, "weights": weights, "bytes": held + CONTEXT}
            self.models.append(row)

    def networks(self, n: float, settings: VaeSettings | HeadSettings, vae_steps: int = 0) -> None:
        """VAEs or reward models of all seeds are trained side by side on a core; VAEs again for
        `vae_steps`. Reward models stop after `plan.reward_steps` and their patience."""
        pairs = ceil(n * (1 - self.config.training.validation_fraction))
        steps: float = ceil(pairs / settings.batch_size)
        if isinstance(settings, HeadSettings):
            stop = self.config.plan.reward_steps / steps
            epochs, layers, passes = min(settings.epochs, max(settings.patience + 1, stop)), 1, 2
        else:  # the encoder twice and the decoder three times, gradients included
            again = max(1, round(vae_steps / steps)) if vae_steps else 0
            epochs, layers, passes = settings.epochs + again, 2, 5
        width = self.shape(self.load).hidden  # of embeddings
        weights = self.seeds * width * settings.hidden
        products = CPU.products(4 * passes * weights * epochs * pairs, "float32", width)
        self.seconds += epochs * steps * STEP + products
        self.saved += 4 * layers * weights


def train_world_model(work: Work) -> None:
    section = getattr(work.config.world, work.job.rule.removeprefix("train_"))
    texts = section.steps * section.batch_size
    tokens, load = texts * work.config.plan.world_length, LoadSettings(model="results/")
    work.runs("training", load, texts, tokens, words=section is work.config.world.base_model)


def train_reward(work: Work) -> None:
    """Of each cell; probes are found in a second."""
    for method, scale in work.job.cells or [(work.at.method, work.at.scale)]:
        if method in METHODS and METHODS[method].probe:
            work.seconds += 1
        else:
            work.networks(work.n_pairs * int(scale), work.config.reward)


def theory_points(work: Work) -> None:
    """At every size VAEs, twice, and reward models `original`, and `repeat` and `lens` at each
    scale; the reference on the largest."""
    theory, whole = work.config.theory, work.data.train
    vae = VaeSettings(**work.config.vae.given() | theory.vae.given())
    reward = HeadSettings(**work.config.reward.given() | theory.reward.given())
    smaller = [n for n in theory.n_pairs if n < whole]
    for n in (*smaller, whole):
        work.networks(n, vae, vae_steps=theory.vae_steps)
    for n in (whole, *(n * k for n in smaller for k in (1, *theory.scales, *theory.scales))):
        work.networks(n, reward)
    # One seed's pairs in float32, their validation part twice, and test pairs.
    held = whole * (1 + work.config.training.validation_fraction) + work.data.test
    work.arrays = 8 * work.shape(work.load).hidden * held + BLOCKS


def train_annotator(work: Work) -> None:
    settings = work.config.textual.annotator
    options = finetuning(work.config, "lora" if settings.lora else "full") | settings.given()
    work.trains(annotator(work.config), options, work.data.train, work.labelled, times=1)


def judge_responses(work: Work) -> None:
    """Pairs of responses to each prompt, in both orders."""
    judge, (prompts, count) = work.config.textual.self_rewarding, work.asked
    pairs = min(judge.pairs, count * (count - 1) // 2)
    work.judges(judge, work.load, 2 * pairs * prompts)


def evolve_pairs(work: Work) -> None:
    """In every round, of every scale and seed: a training on what has joined so far, and scores of
    all responses."""
    (prompts, count), scales = work.asked, work.config.compare.scales
    settings, rounds = finetuning(work.config, "full"), work.config.textual.self_evolved.rounds
    for joined in ((k - 1) * r / rounds for k in scales for r in range(rounds)):
        work.trains(work.model, settings, work.n_pairs * (1 + joined), work.labelled)
        work.reads(prompts / work.seeds, count, times=work.seeds)


def train_text(work: Work) -> None:
    """At scale k a pair of the data is followed by k - 1 with written answers, or by itself."""
    method = work.at.method
    settings = finetuning(work.config, "lora" if method.startswith("lora") else "full")
    length = work.labelled if method.endswith("_repeat") else work.written
    for scale in scales_of(work.config, method, work.at.job):
        work.trains(work.model, settings, work.n_pairs * scale, length)


def best_of_n_text(work: Work) -> None:
    """The model of each scale and seed reads the candidates and the test pairs."""
    times = work.seeds * len(scales_of(work.config, work.at.method, work.at.job))
    work.reads(work.data.prompts, work.count, times=times)
    work.reads(work.data.test, 2, length=work.data.answer, times=times)


def judge_sft(work: Work) -> None:
    """Nothing of ours where an endpoint judges."""
    judge = work.picks.judge
    if judge.kind != "endpoint" and judge.load:
        work.judges(judge, judge.load, 2 * work.data.prompts * work.seeds)


def judge_bench(work: Work) -> None:
    """Embeddings for the heads; text reward models score as many texts again, each seed's."""
    config, is_built = work.config, built(work.config.reward_bench.path)
    pairs = config.world.bench.count if is_built else config.plan.bench_pairs
    for times in (1, work.seeds * ("full_finetune" in config.textual.methods)):
        work.reads(pairs, 2, length=work.data.answer, times=times)


RULES: dict[str, Callable[[Work], None]] = {
    "train_base_model": train_world_model,
    "train_gold_model": train_world_model,
    "embed_pairs": lambda job: job.reads(job.data.train + job.data.test, 2, length=job.data.answer),
    "generate_candidates": lambda job: job.writes(job.data.prompts, job.count),
    "embed_candidates": lambda job: job.reads(job.data.prompts, job.count),
    "score_candidates": lambda job: job.reads(job.data.prompts, job.count, load=job.gold),
    "train_vae": lambda job: job.networks(job.n_pairs, job.config.vae),
    "sample_responses": lambda job: job.writes(*job.asked),
    "embed_responses": lambda job: job.reads(*job.asked),
    "score_responses": lambda job: job.reads(*job.asked, load=annotator(job.config).load),
    "score_likelihood": lambda job: job.reads(*job.asked, words=True),
    # The model of each seed answers each test prompt once.
    "sample_sft": lambda job: job.writes(job.data.prompts * job.seeds, 1),
    "score_sft": lambda job: job.reads(job.data.prompts, job.seeds, load=job.gold),
    "pick_responses": lambda job: job.reads(
        *(job.picks.prompts, job.picks.candidates),
        times=job.seeds * picks_from_text(job.config, job.at),
    ),
    "train_sft": lambda job: job.trains(
        job.model, job.picks.sft.given(), job.picks.prompts, job.written, words=True
    ),
    **{rule.__name__: rule for rule in (train_reward, theory_points, train_annotator, train_text)},
    **{rule.__name__: rule for rule in (judge_responses, evolve_pairs, best_of_n_text)},
    **{rule.__name__: rule for rule in (judge_sft, judge_bench)},
}
