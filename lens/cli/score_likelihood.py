"""Score sampled responses by their length-normalised likelihood under the base model (IPO)."""

from lens.cli.shared.arguments import add_batch_argument
from lens.cli.shared.model import add_model_arguments, loader
from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics
from lens.cli.shared.shards import add_flush_argument, in_blocks


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    add_model_arguments(parser)
    add_batch_argument(parser)
    add_flush_argument(parser, unit="rows", flush=4096)
    add_stage_outputs(parser, "responses with their score (.parquet)")


def run(args):
    import numpy as np

    from lens.files import artifacts
    from lens.language import loading

    loading.set_threads(args.threads)
    table, loaded = artifacts.read_table(args.responses), loader(args)

    def make(first, stop):
        return score(args, loaded(), table.iloc[first:stop])

    inputs = input_files(args, "responses")
    scored, facts, cost = in_blocks(args, len(table), make, inputs=inputs)
    artifacts.write_table(args.out, scored)
    scores = scored["score"].to_numpy()
    facts |= {
        "without_score": int(np.isnan(scores).sum()),
        "mean": float(np.nanmean(scores)) if np.isfinite(scores).any() else None,
    }
    write_metrics(args, inputs | loading.weight_files(args.model), facts, cost)


def score(args, loaded, table):
    """(responses with their score, facts, cost)."""
    from lens.language.likelihood import mean_log_likelihood
    from lens.language.templates import answer_starts, cut_left

    tokenizer, model, limit = loaded
    ids, starts = answer_starts(
        table["prompt"], table["response"], tokenizer, args.text_style, table["finished"]
    )
    kept = [cut_left(text, limit, tokenizer) for text in ids]
    starts = [
        max(0, start - len(a) + len(b)) for start, a, b in zip(starts, ids, kept, strict=True)
    ]
    starts = [
        0 if text.strip() == "" else start
        for text, start in zip(table["response"], starts, strict=True)
    ]
    scores = mean_log_likelihood(model, kept, starts, batch_tokens=args.batch_tokens)
    shortened = sum(len(text) > limit for text in ids)
    facts = {"responses": len(table), "texts_shortened": shortened}
    cost = {"tokens": sum(map(len, kept)), "parameters": model.num_parameters()}
    return table.assign(score=scores), facts, cost
