"""Score sampled responses by their length-normalised likelihood under the base model (IPO)."""

from lens.cli._arguments import (
    add_model_arguments,
    answer_tokens,
    model_options,
    settings,
    token_ids,
)


def add_arguments(parser):
    parser.add_argument("--responses", required=True, help="from sample-responses")
    add_model_arguments(parser)
    parser.add_argument("--batch-tokens", type=int, default=8192, help="tokens in one batch")
    parser.add_argument("--out", required=True, help="responses with their score (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    from transformers import AutoModelForCausalLM

    from lens import artifacts, models
    from lens.likelihood import mean_log_likelihood
    from lens.text import render, tokenize

    models.set_threads(args.threads)
    tokenizer, model = models.load(AutoModelForCausalLM, **model_options(args))
    table = artifacts.read_table(args.responses)
    tokens = answer_tokens(args, tokenizer, model)
    ids = token_ids(tokens, table, "response", args.responses)
    prompts = table["prompt"].drop_duplicates()
    asked, _ = tokenize(
        [render(prompt, None, args.text_style, tokenizer) for prompt in prompts],
        [f"{args.responses}, prompt {number}" for number in range(len(prompts))],
        tokenizer,
        style=args.text_style,
        limit=models.context_length(tokenizer, model, args.max_length),
        too_long=args.too_long,
    )
    asked = dict(zip(prompts, asked, strict=True))
    scores = mean_log_likelihood(
        model, [asked[prompt] for prompt in table["prompt"]], ids, batch_tokens=args.batch_tokens
    )
    artifacts.write_table(args.out, table.assign(score=scores))
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"responses": args.responses, **models.weight_files(args.model)},
        {
            "responses": len(table),
            "texts_shortened": tokens.shortened,
            "mean": float(scores.mean()),
        },
        {"tokens": sum(map(len, ids)), "parameters": model.num_parameters()},
    )
