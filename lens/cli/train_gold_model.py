"""Fine-tune the tiny language model into a gold reward model that knows the true reward."""

from lens.cli.shared.tiny_models import add_tiny_model_arguments, optimiser, save


def add_arguments(parser):
    from lens.world.settings import GoldModelSettings

    parser.add_argument("--base", required=True, help="model folder from train-base-model")
    parser.add_argument("--corpus", required=True, help="gold_corpus.jsonl from build-world")
    parser.add_argument(
        "--test-fraction", type=float, default=0.1, help="last part of the rows, to judge by"
    )
    add_tiny_model_arguments(parser, GoldModelSettings)


def run(args):
    from pathlib import Path

    import torch
    from transformers import AutoModelForCausalLM

    from lens.core.errors import LensError
    from lens.core.settings import BATCH_TOKENS
    from lens.language import loading
    from lens.language.gold import score
    from lens.world import tiny_models

    loading.set_threads(args.threads)
    rows = tiny_models.read_texts(args.corpus, ("kind", "prompt", "response", "reward"))
    count = len(rows) - round(args.test_fraction * len(rows))
    if min(count, len(rows) - count) < 20:
        raise LensError(
            f"{args.corpus}: {len(rows)} rows leave {count} for training at test fraction "
            f"{args.test_fraction}; training and test need 20 each. Give more rows."
        )
    tokenizer, base = loading.load(
        AutoModelForCausalLM, args.base, revision=None, dtype="float32", device="cpu"
    )
    token_ids = tiny_models.chat_token_ids(tokenizer, rows)
    rewards = torch.tensor([row["reward"] for row in rows])
    model = tiny_models.new_gold_model(base)
    losses = tiny_models.train_gold_model(
        model, token_ids[:count], rewards[:count], **optimiser(args)
    )
    kinds = [row["kind"] for row in rows[count:]]
    scores = score(model, token_ids[count:], batch_tokens=BATCH_TOKENS)
    held_out = tiny_models.agreement(kinds, rewards[count:].numpy(), scores)
    inputs = {"corpus": args.corpus, "base": Path(args.base) / "model.safetensors"}
    save(args, inputs, model, tokenizer, losses, texts=count, held_out=held_out)
