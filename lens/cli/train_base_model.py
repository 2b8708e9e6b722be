"""Train a tiny causal language model on chats and save it as a Hugging Face folder."""

from lens.cli.shared.tiny_models import add_optimiser_arguments, optimiser, save


def add_arguments(parser):
    parser.add_argument(
        "--corpus", required=True, help="rows of prompt, response and perhaps reply (.jsonl, ...)"
    )
    parser.add_argument("--hidden", type=int, default=64, help="width of the hidden states")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--heads", type=int, default=4, help="attention heads; divides the width")
    add_optimiser_arguments(parser, steps=1400, learning_rate=3e-3)


def run(args):
    from lens.core.errors import LensError
    from lens.language import loading
    from lens.world import tiny_models

    loading.set_threads(args.threads)
    if args.hidden % (2 * args.heads):
        raise LensError(
            f"hidden {args.hidden} is no multiple of 2 x {args.heads} heads. Change one of them."
        )
    rows = tiny_models.read_texts(args.corpus, ("prompt", "response"))
    tokenizer = tiny_models.build_tokenizer(rows)
    model = tiny_models.new_language_model(
        tokenizer, hidden=args.hidden, layers=args.layers, heads=args.heads, seed=args.seed
    )
    token_ids = tiny_models.chat_token_ids(tokenizer, rows)
    losses = tiny_models.train_language_model(model, token_ids, **optimiser(args))
    facts = {"texts": len(rows), "vocabulary_size": len(tokenizer)}
    save(args, {"corpus": args.corpus}, model, tokenizer, losses, **facts)
