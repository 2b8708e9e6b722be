"""Sampling answers to prompts from a language model."""

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.model import add_model_arguments, chosen_dtype, loader
from lens.cli.shared.shards import add_shard_arguments, run_shard, write_blocks

SAMPLING = ("candidates", "seed", "temperature", "top_p", "max_new_tokens")


def add_sampler_arguments(parser):
    parser.add_argument("--prompts", required=True, help="prompt table")
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    add_shard_arguments(parser, out="candidate table (.parquet)", unit="prompts", flush=512)


def add_sampling_arguments(parser):
    from lens.language.settings import GenerationSettings

    add_settings(parser, GenerationSettings)


def sample_shard(args):
    """Samples answers to this job's shard of the prompts."""
    import numpy as np

    from lens.data.candidates import COLUMNS
    from lens.files import artifacts

    prompts = artifacts.read_table(args.prompts)
    sample = sampler(args)

    def make(first, stop):
        part = prompts.iloc[first:stop]
        answers, shortened, used = sample(part)
        table = part.loc[part.index.repeat(args.candidates)].reset_index(drop=True)
        table["candidate"] = np.tile(np.arange(args.candidates), len(part))
        table["response"] = [answer.text for row in answers for answer in row]
        table["finished"] = [answer.finished for row in answers for answer in row]
        facts = {
            "prompts": len(part),
            "candidates": len(table),
            "prompts_shortened": shortened,
            "empty_answers": int((table["response"] == "").sum()),
            "answers_cut": int((~table["finished"]).sum()),
            "distinct_answers": len(table.drop_duplicates(["prompt_id", "response"])),
        }
        return table[[*COLUMNS, "finished"]], facts, used

    run_shard(
        args,
        len(prompts),
        make,
        write_blocks(args),
        inputs={"prompts": args.prompts},
    )


def sampler(args):
    """A function from a prompt table to (answers per prompt, prompts shortened, cost), with the
    chosen engine. The model is loaded at the first call."""
    return (_with_vllm if args.engine == "vllm" else _with_hf)(args)


def _prompt_ids(args, prompts, tokenizer, limit):
    """(token ids of the prompts, how many were shortened)."""
    from lens.core.errors import LensError
    from lens.language.templates import render, tokenize

    limit -= args.max_new_tokens
    if limit < 1:
        raise LensError(f"{args.model}: no room for prompts; lower `max_new_tokens`.")
    names = [f"{args.prompts}, prompt_id {key}" for key in prompts["prompt_id"]]
    texts = [render(prompt, None, args.text_style, tokenizer) for prompt in prompts["prompt"]]
    return tokenize(
        texts, names, tokenizer, style=args.text_style, limit=limit, too_long=args.too_long
    )


def _cost(token_ids, answers, tokenizer, *, reads, parameters):
    """Counts for `cost.measured`; `reads`: how often the engine reads a prompt."""
    written = tokenizer([a.text for row in answers for a in row], add_special_tokens=False)[
        "input_ids"
    ]
    return {
        "tokens": reads * sum(map(len, token_ids)),
        "new_tokens": sum(map(len, written)),
        "parameters": parameters,
    }


def _with_hf(args):
    from lens.language import loading
    from lens.language.generation import generate
    from lens.language.packed.reading import can_pack

    loading.set_threads(args.threads)
    loaded = loader(args)

    def sample(prompts):
        tokenizer, model, limit = loaded()
        token_ids, shortened = _prompt_ids(args, prompts, tokenizer, limit)
        answers = generate(
            model,
            tokenizer,
            token_ids,
            list(prompts["prompt_id"]),
            batch_size=args.batch_size,
            **options(args, *SAMPLING),
        )
        size = model.num_parameters()
        reads = 1 if can_pack(model.base_model) else args.candidates
        used = _cost(token_ids, answers, tokenizer, reads=reads, parameters=size)
        return answers, shortened, used

    return sample


def _with_vllm(args):
    from functools import cache

    from lens.files import cost
    from lens.files.hub import reading
    from lens.language import loading, vllm_engine

    loading.require_model(args.model)

    @cache
    def loaded():
        from transformers import AutoConfig, AutoTokenizer

        common = {"revision": args.revision, "trust_remote_code": args.trust_remote_code}
        with reading(args.model, args.revision):
            tokenizer = AutoTokenizer.from_pretrained(args.model, **common)
            config = AutoConfig.from_pretrained(args.model, **common).get_text_config()
        limits = [config.max_position_embeddings, tokenizer.model_max_length, args.max_length]
        limit = min(value for value in limits if value)
        cost.uses("cuda")
        engine = vllm_engine.load(args.model, dtype=chosen_dtype(args), max_length=limit, **common)
        return tokenizer, engine, limit

    def sample(prompts):
        tokenizer, engine, limit = loaded()
        token_ids, shortened = _prompt_ids(args, prompts, tokenizer, limit)
        names = list(prompts["prompt_id"])
        answers = vllm_engine.generate(engine, token_ids, names, **options(args, *SAMPLING))
        used = _cost(token_ids, answers, tokenizer, reads=1, parameters=0)  # vLLM does not tell
        return answers, shortened, used

    return sample
