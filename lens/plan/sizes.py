"""How many rows and tokens the stages have before them, from the config and its section `plan`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sizes:
    """A dataset: numbers of pairs and prompts, and mean lengths in tokens (a prompt with what the
    chat template puts around it). `longest` is the longest prompt with its answer."""

    train: int
    test: int
    prompts: int
    prompt: float
    answer: float
    written: float
    longest: int

    @property
    def text(self) -> float:
        """Tokens of a prompt with an answer."""
        return self.prompt + self.answer


def sizes(config: Mapping, dataset: str) -> Sizes:
    """What the section `plan` states of a dataset, within the limits of its section."""
    stated = config["plan"]["texts"].get(dataset) or config["plan"]["texts"]["other"]
    own = config["datasets"][dataset]
    pairs = own["pairs"]
    count = stated["pairs"]
    path = pairs.get("path", "")
    if path.startswith("results/"):
        count = config["world"]["texts"]["pairs"]
    elif path.endswith(".jsonl") and Path(path).is_file():
        with open(path, "rb") as file:
            count = sum(1 for _ in file)
    separate = pairs.get("test_split") or pairs.get("test_path")
    test = stated.get("test_pairs", count) if separate else count * pairs.get("test_fraction", 0.1)
    train = count if separate else count - test
    return Sizes(
        train=int(min(train, pairs.get("max_train_pairs") or train)),
        test=int(min(test, pairs.get("max_test_pairs") or test)),
        prompts=stated.get("pool_prompts", 1000) if "pool" in own else pairs["test_prompts"],
        **{key: stated[key] for key in ("prompt", "answer", "written", "longest")},
    )


def longest(own: Sizes, load: Mapping) -> int:
    """Tokens of the longest text, as far as the model is given it."""
    return min(own.longest, load.get("max_length") or own.longest)


def candidates(config: Mapping, dataset: str, model: str) -> int:
    """Answers to each test prompt."""
    pool = config["datasets"][dataset].get("pool")
    if pool:
        return pool.get("max_candidates", 16)
    own = config["models"][model]
    return config["models"][own.get("candidates_from", model)]["generation"]["candidates"]


def answered_prompts(config: Mapping, wildcards: Mapping) -> int:
    """Prompts that `sample_responses` answers: held-out ones, or those of the N pairs of any seed,
    which draw from the same training pairs."""
    if wildcards.get("prompts") == "held_out":
        return config["rejection_sampling"]["prompts"]
    n_pairs = int((wildcards.get("prompts") or f"n{wildcards['n_pairs']}").removeprefix("n"))
    train = sizes(config, wildcards["dataset"]).train
    missed = (1 - min(1, n_pairs / train)) ** len(config["compare"]["seeds"])
    return round(train * (1 - missed))


def responses(config: Mapping, wildcards: Mapping) -> int:
    """Answers sampled for each of these prompts."""
    if wildcards.get("prompts") == "held_out":
        return config["rejection_sampling"]["candidates"]
    return config["textual"]["responses"]


def epochs_of_reward(config: Mapping, settings: Mapping, pairs: int) -> float:
    """Passes over so many pairs until early stopping: after `plan.reward_steps` steps, but no
    sooner than its patience allows, and never more than `epochs`."""
    steps = -(-pairs // settings["batch_size"])
    stop = max(settings["patience"] + 1, config["plan"]["reward_steps"] / steps)
    return min(settings["epochs"], stop)
