"""Arguments and functions of the subcommands that score texts or train on them."""

from lens.cli.shared.arguments import add_batch_argument, add_settings, options
from lens.cli.shared.model import add_dtype_argument, chosen_dtype, model_options


def add_text_reward_arguments(parser) -> None:
    """Arguments for a reward model trained on text, and how its input is made."""
    from lens.language.settings import LoadSettings

    add_settings(parser, LoadSettings, without=("model", "revision", "trust_remote_code"))
    add_dtype_argument(parser)
    add_batch_argument(parser)


def answer_tokens(args, tokenizer, model):
    """The `lens.language.templates.AnswerTokens` of a model's arguments."""
    from lens.language.loading import context_length
    from lens.language.templates import AnswerTokens

    return AnswerTokens(
        tokenizer,
        style=args.text_style,
        limit=context_length(tokenizer, model, args.max_length),
        too_long=args.too_long,
    )


def token_ids(tokens, table, column: str, source: str) -> list[list[int]]:
    """Token ids of the table's prompts with the answers in a column, by `AnswerTokens`."""
    names = text_names(table, column, source)
    return tokens(table["prompt"], table[column], names)


def text_names(table, column: str, source: str) -> list[str]:
    """A function from a row of the table to its text's name in messages."""
    key = "prompt_id" if "prompt_id" in table else "id"
    places = [f"{source}, {key} {place}" for place in table.get(key, table.index)]
    if "candidate" in table:
        numbers = table["candidate"]
        places = [f"{place}, candidate {n}" for place, n in zip(places, numbers, strict=True)]
    return [f"{place}, {column}" for place in places]


def add_finetuning_arguments(parser) -> None:
    """Arguments on how a language model is trained on text."""
    from lens.language.settings import FinetuningSettings

    parser.add_argument("--learning-rate", type=float, required=True, help="at its peak")
    add_settings(parser, FinetuningSettings, without=("learning_rate", "max_length"))


def finetuning(args):
    """The `lens.language.finetuning.Settings` of `add_finetuning_arguments`."""
    from lens.language.finetuning import Settings

    steps = ("epochs", "learning_rate", "batch_size", "device_batch_size", "warmup_share")
    return Settings(**options(args, *steps, "gradient_checkpointing", "bf16", "max_length"))


def training_cost(facts, **counts) -> dict:
    """Counts for `cost.measured` of a training, from its facts; `counts` take precedence."""
    names = {"tokens": "tokens", "parameters": "parameters", "trained": "trained_parameters"}
    return {name: facts[fact] for name, fact in names.items()} | counts


def add_lora_arguments(parser) -> None:
    from lens.language.settings import AdapterSettings, TextTrainingSettings

    parser.add_argument("--lora", action="store_true", help="train low-rank adapters and the head")
    shared = TextTrainingSettings.model_fields
    add_settings(parser, AdapterSettings, without=shared)


def lora(args):
    """The `lens.language.lora.Lora` of `add_lora_arguments`, or None."""
    from lens.language.lora import Lora

    if not args.lora:
        return None
    return Lora(
        args.lora_rank, args.lora_alpha, args.lora_dropout, tuple(args.lora_targets), args.revision
    )


def hard_pairs(path: str):
    """A pair table for training on text; LensError where its labels are soft."""
    from lens.core.errors import LensError
    from lens.files.artifacts import read_table

    pairs = read_table(path)
    if "label" in pairs and (pairs["label"] < 1).any():
        raise LensError(
            f"{path}: has soft labels, but models of text train on hard ones. Prepare the pairs "
            "with --labels hard."
        )
    return pairs


def train_classifier(args, table, source: str, tokens, how, *, lora, seed, out, checkpoint=None):
    """Trains a reward model on the pairs (prompt, chosen, rejected) of a table and saves it in
    `out`: (model, `AnswerTokens` of all texts so far, facts). `tokens` is None at first. The folder
    `checkpoint` holds what a stopped training needs to resume."""
    from lens.language.finetuning import new_classifier, train_reward, weights_dtype

    load = model_options(args) | {"dtype": weights_dtype(chosen_dtype(args), how, lora)}
    known = tokens.tokenizer if tokens else None
    tokenizer, model = new_classifier(**load, seed=seed, tokenizer=known)
    tokens = tokens or answer_tokens(args, tokenizer, model)
    chosen, rejected = (token_ids(tokens, table, side, source) for side in ("chosen", "rejected"))
    more = {"lora": lora, "seed": seed, "out": out, "checkpoint": checkpoint}
    facts = train_reward(model, tokenizer, chosen, rejected, how, **more)
    return model, tokens, facts


def score_texts(args, folder: str, table, source: str, tokens=None):
    """Rewards [n] of a table's responses by the reward model saved in a folder: (rewards,
    `AnswerTokens` of all texts so far, {"tokens": how many were read, "parameters": ...})."""
    from lens.language.finetuning import load_reward

    known = tokens.tokenizer if tokens else None
    tokenizer, model = load_reward(
        folder, dtype=chosen_dtype(args), device=args.device, tokenizer=known
    )
    return score_with(args, tokenizer, model, table, source, tokens)


def score_with(args, tokenizer, model, table, source: str, tokens=None):
    """Rewards [n] of a table's responses by a loaded reward model; returns as `score_texts`."""
    from lens.language import gold

    tokens = tokens or answer_tokens(args, tokenizer, model)
    ids = token_ids(tokens, table, "response", source)
    rewards = gold.score(
        model,
        ids,
        batch_tokens=args.batch_tokens,
        names=text_names(table, "response", source),
    )
    cost = {"tokens": sum(map(len, ids)), "parameters": model.num_parameters()}
    return rewards, tokens, cost
