"""A judge of pairs of answers: a local model, or an OpenAI-compatible endpoint."""

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.model import add_model_arguments, loader
from lens.cli.shared.outputs import input_files
from lens.cli.shared.shards import add_flush_argument, in_blocks


def add_judge_arguments(parser):
    from lens.textspace.settings import JudgingSettings

    add_model_arguments(parser)
    add_settings(parser, JudgingSettings)
    add_flush_argument(parser, unit="pairs", flush=256)


def add_endpoint_arguments(parser):
    from lens.textspace.settings import EndpointSettings

    parser.add_argument("--base-url", help="of an OpenAI-compatible endpoint that has the model")
    parser.add_argument("--cache", help="file that saves the endpoint's answers (.jsonl)")
    add_settings(parser, EndpointSettings, without=("base_url", "model"))


def judge_locally(args, table, inputs):
    """(the table's pairs a and b of answers to a prompt with their verdicts in both orders, what it
    cost) by the model of the arguments, in blocks. LensError where all pairs are too long."""
    import pandas as pd

    from lens.core.errors import LensError
    from lens.language import loading
    from lens.textspace import judging

    loading.set_threads(args.threads)
    template, loaded = judging.read_template(args.template), loader(args)

    def make(first, stop):
        part = table.iloc[first:stop].reset_index(drop=True)
        pairs = part["prompt"], part["a"], part["b"]
        judged, cost = _judge(args, loaded(), template, pairs)
        return pd.concat([part, judged], axis=1), {}, cost

    inputs = inputs | input_files(args, "template")
    judged, _, cost = in_blocks(args, len(table), make, inputs=inputs)
    if len(judged) and (judged[["a_first", "b_first"]] == "failed").all(axis=None):
        raise LensError(
            f"all {len(judged)} pairs are too long for the {loaded()[2]} tokens that the judge may "
            "read and write, so none has a verdict. Raise or drop its --max-length (`max_length`)."
        )
    return judged, cost


def _judge(args, loaded, template, pairs):
    """(verdicts in both orders, what they cost)."""
    from lens.textspace import judging

    tokenizer, model, limit = loaded
    texts = judging.both_orders(template, *pairs)
    read = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
    cost = {"tokens": sum(map(len, read)), "parameters": model.num_parameters()}
    if args.verdict == "probability":
        judged = judging.judge_by_probability(
            model,
            tokenizer,
            template,
            *pairs,
            labels=tuple(args.labels),
            opening=args.opening,
            style=args.text_style,
            limit=limit,
            batch_tokens=args.batch_tokens,
        )
        return judged, cost

    def ask(texts):
        return _write(args, model, tokenizer, texts, limit)

    return judging.judge_pairs(ask, template, *pairs), cost


def _write(args, model, tokenizer, texts, limit):
    """The most likely answer of a local judge per text; None if the text is too long."""
    import json

    from lens.language.generation import generate
    from lens.language.templates import render

    chats = [json.dumps([{"role": "user", "content": text}]) for text in texts]
    ids = tokenizer(
        [render(chat, None, args.text_style, tokenizer) for chat in chats],
        add_special_tokens=args.text_style == "plain",
        verbose=False,
    )["input_ids"]
    fits = [row for row, one in enumerate(ids) if len(one) <= limit - args.max_new_tokens]
    written = generate(
        model,
        tokenizer,
        [ids[row] for row in fits],
        fits,
        candidates=1,
        seed=0,
        temperature=0.0,
        top_p=1.0,
        max_new_tokens=args.max_new_tokens,
        batch_size=args.batch_size,
    )
    answers = dict(zip(fits, written, strict=True))
    return [answers[row][0].text if row in answers else None for row in range(len(texts))]


def judge_by_endpoint(args, prompts, answers_a, answers_b):
    """Verdicts in both orders by an OpenAI-compatible endpoint; its answers are saved on disk."""
    from pathlib import Path

    from lens.core.errors import LensError
    from lens.textspace.endpoint import ask_endpoint
    from lens.textspace.judging import judge_pairs, read_template

    if args.verdict != "text" or not args.cache:
        raise LensError("an endpoint judges by text and needs --cache, where its answers are kept.")

    def ask(texts):
        answers = ask_endpoint(
            texts,
            cache=Path(args.cache),
            max_tokens=args.max_new_tokens,
            **options(args, "base_url", "model", "key_variable", "temperature", "max_spend"),
            **options(args, "timeout", "retries", "parallel", "input_price", "output_price"),
        )
        failed = sum(answer is None for answer in answers)
        if failed > args.max_failed * len(texts):
            raise LensError(
                f"{failed} of {len(texts)} calls got no answer, more than --max-failed "
                f"{args.max_failed} allows. The answers had are kept in {args.cache}: run again to "
                "ask for the rest, or allow more (`max_failed`)."
            )
        return answers

    return judge_pairs(ask, read_template(args.template), prompts, answers_a, answers_b)
