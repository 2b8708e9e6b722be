"""Train a tiny causal language model on chats and save it as a Hugging Face folder."""

from lens.cli.shared.tiny_models import add_tiny_model_arguments, optimiser, save


def add_arguments(parser):
    from lens.world.settings import BaseModelSettings

    parser.add_argument(
        "--corpus", required=True, help="rows of prompt, response and perhaps reply (.jsonl, ...)"
    )
    add_tiny_model_arguments(parser, BaseModelSettings)


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
