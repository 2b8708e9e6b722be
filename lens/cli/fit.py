"""Train a reward model on all of your pairs and save it as a folder."""

from lens.cli.shared.arguments import options
from lens.cli.shared.your_data import (
    add_control_argument,
    add_data_arguments,
    add_encoder_arguments,
    add_sample_argument,
    positive,
)

WITH_ADVICE = {"advice", "out", "method", "scale", "seed", "device", "batch_tokens", "threads"}
WITH_ADVICE |= {"control", "trust_remote_code", "command", "run"}


def add_arguments(parser):
    parser.add_argument("source", nargs="?", help="pairs, ratings or rankings: file or Hub dataset")
    parser.add_argument("--advice", help="folder of `lens advise`: its pairs and its recipe")
    parser.add_argument(
        "--continue",
        dest="before",
        metavar="FOLDER",
        help="of an earlier fit or advice: its pairs count as well, and are not embedded again",
    )
    add_encoder_arguments(parser)
    parser.add_argument("--embeddings", help="instead of --model: .npy [pairs, 2, features]")
    add_data_arguments(parser)
    add_sample_argument(parser)
    parser.add_argument(
        "--method",
        help="evidence_probe (default), linear_probe, mean_difference, original, repeat, lens, "
        "lens_plus, synthetic_only, direct_perturbation or gaussian_sampling",
    )
    parser.add_argument("--scale", type=positive, help="pairs in training per labelled pair")
    add_control_argument(parser)
    parser.add_argument("--seed", type=int, default=0, help="of folds, weights and synthesis")
    parser.add_argument("--out", required=True, help="folder for the reward model; must be new")


def run(args):
    import shlex
    import sys
    from dataclasses import replace
    from pathlib import Path

    from lens.advice.extend import PAIRS
    from lens.advice.fit import DEFAULT, fit
    from lens.cli.shared.arguments import settings
    from lens.cli.shared.your_data import set_threads
    from lens.core.errors import LensError
    from lens.files.tracking import track
    from lens.reward.recipes import Recipe
    from lens.serving.model_card import results_text

    if args.scale and not args.method:
        raise LensError("--scale goes with --method.")
    if args.before and args.advice:
        raise LensError("give --advice or --continue, not both.")
    if bool(args.source) == bool(args.advice):
        raise LensError("give either pairs (with --model or --embeddings) or --advice FOLDER.")
    out = Path(args.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LensError(f"{out}: is there already. Choose another --out, or remove it first.")
    default_scale = 8 if args.method == "lens_plus" else 1
    asked = None
    if args.method:
        asked = Recipe(args.method, args.scale or default_scale, args.labels, args.control)
    default = replace(DEFAULT, labels=args.labels)
    set_threads(args)
    if args.advice:
        data, advised, tried = _advised(args)
    elif args.before:
        data, advised = _continued(args)
        tried = 1
    else:
        data, advised, tried = _embedded_pairs(args), default, 1
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    model = fit(
        data,
        asked or (replace(advised, covariate=args.control) if args.control else advised),
        seed=args.seed,
        chosen_among=1 if asked else tried,
        command=shlex.join(["lens", *words]),
    )
    model.save(out)
    data.save(out / PAIRS)
    track(str(out), settings(args), model.card["held_out"])
    print(results_text(model))
    print(
        f"Saved in {out} (README.md is its model card; {PAIRS}/ holds your texts, for "
        "`lens fit --continue`: remove it before you publish the folder). Next:\n"
        f"  lens score {out} texts.jsonl     # rewards, or probabilities for pairs\n"
        f"  lens best-of {out} pool.jsonl    # the best of several responses"
    )


def _embedded_pairs(args):
    import sys

    from lens.cli.shared.embedding import embedded_pairs
    from lens.cli.shared.your_data import check_embeddings

    check_embeddings(args)
    data = embedded_pairs(args, args.source, args.embeddings)
    if data.note:
        print(data.note, file=sys.stderr)
    return data


def _continued(args):
    """(the pairs of an earlier folder and the new ones, the folder's recipe)."""
    from dataclasses import replace
    from pathlib import Path

    from lens.advice.extend import extend_pairs, saved_pairs
    from lens.advice.fit import DEFAULT
    from lens.advice.own_pairs import import_embeddings
    from lens.cli.shared.your_data import preferences
    from lens.files import artifacts
    from lens.reward.recipes import Recipe

    how = options(args, "device", "batch_tokens", "trust_remote_code")
    before = saved_pairs(args.before, model=args.model, **how)
    args.labels = "soft" if "label" in before.table else "hard"
    new = preferences(args, args.source)
    data = extend_pairs(before, import_embeddings(new, args.embeddings) if args.embeddings else new)
    card = Path(args.before) / "config.json"
    if card.is_file():
        return data, Recipe(**artifacts.read_json(card)["recipe"])
    return data, replace(DEFAULT, labels=args.labels)


def _advised(args):
    from pathlib import Path

    from lens.advice.own_pairs import EmbeddedPairs
    from lens.cli import build_parser
    from lens.core.errors import LensError
    from lens.files import artifacts
    from lens.reward.recipes import Recipe

    folder = Path(args.advice)
    defaults = vars(build_parser().parse_args(["fit", "--out", args.out]))
    for name, default in defaults.items():
        if name not in WITH_ADVICE and getattr(args, name) != default:
            flag = "--" + name.replace("_", "-")
            raise LensError(f"{flag} was decided by the advice: give it to `lens advise`.")
    if not (folder / "advice.json").is_file():
        raise LensError(f"{folder}: no advice.json. Run `lens advise PAIRS --out {folder}` first.")
    advice = artifacts.read_json(folder / "advice.json")
    data = EmbeddedPairs.load(
        folder, **options(args, "device", "batch_tokens", "trust_remote_code")
    )
    then, now = advice["data"], data.report | {"sha256": data.sha256}
    if any(then.get(name) != now.get(name) for name in ("sha256", "asked")):
        raise LensError(f"{folder}: its advice is on other pairs. Run `lens advise` again.")
    return data, Recipe(**advice["recommended"]), len(advice["accuracy"])
