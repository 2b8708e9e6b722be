"""Sample candidate answers to the test prompts from the base model."""

from lens.cli._arguments import add_model_arguments, model_options, settings


def add_arguments(parser):
    parser.add_argument("--prompts", required=True, help="test prompts from prepare-pairs")
    add_model_arguments(parser)
    parser.add_argument("--candidates", type=int, default=16, help="answers a prompt")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=64, help="answers sampled together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="candidate table (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    import numpy as np
    from transformers import AutoModelForCausalLM

    from lens import artifacts, models
    from lens.candidates import COLUMNS
    from lens.errors import LensError
    from lens.generation import generate
    from lens.text import render, tokenize

    models.set_threads(args.threads)
    tokenizer, model = models.load(AutoModelForCausalLM, **model_options(args))
    limit = models.context_length(tokenizer, model, args.max_length) - args.max_new_tokens
    if limit < 1:
        raise LensError(f"{args.model}: no room for prompts; lower `max_new_tokens`.")
    prompts = artifacts.read_table(args.prompts)
    texts = [render(prompt, None, args.text_style, tokenizer) for prompt in prompts["prompt"]]
    names = [f"{args.prompts}, prompt_id {key}" for key in prompts["prompt_id"]]
    token_ids, shortened = tokenize(
        texts, names, tokenizer, style=args.text_style, limit=limit, too_long=args.too_long
    )
    answers = generate(
        model,
        tokenizer,
        token_ids,
        list(prompts["prompt_id"]),
        candidates=args.candidates,
        seed=args.seed,
        temperature=args.temperature,
        top_p=args.top_p,
        max_new_tokens=args.max_new_tokens,
        batch_size=args.batch_size,
    )
    table = prompts.loc[prompts.index.repeat(args.candidates)].reset_index(drop=True)
    table["candidate"] = np.tile(np.arange(args.candidates), len(prompts))
    table["response"] = [answer for row in answers for answer in row]
    artifacts.write_table(args.out, table[COLUMNS])
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"prompts": args.prompts, **models.weight_files(args.model)},
        {
            "prompts": len(prompts),
            "candidates": len(table),
            "prompts_shortened": shortened,
            "empty_answers": int((table["response"] == "").sum()),
            "distinct_answers": len(table.drop_duplicates(["prompt_id", "response"])),
        },
    )
