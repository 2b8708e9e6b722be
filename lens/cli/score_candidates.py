"""Score every candidate answer once with the gold reward model."""

from lens.cli.shared.arguments import add_model_arguments, model_options
from lens.cli.shared.shards import add_shard_arguments, run_shard, write_blocks
from lens.cli.shared.text import answer_tokens, text_names, token_ids


def add_arguments(parser):
    add_scoring_arguments(parser)
    add_shard_arguments(
        parser, out="prompt_id, candidate, gold (.parquet)", unit="rows", flush=8192
    )


def add_scoring_arguments(parser):
    parser.add_argument("--candidates", required=True, help="candidate table")
    add_model_arguments(parser)
    parser.add_argument("--batch-tokens", type=int, default=8192, help="tokens in one batch")


def run(args):
    from lens.files import artifacts

    table = artifacts.read_table(args.candidates)
    score = scorer(args)
    columns = ["prompt_id", "candidate", "gold"]

    def make(first, stop):
        scored, shortened, used = score(table.iloc[first:stop])
        return scored[columns], {"texts_shortened": shortened}, used

    run_shard(
        args,
        len(table),
        make,
        write_blocks(args),
        inputs={"candidates": args.candidates},
        model=(args.model, args.revision, args.trust_remote_code),
    )


def scorer(args):
    """A function of a candidate table: (the table with `gold`, texts shortened, cost). The gold
    model is loaded at its first use."""
    from functools import cache

    from lens.language import gold, loading

    loading.set_threads(args.threads)

    @cache
    def loaded():
        from transformers import AutoModelForSequenceClassification

        return loading.load(AutoModelForSequenceClassification, **model_options(args))

    def score(table):
        tokenizer, model = loaded()
        tokens = answer_tokens(args, tokenizer, model)
        ids = token_ids(tokens, table, "response", args.candidates)
        groups = list(table["prompt_id"])
        names = text_names(table, "response", args.candidates)
        scores = gold.score(model, ids, batch_tokens=args.batch_tokens, groups=groups, names=names)
        used = {"tokens": sum(map(len, ids)), "parameters": model.num_parameters()}
        return table.assign(gold=scores), tokens.shortened, used

    return score
