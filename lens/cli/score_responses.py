"""Score sampled responses with the annotator."""

from lens.cli._arguments import add_text_reward_arguments, answer_tokens, settings, token_ids


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    parser.add_argument("--annotator", required=True, help="folder from train-annotator")
    add_text_reward_arguments(parser)
    parser.add_argument("--out", required=True, help="responses with their score (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from lens import artifacts, gold, models
    from lens.finetuning import load_reward

    models.set_threads(args.threads)
    table = artifacts.read_table(args.responses)
    tokenizer, model = load_reward(args.annotator, dtype=args.dtype, device=args.device)
    tokens = answer_tokens(args, tokenizer, model)
    ids = token_ids(tokens, table, "response", args.responses)
    scores = gold.score(model, ids, batch_tokens=args.batch_tokens, groups=list(table["prompt_id"]))
    artifacts.write_table(args.out, table.assign(score=scores))
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"responses": args.responses, **models.weight_files(args.annotator)},
        {"responses": len(table), "texts_shortened": tokens.shortened},
        {"tokens": sum(map(len, ids)), "parameters": model.num_parameters()},
    )
