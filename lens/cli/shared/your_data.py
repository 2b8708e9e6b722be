"""Arguments of the commands that take your data, an encoder or a reward model that you saved."""

import argparse
import math
import os
from functools import partial

from lens.cli.shared.arguments import add_batch_argument, add_settings, options
from lens.cli.shared.model import add_dtype_argument


def add_data_arguments(parser: argparse.ArgumentParser, *, compares: bool = False) -> None:
    """Arguments on where preference pairs come from and how they are read; a command that
    `compares` recipes uses both kinds of labels by default."""
    from lens.data.settings import PairsSettings

    parser.add_argument(
        "--labels",
        default=None if compares else "hard",
        choices=["hard", "soft"],
        help="hard: which answer is better, ties dropped; soft: how sure that is, from votes, "
        "strengths and ties (default: "
        + ("both are compared, where any pair is not a plain win)" if compares else "hard)"),
    )
    parser.add_argument("--split", default="train", help="of a Hub dataset")
    parser.add_argument("--data-revision", help="of a Hub dataset")
    parser.add_argument(
        "--pairs",
        default="all",
        choices=["all", "best_worst", "adjacent"],
        help="which pairs ratings and rankings make",
    )
    add_settings(parser, PairsSettings, only=("columns", "group_by"))


def add_control_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--control",
        choices=["length"],
        default="",
        help="train a linear reward with the answers' difference in length as an extra input, "
        "which scoring leaves out; reports what this costs",
    )


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments on how rows to be scored are read."""
    from lens.data.settings import PairsSettings

    add_settings(parser, PairsSettings, only=("columns",))
    parser.add_argument(
        "--explain", action="store_true", help="say how rows are read, on standard error"
    )


def read_ahead(args, scoring: str):
    """(how the rows of `args.source` are read, found from the first of them; the rows; how many
    they are, None for standard input)."""
    import sys

    from lens.data.annotations import exports
    from lens.data.reading.explained import explanation
    from lens.data.streams import ahead, stream_rows
    from lens.data.texts import threads
    from lens.serving.scoring import Readings

    live = args.source == "-"
    first, stream = ahead(stream_rows(args.source), args.chunk if live else 1000)
    is_thread = threads.are_threads(first)
    if not live and (is_thread or exports.without_questions(first)):
        whole = threads.opened([*stream]) if is_thread else exports.without_questions([*stream])
        total: int | None = len(whole or [])
        first, stream = ahead(whole or [], 1000)
    else:
        total = None if live else sum(1 for _ in stream_rows(args.source))
    readings = Readings(scoring, args.columns).learn(first)
    for columns, reading in readings.known.items() if args.explain else ():
        rows = [item for item in first if tuple(item[1]) == columns]
        print(explanation(reading, rows), file=sys.stderr)
    return readings, stream, total


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def finite(text: str) -> float:
    """A number that is not NaN or infinite, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def scale(text: str) -> int:
    """A scale of augmentation, for argparse."""
    if positive(text) < 2:
        raise argparse.ArgumentTypeError("augmentation begins at a scale of 2")
    return int(text)


def add_sample_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-pairs", type=positive, help="use a random sample of this many")


def add_encoder_arguments(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Arguments on which model embeds texts, and how; with `several`, lists of either."""
    again = ". Several are compared: give it again" if several else ""
    many: dict = {"action": "append"} if several else {}
    parser.add_argument(
        "--model",
        help="the embedding model: a folder, a Hub id, a GGUF file, or a name at --base-url"
        + again,
        **many,
    )
    parser.add_argument("--revision", help="of the model on the Hub")
    add_endpoint_arguments(parser)
    parser.add_argument(
        "--cache", help="file that saves the endpoint's vectors (default: in ~/.cache/lens)"
    )
    parser.add_argument(
        "--prompt-name",
        help='which prompt of a sentence-transformers model to put before every text; "" for none '
        "(default: what the model's config names)",
    )
    parser.add_argument(
        "--precision",
        default="auto",
        choices=["auto", "high", "fast"],
        help="high: float32; fast: bfloat16, on a CPU only in linear layers; auto: fast on a CPU "
        "with bfloat16 units if the model allows it, else high",
    )
    add_dtype_argument(parser)
    parser.add_argument(
        "--text-style",
        default="auto",
        choices=["auto", "chat", "plain"],
        help="the model's chat template, or plain text; auto: chat where there is a template, "
        "plain for a sentence-transformers model",
    )
    parser.add_argument(
        "--pooling",
        default="auto",
        choices=["auto", "last", "mean", "first"],
        help="which token's state; auto: what the model is made for",
    )
    parser.add_argument(
        "--layer",
        type=int,
        help="-1: final hidden state" + again,
        **many or {"default": -1},
    )
    parser.add_argument("--max-length", type=positive, help="tokens, below the model's own limit")
    parser.add_argument(
        "--too-long",
        choices=["error", "cut_left", "cut_right"],
        help="texts beyond the limit: cut on one side and count (default: cut_left), or stop with "
        "an error (default for an endpoint)",
    )
    add_device_arguments(parser)


def check_embeddings(args) -> None:
    """That embeddings come from a model or from a file."""
    from lens.core.errors import LensError

    if bool(args.model) == bool(args.embeddings):
        raise LensError("give either --model (which embeds the texts) or --embeddings (a .npy).")


def add_endpoint_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for an OpenAI-compatible endpoint that embeds."""
    from lens.language.settings import EmbeddingSettings

    parser.add_argument(
        "--base-url", help="of an OpenAI-compatible endpoint, such as http://localhost:8000/v1"
    )
    add_settings(parser, EmbeddingSettings, only=("key_variable",))


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments on where a model runs; they change results by rounding at most."""
    from lens.language.settings import LoadSettings

    add_settings(parser, LoadSettings, only=("device", "trust_remote_code"))
    add_batch_argument(parser)
    parser.add_argument(
        "--threads", type=positive, help="of the CPU (default: OMP_NUM_THREADS or all)"
    )


def add_reward_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for a saved reward model and where it runs."""
    parser.add_argument("reward_model", help="folder that `lens fit` saved")
    parser.add_argument("--model", help="where the encoder is now, if it was moved")
    add_endpoint_arguments(parser)
    add_device_arguments(parser)


def reward_model(args):
    """The `RewardModel` of `add_reward_model_arguments`."""
    from lens.serving.reward_model import RewardModel

    set_threads(args)
    how = options(args, "device", "batch_tokens", "model", "trust_remote_code")
    how |= options(args, "base_url", "key_variable")
    return RewardModel.load(args.reward_model, **how)


def set_threads(args) -> None:
    from lens.language import loading

    loading.set_threads(
        args.threads or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    )


def preferences(args, source: str):
    """The pairs of `add_data_arguments`, and a summary of them on standard error. Where `--labels`
    is left open, labels are soft if any is below 1."""
    import sys
    import warnings

    from lens.advice.preferences import read_pairs, summary

    read = partial(
        read_pairs,
        source,
        revision=args.data_revision,
        pair_rule=args.pairs,
        **options(args, "split", "columns", "group_by", "max_pairs"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the summary says them
        pairs = read(labels=args.labels or "hard")
        if args.labels is None and "label_counts" in pairs.report:
            pairs = read(labels="soft")
    print(summary(pairs), file=sys.stderr)
    return pairs
