"""Draw Figure 3: the latent space of VAEs trained at several gamma."""

from lens.cli.shared.arguments import add_settings
from lens.cli.shared.publish import add_out_arguments, publish


def add_arguments(parser):
    from lens.reward.settings import TrainingSettings

    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--embeddings", required=True, help="from embed-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="that the VAEs were trained on")
    parser.add_argument(
        "--seeds", type=int, nargs="+", required=True, help="of the VAEs; the first is drawn"
    )
    add_settings(parser, TrainingSettings, without=("threads",))
    parser.add_argument("--gammas", type=float, nargs="+", required=True)
    parser.add_argument(
        "--vaes",
        nargs="+",
        required=True,
        help="from train-vae: of every gamma all seeds, in that order",
    )
    for label in ("dataset", "model"):
        parser.add_argument(f"--{label}", required=True, help="label for tables")
    add_out_arguments(parser, "gets figure_3.png, .pdf, .csv, ...", paper=False)


def run(args):
    import numpy as np

    from lens.cli.shared.training_sets import read_training_sets
    from lens.paper import figure_3
    from lens.report.paper_comparison import verdicts

    pairs, embeddings, data = read_training_sets(args)
    files = np.reshape(args.vaes, (len(args.gammas), len(args.seeds)))
    vaes = {
        seed: sorted(zip(args.gammas, files[:, place], strict=True))
        for place, seed in enumerate(args.seeds)
    }
    table, drawn, by_gamma = figure_3.measure_all(pairs, embeddings, data, vaes)
    labels = {"dataset": args.dataset, "model": args.model, "n_pairs": args.n_pairs}
    table = table.assign(**labels)[[*labels, *table]]
    first = [part[part["seed"] == args.seeds[0]] for part in (table, drawn)]
    inputs = {"pairs": args.pairs, "embeddings": args.embeddings}
    publish(
        args,
        table=table,
        observations=drawn,
        parts=[figure_3.printed(table)],
        latex=False,
        compared=verdicts("figure_3", figure_3.claims(by_gamma), comparable=False),
        drawn=figure_3.draw(*first),
        inputs=inputs | {f"vae_{i}": file for i, file in enumerate(args.vaes)},
    )
