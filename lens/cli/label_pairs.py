"""Pair sampled responses, by scores or by a judge's verdicts, until the scale is reached."""

from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs per seed")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--scale", type=int, required=True, help="the largest to be met")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--scores", help="from score-responses or score-likelihood")
    which.add_argument("--verdicts", help="from judge-responses")
    parser.add_argument("--annotated", help="the annotator's scores, to measure agreement with")
    add_stage_outputs(parser, "synthetic pairs of every seed (.parquet)")


def run(args):
    import pandas as pd

    from lens.core.seeds import derive_seed
    from lens.files import artifacts
    from lens.textspace import text_pairs

    pairs = artifacts.read_table(args.pairs)
    source = artifacts.read_table(args.scores or args.verdicts)
    annotated = artifacts.read_table(args.annotated) if args.annotated else None
    made, by_seed = [], {}
    for seed in args.seeds:
        rows = text_pairs.seed_rows(pairs, args.n_pairs, seed)
        if args.scores:
            mine = source[source["prompt"].isin(pairs["prompt"].iloc[rows])]
            options = text_pairs.options_by_score(mine, derive_seed(seed, "label_pairs"))
        else:
            options = text_pairs.options_by_preference(source)
        synthetic = text_pairs.synthetic_pairs(pairs, rows, options, scale=args.scale, seed=seed)
        made.append(synthetic)
        by_seed[str(seed)] = {
            "synthetic_pairs": len(synthetic),
            **text_pairs.shortage(pairs.iloc[rows], options, args.scale),
        }
        if annotated is not None:
            by_seed[str(seed)]["agrees_with_annotator"] = text_pairs.agreement(synthetic, annotated)
    artifacts.write_table(args.out, pd.concat(made, ignore_index=True))
    inputs = input_files(args, "pairs", "scores", "verdicts", "annotated")
    write_metrics(args, inputs, {"by_seed": by_seed})
