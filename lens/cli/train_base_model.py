"""Train a tiny causal language model on chats and save it as a Hugging Face folder."""

from lens.cli.shared.arguments import add_thread_argument, settings


def add_arguments(parser):
    parser.add_argument(
        "--corpus", required=True, help="rows of prompt, response and perhaps reply (.jsonl, ...)"
    )
    parser.add_argument("--hidden", type=int, default=64, help="width of the hidden states")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--heads", type=int, default=4, help="attention heads; divides the width")
    add_optimiser_arguments(parser, steps=1400, learning_rate=3e-3)


def add_optimiser_arguments(parser, *, steps, learning_rate):
    parser.add_argument("--steps", type=int, default=steps, help="batches in all")
    parser.add_argument("--batch-size", type=int, default=64, help="texts in a batch")
    parser.add_argument("--learning-rate", type=float, default=learning_rate, help="at its peak")
    parser.add_argument("--seed", type=int, default=0)
    add_thread_argument(parser)
    parser.add_argument("--out", required=True, help="model folder")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens.core.errors import LensError
    from lens.files import artifacts
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
    losses = tiny_models.train_language_model(
        model,
        tiny_models.chat_token_ids(tokenizer, rows),
        steps=args.steps,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        seed=args.seed,
    )
    tiny_models.save(args.out, model, tokenizer)
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"corpus": args.corpus},
        {
            "texts": len(rows),
            "vocabulary_size": len(tokenizer),
            "parameters": model.num_parameters(),
            **tiny_models.describe_losses(losses),
        },
        {"parameters": model.num_parameters(), "trained": model.num_parameters()},
    )
