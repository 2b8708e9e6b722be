"""Train on growing subsets, with a reference on all pairs: the points behind the theory (B.5)."""

from lens.cli.shared.arguments import add_settings, options, settings
from lens.cli.shared.outputs import input_files, write_metrics


def add_arguments(parser):
    from lens.reward.settings import TrainingSettings
    from lens.theory.settings import BoundsSettings

    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--embeddings", required=True, help="from embed-pairs")
    parser.add_argument(
        "--n-pairs", type=int, nargs="+", required=True, help="subset sizes, below all the pairs"
    )
    parser.add_argument("--scales", type=int, nargs="+", default=[2], help="must hold 2, for B0")
    parser.add_argument("--seeds", type=int, nargs="+", required=True, help="one run for each")
    add_settings(parser, BoundsSettings)
    add_settings(parser, TrainingSettings)
    parser.add_argument("--vae", required=True, help="JSON: the VAE's settings, as in the config")
    parser.add_argument("--synthesis", required=True, help="JSON: settings of the synthesis")
    parser.add_argument("--reward", required=True, help="JSON: settings of the reward MLP")
    parser.add_argument(
        "--out-dir",
        required=True,
        help="gets estimation, reconstruction and theorem_1.csv, theorem_1_pairs.parquet, "
        "reference.safetensors, metrics.json",
    )


def run(args):
    import json
    import sys
    from pathlib import Path

    from lens.files import artifacts, saves
    from lens.files.embeddings import read_embedded
    from lens.language import loading
    from lens.theory import trainings

    loading.set_threads(args.threads)
    pairs, embeddings = read_embedded(args.pairs, args.embeddings)
    out, inputs = Path(args.out_dir), input_files(args, "pairs", "embeddings")
    with saves.unfinished(out / "blocks", settings(args), inputs) as folder:
        reference, tables, metrics = trainings.measure(
            pairs,
            embeddings,
            sizes=args.n_pairs,
            **options(args, "scales", "seeds", "max_test_pairs", "validation_fraction"),
            **options(args, "delta", "vae_steps"),
            vae=json.loads(args.vae),
            head=json.loads(args.reward),
            synthesis=json.loads(args.synthesis),
            folder=folder,
            progress=lambda text: print(text, file=sys.stderr, flush=True),
        )
        reference.save(out / "reference.safetensors")
        for name, table in tables.items():
            suffix = "parquet" if name == "theorem_1_pairs" else "csv"
            artifacts.write_table(out / f"{name}.{suffix}", table)
    write_metrics(args, inputs, metrics)
