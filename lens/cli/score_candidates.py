"""Score every candidate answer once with the gold reward model."""

from lens.cli._arguments import add_model_arguments, model_options, settings
from lens.cli._text import answer_tokens, token_ids


def add_arguments(parser):
    parser.add_argument("--candidates", required=True, help="candidate table")
    add_model_arguments(parser)
    parser.add_argument("--batch-tokens", type=int, default=8192, help="tokens in one batch")
    parser.add_argument("--out", required=True, help="prompt_id, candidate, gold (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from transformers import AutoModelForSequenceClassification

    from lens import artifacts, gold, models
    from lens.evaluation import describe_gold

    models.set_threads(args.threads)
    tokenizer, model = models.load(AutoModelForSequenceClassification, **model_options(args))
    table = artifacts.read_table(args.candidates)
    tokens = answer_tokens(args, tokenizer, model)
    ids = token_ids(tokens, table, "response", args.candidates)
    scores = gold.score(model, ids, batch_tokens=args.batch_tokens, groups=list(table["prompt_id"]))
    table = table.assign(gold=scores)
    artifacts.write_table(args.out, table[["prompt_id", "candidate", "gold"]])
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"candidates": args.candidates, **models.weight_files(args.model)},
        {"texts_shortened": tokens.shortened, **describe_gold(table)},
        {"tokens": sum(map(len, ids)), "parameters": model.num_parameters()},
    )
