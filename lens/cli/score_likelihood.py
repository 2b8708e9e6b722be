"""Score sampled responses by their length-normalised likelihood under the base model (IPO)."""

from lens.cli.shared.model import add_model_arguments, model_options
from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    add_model_arguments(parser)
    parser.add_argument("--batch-tokens", type=int, default=8192, help="tokens in one batch")
    add_stage_outputs(parser, "responses with their score (.parquet)")


def run(args):
    import numpy as np
    from transformers import AutoModelForCausalLM

    from lens.files import artifacts
    from lens.language import loading
    from lens.language.likelihood import mean_log_likelihood
    from lens.language.templates import answer_starts, cut_left

    loading.set_threads(args.threads)
    tokenizer, model = loading.load(AutoModelForCausalLM, **model_options(args))
    table = artifacts.read_table(args.responses)
    ids, starts = answer_starts(table["prompt"], table["response"], tokenizer, args.text_style)
    limit = loading.context_length(tokenizer, model, args.max_length)
    kept = [cut_left(text, limit, tokenizer) for text in ids]
    starts = [
        max(0, start - len(a) + len(b)) for start, a, b in zip(starts, ids, kept, strict=True)
    ]
    starts = [
        0 if text.strip() == "" else start
        for text, start in zip(table["response"], starts, strict=True)
    ]
    scores = mean_log_likelihood(model, kept, starts, batch_tokens=args.batch_tokens)
    artifacts.write_table(args.out, table.assign(score=scores))
    facts = {
        "responses": len(table),
        "texts_shortened": sum(len(text) > limit for text in ids),
        "without_score": int(np.isnan(scores).sum()),
        "mean": float(np.nanmean(scores)) if np.isfinite(scores).any() else None,
    }
    cost = {"tokens": sum(map(len, kept)), "parameters": model.num_parameters()}
    inputs = input_files(args, "responses") | loading.weight_files(args.model)
    write_metrics(args, inputs, facts, cost)
