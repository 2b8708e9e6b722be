"""Measure where synthetic embeddings are among the real ones, and whether their order held."""

import json

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.outputs import input_files, write_metrics


def add_arguments(parser):
    from lens.reward.settings import TrainingSettings

    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--embeddings", required=True, help="from embed-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs per seed")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--methods", nargs="+", required=True, help="lens, ...; first: examples")
    parser.add_argument("--scale", type=int, required=True, help="of augmentation, 2 or more")
    parser.add_argument("--synthesis", type=json.loads, required=True, help="JSON: its settings")
    parser.add_argument("--vae", required=True, help="of this seed, from train-vae")
    parser.add_argument(
        "--reference", required=True, help="reward model on all pairs, from theory-points"
    )
    for label in ("dataset", "model"):
        parser.add_argument(f"--{label}", required=True, help="label for tables")
    add_settings(parser, TrainingSettings)
    parser.add_argument(
        "--out-dir", required=True, help="gets embeddings.parquet, examples.json and metrics.json"
    )


def run(args):
    from pathlib import Path

    from lens.core.errors import LensError
    from lens.evaluation import synthetic_geometry as geometry
    from lens.files import artifacts
    from lens.files.embeddings import read_embedded
    from lens.language import loading
    from lens.latent.vae import load_vae
    from lens.reward.head import RewardHead
    from lens.reward.training_set import training_set

    if args.scale < 2:
        raise LensError(f"--scale {args.scale}: there is nothing synthetic below a scale of 2.")
    loading.set_threads(args.threads)
    pairs, embeddings = read_embedded(args.pairs, args.embeddings)
    sampling = options(args, "n_pairs", "seed", "validation_fraction")
    data = training_set(pairs, embeddings, **sampling)
    reference, real = RewardHead.load(args.reference), geometry.Real.of(data)
    vae = load_vae(args.vae)
    made = {"vae": vae, "settings": args.synthesis, **options(args, "scale", "seed")}
    sources = geometry.make_sources(args.methods, data, **made)
    inspected = {"held_out": held_out(pairs, embeddings, data, real, reference)}
    for name, source in sources.items():
        inspected[name] = geometry.inspect(source, data, real, reference, args.scale)
    first, out = args.methods[0], Path(args.out_dir)
    seen = inspected[first][0]
    examples = [
        geometry.look_closely(rule, row_and_variant, sources[first], seen, real, pairs)
        for rule, row_and_variant in geometry.telling(seen, geometry.pair_gaps(seen)).items()
    ]
    artifacts.write_table(out / "embeddings.parquet", together(inspected, pairs))
    artifacts.write_json(out / "examples.json", examples)
    inputs = input_files(args, "pairs", "embeddings", "vae", "reference")
    write_metrics(args, inputs, spread_facts(real, inspected))


def held_out(pairs, embeddings, data, real, reference):
    from lens.evaluation import synthetic_geometry
    from lens.evaluation.judge import held_out_pairs

    test = held_out_pairs(pairs).index.to_numpy()
    return synthetic_geometry.inspect_held_out(embeddings, test, data, real, reference)


def together(inspected, pairs):
    """One table of all methods', with the pairs' ids instead of their rows."""
    import numpy as np
    import pandas as pd

    parts = [part.assign(method=name) for name, (part, _) in inspected.items()]
    table, ids = pd.concat(parts, ignore_index=True), np.asarray(pairs["id"])
    table["id"], table["nearest_id"] = ids[table["row"]], ids[table["nearest_row"]]
    return table.drop(columns=["row", "nearest_row"])


def spread_facts(real, inspected) -> dict:
    """How far apart training responses are, and how far all embeddings of a method spread."""
    import numpy as np

    from lens.evaluation import synthetic_geometry

    spacing = synthetic_geometry.own_spacing(real)
    return {
        "training_responses": len(real.points),
        "spacing_median": float(np.median(spacing)),
        "spacing_far": float(np.quantile(spacing, synthetic_geometry.FAR)),
        "spread_of_training": synthetic_geometry.training_spread(real),
        "spread": {name: spread for name, (_, spread) in inspected.items()},
    }
