"""Draw Figure 3: the latent space of VAEs trained at several gamma."""

from lens.cli._arguments import settings


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--embeddings", required=True, help="from embed-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="that the VAEs were trained on")
    parser.add_argument("--seed", type=int, required=True, help="that the VAEs were trained with")
    parser.add_argument("--validation-fraction", type=float, default=0.1)
    parser.add_argument("--gammas", type=float, nargs="+", required=True)
    parser.add_argument("--vaes", nargs="+", required=True, help="from train-vae, in that order")
    for label in ("dataset", "model"):
        parser.add_argument(f"--{label}", required=True, help="label for tables")
    parser.add_argument("--out-dir", required=True, help="gets figure_3.png, .pdf, .csv, ...")


def run(args):
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from lens import artifacts
    from lens.evaluation import held_out_pairs
    from lens.paper import beside, figure_3, style
    from lens.paper.files import write_data
    from lens.training_set import read_embedded, training_set
    from lens.vae import SIDES, load_vae

    pairs, embeddings = read_embedded(args.pairs, args.embeddings)
    data = training_set(
        pairs,
        embeddings,
        n_pairs=args.n_pairs,
        seed=args.seed,
        validation_fraction=args.validation_fraction,
    )
    test = held_out_pairs(pairs).index
    held_out = {side: data.standardiser(embeddings[side][test]) for side in SIDES}
    labels = {"dataset": args.dataset, "model": args.model}
    labels |= {"n_pairs": args.n_pairs, "seed": args.seed}
    rows, points, by_gamma = [], [], {}
    for gamma, path in sorted(zip(args.gammas, args.vaes, strict=True)):
        row, by_gamma[gamma], drawn = figure_3.measure(
            load_vae(path), data, np.asarray(pairs["id"]), held_out
        )
        rows.append({**labels, "gamma": gamma, **row})
        points.append(drawn.assign(gamma=gamma))
    table, drawn = pd.DataFrame(rows), pd.concat(points, ignore_index=True)
    out = Path(args.out_dir)
    style.save(figure_3.draw(table, drawn), out, "figure_3")
    artifacts.write_table(out / "figure_3.csv", table)
    compared = beside.beside("figure_3", figure_3.claims(by_gamma), comparable=False)
    inputs = {"pairs": args.pairs, "embeddings": args.embeddings}
    inputs |= {f"vae_gamma_{gamma:g}": f for gamma, f in zip(args.gammas, args.vaes, strict=True)}
    write_data(out, "figure_3", drawn, compared, settings(args), inputs)
