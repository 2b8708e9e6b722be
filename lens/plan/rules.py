"""What the job of each rule does, as the plan counts it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from lens.core.errors import LensError
from lens.plan.machines import DISK, START, Device
from lens.plan.stages import Section, Stage
from lens.plan.tasks import Task
from lens.reward.methods import PROBES

PROBE_PASSES = 2000  # over the data: folds times penalties times iterations of a linear probe


@dataclass(frozen=True)
class Work:
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


class Rules(Stage):
    """By the name of the rule, what a job does: its tasks for language models, or its work."""

    def train_vae(self) -> Work:
        vae = self.config["vae"]
        own = self.vae_seconds(self.kept(self.n_pairs), vae, vae["epochs"])
        return Work("torch", own=own, disk=self.seeds * 8 * self.dim * vae["hidden"])

    def train_reward(self) -> Work:
        pairs, reward = self.kept(self.n_pairs), self.config["reward"]
        if self.wildcards["method"] in PROBES:
            return Work("torch", own=self.products(0, 4 * pairs * self.dim * PROBE_PASSES))
        own = self.reward_seconds(pairs * int(self.wildcards["scale"]), reward)
        return Work("torch", own=own, disk=self.seeds * 4 * self.dim * reward["hidden"])

    def best_of_n(self) -> Work:
        texts = self.data.prompts * self.count + 2 * self.data.test
        flops = 2 * texts * self.dim * self.config["reward"]["hidden"]
        return Work("table", own=self.products(0, flops))

    def theory_points(self) -> Work:
        """At every size: VAEs twice, and reward models `original`, and `repeat` and `lens` at each
        scale; and the reference on the largest."""
        theory, whole = self.config["theory"], self.data.train
        vae = {**self.config["vae"], **theory.get("vae", {})}
        reward = {**self.config["reward"], **theory.get("reward", {})}
        smaller = [n for n in theory["n_pairs"] if n < whole]
        own = self.reward_seconds(self.kept(whole), reward)
        for pairs in map(self.kept, [*smaller, whole]):
            epochs = max(1, round(theory["vae_steps"] / ceil(pairs / vae["batch_size"])))
            own += self.vae_seconds(pairs, vae, vae["epochs"] + epochs)
        for pairs in map(self.kept, smaller):
            scales = (1, *theory["scales"], *theory["scales"])
            own += sum(self.reward_seconds(pairs * scale, reward) for scale in scales)
        return Work("torch", own=own)

    def train_base_model(self) -> list[Task]:
        return [self.world("base_model", "words")]

    def train_gold_model(self) -> list[Task]:
        return [self.world("gold_model", "reward")]

    def embed_pairs(self) -> list[Task]:
        return [self.embedding(self.data.train + self.data.test, 2, self.data.answer)]

    def generate_candidates(self) -> list[Task]:
        return [self.answers(self.data.prompts, self.model["generation"]["candidates"])]

    def embed_candidates(self) -> list[Task]:
        return [self.embedding(self.data.prompts, self.count, self.candidate)]

    def score_candidates(self) -> list[Task]:
        gold, length = self.config["gold"], self.candidate
        return [self.reading(gold, self.data.prompts, self.count, length, head="reward")]

    def sample_responses(self) -> list[Task]:
        return [self.answers(*self.asked)]

    def embed_responses(self) -> list[Task]:
        return [self.embedding(*self.asked, self.data.written)]

    def train_annotator(self) -> list[Task]:
        own, data = self.config["textual"]["annotator"], self.data
        settings = self.finetuning("lora" if own.get("lora") else "full")
        settings |= {key: own[key] for key in own if key not in ("model", "lora")}
        entry, length = self.config["models"][own["model"]], data.prompt + data.answer
        return [self.training(entry, settings, data.train, length, times=1)]

    def score_responses(self) -> list[Task]:
        annotator = self.config["models"][self.config["textual"]["annotator"]["model"]]
        return [self.reading(annotator, *self.asked, self.data.written, head="reward")]

    def score_likelihood(self) -> list[Task]:
        length = self.data.written
        return [self.reading(self.model, *self.asked, length, head="words", shared=False)]

    def judge_responses(self) -> list[Task]:
        judge, (prompts, count) = self.config["textual"]["self_rewarding"], self.asked
        pairs = min(judge.get("pairs", 8), count * (count - 1) // 2)
        return [self.verdicts(judge, self.model["load"], 2 * pairs * prompts)]  # in both orders

    def evolve_pairs(self) -> list[Task]:
        """In every round, of every scale and seed: a training on what has joined so far, and scores
        of all responses."""
        data, (prompts, count), tasks = self.data, self.asked, []
        settings, rounds = self.finetuning("full"), self.config["textual"]["self_evolved"]["rounds"]
        for scale in self.config["compare"]["scales"]:
            for number in range(rounds):
                pairs = self.n_pairs * (1 + (scale - 1) * number / rounds)
                tasks += [
                    self.training(self.model, settings, pairs, data.prompt + data.answer),
                    self.scoring(prompts / self.seeds, count, data.written, self.seeds),
                ]
        return tasks

    def train_text(self) -> list[Task]:
        """At scale k a pair of the data is followed by k - 1 with written answers, or by itself."""
        method, data, tasks = self.wildcards["method"], self.data, []
        settings = self.finetuning("lora" if method.startswith("lora") else "full")
        more = data.answer if method.endswith("_repeat") else data.written
        for scale in self.scales:
            length = data.prompt + (data.answer + (scale - 1) * more) / scale
            tasks.append(self.training(self.model, settings, self.n_pairs * scale, length))
        return tasks

    def best_of_n_text(self) -> list[Task]:
        data, times = self.data, self.seeds * len(self.scales)
        return [
            self.scoring(data.prompts, self.count, data.written, times),
            self.scoring(data.test, 2, data.answer, times),
        ]

    def pick_responses(self) -> list[Task]:
        chosen, textual = self.config["rejection_sampling"], self.config["textual"]["methods"]
        method = chosen["reward_models"][self.wildcards["picker"]]["method"]
        times = self.seeds if method in textual and method != "embedding_mlp" else 0
        return [self.scoring(chosen["prompts"], chosen["candidates"], self.data.written, times)]

    def train_sft(self) -> list[Task]:
        chosen, length = self.config["rejection_sampling"], self.data.prompt + self.data.written
        return [self.training(self.model, chosen["sft"], chosen["prompts"], length, head="words")]

    def sample_sft(self) -> list[Task]:
        """The model of each seed answers each test prompt once."""
        return [self.answers(self.data.prompts, 1, self.seeds)]

    def score_sft(self) -> list[Task]:
        gold, length = self.config["gold"], self.data.written
        return [self.reading(gold, self.data.prompts, self.seeds, length, head="reward")]

    def judge_sft(self) -> list[Task]:
        """Nothing of ours where an endpoint judges."""
        judge, questions = self.config["rejection_sampling"]["judge"], 2 * self.data.prompts
        if judge["kind"] == "endpoint":
            return []
        return [self.verdicts(judge, judge["load"], questions * self.seeds)]

    def judge_bench(self) -> list[Task]:
        """Embeddings for the heads, and scores by text reward models at scale 1 and the table's."""
        textual = {"full_finetune", "full_finetune_repeat"} & set(self.config["textual"]["methods"])
        times = max(0, 2 * len(textual) - 1) * self.seeds
        pairs = self.config["plan"]["bench_pairs"]
        if str(self.config["reward_bench"].get("path") or "").startswith("results/"):
            pairs = self.config["world"]["bench"]["count"]
        embedding = self.reading(self.model, pairs, 2, self.data.answer)
        return [embedding, self.scoring(pairs, 2, self.data.answer, times)]


def work_of(rule: str, wildcards: Mapping[str, str], config: Section, gpus: int = 0) -> Work:
    """What a job does. LensError for a rule that asks for a GPU and is not known here."""
    if rule not in vars(Rules):
        if gpus:
            raise LensError(
                f"rule {rule} asks for a GPU, but lens/plan/rules.py does not know what it does. "
                "Add a method of its name to Rules there."
            )
        return Work("table" if wildcards else "page")
    work = getattr(Rules(config, rule, wildcards), rule)()
    if isinstance(work, Work):
        return work
    tasks = tuple(task for task in work if task.times)
    saved = sum(task.saved for task in tasks) if rule.startswith(("embed_", "train_")) else 0
    return Work("model" if tasks else "torch", tasks, disk=saved or 1e5)
