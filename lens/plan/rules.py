"""What the job of each rule does, as the plan counts it: a table of rules."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from types import SimpleNamespace
from typing import NamedTuple

from lens.core.errors import LensError
from lens.latent.settings import VaeSettings
from lens.plan.machines import DISK, START, Device
from lens.plan.stages import Stage
from lens.plan.tasks import Task
from lens.reward.methods import METHODS
from lens.reward.settings import HeadSettings
from lens.workflow.cells import scales_of
from lens.workflow.config import Config
from lens.workflow.flags import annotator, finetuning
from lens.workflow.paths import built

PROBE_PASSES = 2000  # over the data: folds times penalties times iterations of a linear probe


class Work(NamedTuple):
    """A job: what it imports, its language models' tasks, seconds beside them, and the bytes that
    it writes, a small table where nothing else is said."""

    start: str
    tasks: tuple[Task, ...] = ()
    own: float = 0
    disk: float = 1e5

    def seconds(self, device: Device) -> float:
        """From the job's start to its end; language models run on the device."""
        tasks = sum(task.seconds(device) for task in self.tasks)
        return START[self.start] + self.own + tasks + self.disk / DISK


def train_vae(job: Stage) -> Work:
    vae = job.config.vae
    seconds = job.vae_seconds(job.kept(job.n_pairs), vae, vae.epochs)
    return Work("torch", own=seconds, disk=job.seeds * 8 * job.dim * vae.hidden)


def train_reward(job: Stage) -> Work:
    pairs, reward = job.kept(job.n_pairs), job.config.reward
    method = METHODS.get(job.at.method)
    if method and method.probe:
        return Work("torch", own=job.products(0, 4 * pairs * job.dim * PROBE_PASSES))
    seconds = job.reward_seconds(pairs * int(job.at.scale), reward)
    return Work("torch", own=seconds, disk=job.seeds * 4 * job.dim * reward.hidden)


def best_of_n(job: Stage) -> Work:
    texts = job.data.prompts * job.count + 2 * job.data.test
    return Work("table", own=job.products(0, 2 * texts * job.dim * job.config.reward.hidden))


def theory_points(job: Stage) -> Work:
    """At every size: VAEs twice, and reward models `original`, and `repeat` and `lens` at each
    scale; and the reference on the largest."""
    theory, whole = job.config.theory, job.data.train
    vae = VaeSettings(**job.config.vae.given() | theory.vae.given())
    reward = HeadSettings(**job.config.reward.given() | theory.reward.given())
    smaller = [n for n in theory.n_pairs if n < whole]
    seconds = job.reward_seconds(job.kept(whole), reward)
    for pairs in map(job.kept, [*smaller, whole]):
        epochs = max(1, round(theory.vae_steps / ceil(pairs / vae.batch_size)))
        seconds += job.vae_seconds(pairs, vae, vae.epochs + epochs)
    scales = (1, *theory.scales, *theory.scales)
    seconds += sum(job.reward_seconds(job.kept(n) * k, reward) for n in smaller for k in scales)
    return Work("torch", own=seconds)


def train_annotator(job: Stage) -> list[Task]:
    own, length = job.config.textual.annotator, job.data.prompt + job.data.answer
    settings = finetuning(job.config, "lora" if own.lora else "full") | own.given()
    return [job.training(annotator(job.config), settings, job.data.train, length, times=1)]


