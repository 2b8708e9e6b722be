"""Draw Figure 3: the latent space of VAEs trained at several gamma."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--embeddings", required=True, help="from embed-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="that the VAEs were trained on")
    parser.add_argument(
        "--seeds", type=int, nargs="+", required=True, help="of the VAEs; the first is drawn"
    )
    parser.add_argument("--validation-fraction", type=float, default=0.1)
    parser.add_argument("--gammas", type=float, nargs="+", required=True)
    parser.add_argument(
        "--vaes",
        nargs="+",
        required=True,
        help="from train-vae: of every gamma all seeds, in that order",
    )
    for label in ("dataset", "model"):
        parser.add_argument(f"--{label}", required=True, help="label for tables")
    parser.add_argument("--out-dir", required=True, help="gets figure_3.png, .pdf, .csv, ...")


def run(args):
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from lens.evaluation.judge import held_out_pairs
    from lens.files import artifacts
    from lens.files.embeddings import read_embedded
    from lens.latent.vae import SIDES, load_vae
    from lens.paper import figure_3
    from lens.report import figures, paper_comparison
    from lens.report.files import write_data, write_page
    from lens.reward.training_set import training_set

    pairs, embeddings = read_embedded(args.pairs, args.embeddings)
    ids, test = np.asarray(pairs["id"]), held_out_pairs(pairs).index
    labels = {"dataset": args.dataset, "model": args.model, "n_pairs": args.n_pairs}
    files = np.reshape(args.vaes, (len(args.gammas), len(args.seeds)))
    rows, points, by_gamma = [], [], {gamma: [] for gamma in args.gammas}
    for place, seed in enumerate(args.seeds):
        data = training_set(
            pairs,
            embeddings,
            n_pairs=args.n_pairs,
            seed=seed,
            validation_fraction=args.validation_fraction,
        )
        held_out = {side: data.standardiser(embeddings[side][test]) for side in SIDES}
        for gamma, file in sorted(zip(args.gammas, files[:, place], strict=True)):
            row, by_pair, drawn = figure_3.measure(load_vae(file), data, ids, held_out)
            rows.append({**labels, "seed": seed, "gamma": gamma, **row})
            points.append(drawn.assign(gamma=gamma, seed=seed))
            by_gamma[gamma].append(by_pair)
    stacked = {
        gamma: {name: np.stack([one[name] for one in found]) for name in found[0]}
        for gamma, found in by_gamma.items()
    }
    table, drawn = pd.DataFrame(rows), pd.concat(points, ignore_index=True)
    first = [part[part["seed"] == args.seeds[0]] for part in (table, drawn)]
    out = Path(args.out_dir)
    figures.save(figure_3.draw(*first), out, "figure_3")
    artifacts.write_table(out / "figure_3.csv", table)
    compared = paper_comparison.beside("figure_3", figure_3.claims(stacked), comparable=False)
    inputs = {"pairs": args.pairs, "embeddings": args.embeddings}
    inputs |= {f"vae_{i}": file for i, file in enumerate(args.vaes)}
    write_page(out, "figure_3", [figure_3.printed(table)], compared)
    write_data(out, "figure_3", drawn, compared, settings(args), inputs)
