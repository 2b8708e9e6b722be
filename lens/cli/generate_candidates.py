"""Sample candidate answers to the test prompts from the base model."""

from lens.cli._arguments import add_model_arguments, model_options, settings


def add_arguments(parser):
    parser.add_argument("--prompts", required=True, help="prompt table")
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    parser.add_argument("--out", required=True, help="candidate table (.parquet)")
    parser.add_argument("--metrics", required=True)


def add_sampling_arguments(parser):
    parser.add_argument("--engine", default="hf", choices=["hf", "vllm"], help="what samples")
    parser.add_argument("--candidates", type=int, default=16, help="answers a prompt")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=64, help="answers sampled together")
    parser.add_argument("--seed", type=int, default=0)


def run(args):
    import numpy as np

    from lens import artifacts
    from lens.candidates import COLUMNS

    prompts = artifacts.read_table(args.prompts)
    answers, shortened, cost, files = sampled(args, prompts)
    table = prompts.loc[prompts.index.repeat(args.candidates)].reset_index(drop=True)
    table["candidate"] = np.tile(np.arange(args.candidates), len(prompts))
    table["response"] = [answer for row in answers for answer in row]
    artifacts.write_table(args.out, table[COLUMNS])
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        {"prompts": args.prompts, **files},
        {
            "prompts": len(prompts),
            "candidates": len(table),
            "prompts_shortened": shortened,
            "empty_answers": int((table["response"] == "").sum()),
            "distinct_answers": len(table.drop_duplicates(["prompt_id", "response"])),
        },
        cost,
    )


def sampled(args, prompts):
    """(answers of each prompt, prompts shortened, cost, weight files) by the engine asked for."""
    names = [f"{args.prompts}, prompt_id {key}" for key in prompts["prompt_id"]]
    return (_with_vllm if args.engine == "vllm" else _with_hf)(args, prompts, names)


def _prompt_ids(args, prompts, names, tokenizer, limit):
    """(token ids that ask for an answer, how many were shortened)."""
    from lens.errors import LensError
    from lens.text import render, tokenize

    limit -= args.max_new_tokens
    if limit < 1:
        raise LensError(f"{args.model}: no room for prompts; lower `max_new_tokens`.")
    texts = [render(prompt, None, args.text_style, tokenizer) for prompt in prompts["prompt"]]
    return tokenize(
        texts, names, tokenizer, style=args.text_style, limit=limit, too_long=args.too_long
    )


def _options(args):
    names = ("candidates", "seed", "temperature", "top_p", "max_new_tokens")
    return {name: getattr(args, name) for name in names}


def _cost(token_ids, answers, tokenizer, *, reads, parameters):
    """`reads`: how often the engine reads a prompt."""
    written = tokenizer([a for row in answers for a in row], add_special_tokens=False)["input_ids"]
    return {
        "tokens": reads * sum(map(len, token_ids)),
        "new_tokens": sum(map(len, written)),
        "parameters": parameters,
    }


def _with_hf(args, prompts, names):
    from transformers import AutoModelForCausalLM

    from lens import models
    from lens.generation import generate

    models.set_threads(args.threads)
    tokenizer, model = models.load(AutoModelForCausalLM, **model_options(args))
    limit = models.context_length(tokenizer, model, args.max_length)
    token_ids, shortened = _prompt_ids(args, prompts, names, tokenizer, limit)
    answers = generate(
        model,
        tokenizer,
        token_ids,
        list(prompts["prompt_id"]),
        batch_size=args.batch_size,
        **_options(args),
    )
    cost = _cost(
        token_ids, answers, tokenizer, reads=args.candidates, parameters=model.num_parameters()
    )
    return answers, shortened, cost, models.weight_files(args.model)


def _with_vllm(args, prompts, names):
    from transformers import AutoConfig, AutoTokenizer

    from lens import cost, models, vllm_engine
    from lens.hub import reading

    models.require_model(args.model)
    common = {"revision": args.revision, "trust_remote_code": args.trust_remote_code}
    with reading(args.model, args.revision):
        tokenizer = AutoTokenizer.from_pretrained(args.model, **common)
        config = AutoConfig.from_pretrained(args.model, **common).get_text_config()
    limits = [config.max_position_embeddings, tokenizer.model_max_length, args.max_length]
    limit = min(value for value in limits if value)
    token_ids, shortened = _prompt_ids(args, prompts, names, tokenizer, limit)
    cost.uses("cuda")
    engine = vllm_engine.load(args.model, dtype=args.dtype, max_length=limit, **common)
    answers = vllm_engine.generate(engine, token_ids, list(prompts["prompt_id"]), **_options(args))
    used = _cost(token_ids, answers, tokenizer, reads=1, parameters=0)  # vLLM does not tell
    return answers, shortened, used, models.weight_files(args.model)
