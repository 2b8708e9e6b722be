"""Say whether latent augmentation helps on your pairs, and which recipe is best.

With several models or layers: which of these encoders to keep.
"""

from lens.cli.shared.your_data import (
    add_control_argument,
    add_data_arguments,
    add_encoder_arguments,
    add_sample_argument,
    positive,
    scale,
)


def add_arguments(parser):
    parser.add_argument("source", help="pairs, ratings or rankings: a local file or a Hub dataset")
    add_encoder_arguments(parser, several=True)
    parser.add_argument("--embeddings", help="instead of --model: .npy [pairs, 2, features]")
    add_data_arguments(parser, compares=True)
    add_sample_argument(parser)
    parser.add_argument("--minutes", type=float, default=10.0, help="time budget")
    parser.add_argument(
        "--rounds",
        type=positive,
        help="of 5-fold cross-validation (default: 5 if time allows)",
    )
    parser.add_argument(
        "--baseline",
        help="scores that need no labels: `length`, or a file with `id` or `prompt` and the scores "
        "`chosen` and `rejected` of a public reward model or a judge",
    )
    add_control_argument(parser)
    parser.add_argument("--scales", type=scale, nargs="+", default=[4], help="2, 4, ...")
    parser.add_argument(
        "--converged",
        action="store_true",
        help="also try LENS with a VAE trained until convergence (slow)",
    )
    parser.add_argument("--out", default="advice", help="folder for text, JSON and picture")


def run(args):
    encoders = each_encoder(args)
    if len(encoders) > 1:
        compare(args, encoders)
    else:
        advise_with_one(encoders[0])


def advise_with_one(args):
    """What does best with one encoder, or with embeddings that are given."""
    import sys
    import time
    from pathlib import Path

    from lens.advice.advise import advise
    from lens.advice.crossval import fold_of_each
    from lens.advice.own_pairs import claim, embed_pairs, import_embeddings, saved_embeddings
    from lens.advice.preferences import decided
    from lens.cli.shared.arguments import options
    from lens.cli.shared.embedding import encoder
    from lens.cli.shared.your_data import check_embeddings, preferences, set_threads
    from lens.core.errors import LensError
    from lens.report.render import duration

    check_embeddings(args)
    set_threads(args)
    claim(Path(args.out), args.source)
    tell = lambda message: print(message, file=sys.stderr)  # noqa: E731
    start = time.perf_counter()
    pairs = preferences(args, args.source)
    fold_of_each(pairs.table["group"][decided(pairs.table)].to_numpy(), 0)  # before embedding

    def estimate(seconds, texts):
        tell(f"Embedding {texts:,} texts: about {duration(seconds)}.")
        if seconds > 60 * args.minutes:
            raise LensError(
                f"embedding alone takes about {duration(seconds)}, and the budget is "
                f"{duration(60 * args.minutes)}. Give more --minutes or fewer pairs (--max-pairs "
                f"{int(len(pairs.table) * 30 * args.minutes / seconds)})."
            )

    if args.embeddings:
        data = import_embeddings(pairs, args.embeddings)
    else:
        reader = encoder(args)
        saved = saved_embeddings(args.out, pairs, reader)
        data = saved or embed_pairs(pairs, reader, estimate=estimate)
        if saved:
            tell(f"Embeddings: those in {args.out}.")
    data.save(args.out)
    if data.note:
        tell(data.note)
    left = args.minutes - (time.perf_counter() - start) / 60
    how = options(args, "scales", "rounds", "baseline", "control", "converged")
    advice = advise(data, minutes=left, tell=tell, **how)
    write(args, advice)


def write(args, advice):
    """Prints an advice and saves it with its picture."""
    import shlex
    import sys
    from pathlib import Path

    from lens.advice.report import as_json, draw
    from lens.cli.shared.arguments import settings
    from lens.files import artifacts
    from lens.files.tracking import track
    from lens.report import figures

    folder, values = Path(args.out), as_json(advice)
    control = ["--control", args.control] if args.control else []
    command = ["lens", "fit", "--advice", args.out, *control, "--out", "REWARD_MODEL"]
    text = f"{advice}\n\nNext: {shlex.join(command)}"
    about = {"settings": settings(args), "versions": artifacts.versions()}
    figures.save(draw(advice), folder, "advice")
    artifacts.write_text(folder / "advice.txt", text + "\n")
    artifacts.write_json(folder / "advice.json", values | about)
    track(str(folder / "advice"), about["settings"], values)
    print(text)
    print(
        f"Also in {folder}: advice.txt, advice.json, advice.png, and the embeddings for `fit`.",
        file=sys.stderr,
    )


def each_encoder(args):
    """The arguments of every model with every layer."""
    import argparse

    return [
        argparse.Namespace(**vars(args) | {"model": model, "layer": layer})
        for model in args.model or [None]
        for layer in args.layer or [-1]
    ]


def compare(args, encoders):
    """Which of several encoders to keep."""
    import shlex
    import sys
    from dataclasses import asdict
    from pathlib import Path

    from lens.advice.encoders import compare_encoders, encoder_names
    from lens.advice.own_pairs import claim
    from lens.cli.shared.arguments import settings
    from lens.cli.shared.embedding import encoder
    from lens.cli.shared.your_data import preferences, set_threads
    from lens.core.errors import LensError
    from lens.files import artifacts

    if args.embeddings or not args.model:
        raise LensError("several layers or models: give --model, and no --embeddings.")
    set_threads(args)
    claim(Path(args.out), args.source)
    pairs, readers = preferences(args, args.source), [encoder(each) for each in encoders]
    flags = dict(zip(encoder_names(readers), encoders, strict=True))
    comparison = compare_encoders(
        pairs,
        readers,
        rounds=args.rounds or 3,
        control=args.control,
        tell=lambda text: print(text, file=sys.stderr),
    )
    command = ["lens", "advise", *given_again(flags[comparison.keep])]
    text = f"{comparison}\n\nNext: {shlex.join(command)}"
    about = {"settings": settings(args), "versions": artifacts.versions()}
    artifacts.write_text(Path(args.out) / "encoders.txt", text + "\n")
    artifacts.write_json(Path(args.out) / "encoders.json", asdict(comparison) | about)
    print(text)


def given_again(args):
    """These arguments as words of a command line, without those that are the default."""
    import json

    from lens.cli import build_parser

    defaults = vars(build_parser().parse_args(["advise", args.source]))
    words = [args.source]
    for name, value in vars(args).items():
        if name in ("run", "command", "source", "rounds") or value in (defaults[name], -1):
            continue
        flag = "--" + name.replace("_", "-")
        if name == "columns":
            words += [flag, json.dumps(value)]
        elif isinstance(value, list):
            words += [flag, *map(str, value)]
        else:
            words += [flag] if value is True else [flag, str(value)]
    return words