def judge_responses(job: Stage) -> list[Task]:
    judge, (prompts, count) = job.config.textual.self_rewarding, job.asked
    pairs = min(judge.pairs, count * (count - 1) // 2)
    return [job.verdicts(judge, job.model.load, 2 * pairs * prompts)]  # in both orders


def evolve_pairs(job: Stage) -> list[Task]:
    """In every round, of every scale and seed: a training on what has joined so far, and scores of
    all responses."""
    data, (prompts, count) = job.data, job.asked
    settings, rounds = finetuning(job.config, "full"), job.config.textual.self_evolved.rounds
    sizes = [
        job.n_pairs * (1 + (scale - 1) * number / rounds)
        for scale in job.config.compare.scales
        for number in range(rounds)
    ]
    length = data.prompt + data.answer
    scoring = job.scoring(prompts / job.seeds, count, data.written, job.seeds * len(sizes))
    return [*(job.training(job.model, settings, size, length) for size in sizes), scoring]


def train_text(job: Stage) -> list[Task]:
    """At scale k a pair of the data is followed by k - 1 with written answers, or by itself."""
    method, data = job.at.method, job.data
    settings = finetuning(job.config, "lora" if method.startswith("lora") else "full")
    more = data.answer if method.endswith("_repeat") else data.written
    return [
        job.training(
            job.model,
            settings,
            job.n_pairs * scale,
            data.prompt + (data.answer + (scale - 1) * more) / scale,
        )
        for scale in scales_of(job.config, method, job.at.job)
    ]


def best_of_n_text(job: Stage) -> list[Task]:
    data, times = job.data, job.seeds * len(scales_of(job.config, job.at.method, job.at.job))
    return [
        job.scoring(data.prompts, job.count, data.written, times),
        job.scoring(data.test, 2, data.answer, times),
    ]


def pick_responses(job: Stage) -> list[Task]:
    chosen, textual = job.config.rejection_sampling, job.config.textual.methods
    picker = chosen.reward_models[job.at.picker]
    on_text = picker and picker.method in textual and picker.method != "embedding_mlp"
    times = job.seeds if on_text else 0
    return [job.scoring(chosen.prompts, chosen.candidates, job.data.written, times)]


def train_sft(job: Stage) -> list[Task]:
    chosen, length = job.config.rejection_sampling, job.data.prompt + job.data.written
    return [job.training(job.model, chosen.sft.given(), chosen.prompts, length, head="words")]


def judge_sft(job: Stage) -> list[Task]:
    """Nothing of ours where an endpoint judges."""
    judge, questions = job.config.rejection_sampling.judge, 2 * job.data.prompts * job.seeds
    if judge.kind == "endpoint" or judge.load is None:
        return []
    return [job.verdicts(judge, judge.load, questions)]


def judge_bench(job: Stage) -> list[Task]:
    """Embeddings for the heads, and scores by text reward models at scale 1 and the table's."""
    config, answer = job.config, job.data.answer
    textual = {"full_finetune", "full_finetune_repeat"} & set(config.textual.methods)
    is_built = built(config.reward_bench.path)
    pairs = config.world.bench.count if is_built else config.plan.bench_pairs
    times = max(0, 2 * len(textual) - 1) * job.seeds
    return [job.reading(job.model, pairs, 2, answer), job.scoring(pairs, 2, answer, times)]


RULES: dict[str, Callable[[Stage], Work | list[Task]]] = {
    "train_base_model": lambda job: [job.world("base_model", "words")],
    "train_gold_model": lambda job: [job.world("gold_model", "reward")],
    "embed_pairs": lambda job: [job.embedding(job.data.train + job.data.test, 2, job.data.answer)],
    "generate_candidates": lambda job: [job.answers(job.data.prompts * job.count)],
    "embed_candidates": lambda job: [job.embedding(job.data.prompts, job.count, job.candidate)],
    "score_candidates": lambda job: [job.gold(job.count, job.candidate)],
    "sample_responses": lambda job: [job.answers(job.asked[0] * job.asked[1])],
    "embed_responses": lambda job: [job.embedding(*job.asked, job.data.written)],
    "score_responses": lambda job: [
        job.reading(annotator(job.config), *job.asked, job.data.written, head="reward")
    ],
    "score_likelihood": lambda job: [
        job.reading(job.model, *job.asked, job.data.written, head="words", shared=False)
    ],
    # The model of each seed answers each test prompt once.
    "sample_sft": lambda job: [job.answers(job.data.prompts, job.seeds)],
    "score_sft": lambda job: [job.gold(job.seeds, job.data.written)],
}
RULES |= {
    rule.__name__: rule
    for rule in (
        train_vae,
        train_reward,
        best_of_n,
        theory_points,
        train_annotator,
        judge_responses,
        evolve_pairs,
        train_text,
        best_of_n_text,
        pick_responses,
        train_sft,
        judge_sft,
        judge_bench,
    )
}


def work_of(
    rule: str,
    wildcards: Mapping[str, str],
    config: Config,
    gpus: int = 0,
    cells: Sequence[tuple[str, str]] = (),
) -> Work:
    """What a job does, for several cells (method, scale) one after another. LensError for a rule
    that asks for a GPU and is not known here."""
    if cells:
        at = [{**wildcards, "method": method, "scale": scale} for method, scale in cells]
        parts = [work_of(rule, one, config, gpus) for one in at]
        own, disk = sum(part.own for part in parts), sum(part.disk for part in parts)
        return parts[0]._replace(own=own, disk=disk)
    if rule not in RULES:
        if gpus:
            raise LensError(
                f"rule {rule} asks for a GPU, but lens/plan/rules.py does not know what it does. "
                "Add an entry of its name to RULES there."
            )
        return Work("table" if wildcards else "page")
    work = RULES[rule](Stage(config, rule, SimpleNamespace(**wildcards)))
    if isinstance(work, Work):
        return work
    tasks = tuple(task for task in work if task.times)
    saved = sum(task.saved for task in tasks) if rule.startswith(("embed_", "train_")) else 0
    return Work("model" if tasks else "torch", tasks, disk=saved or 1e5)
