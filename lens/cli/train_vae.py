"""Train the contrastive VAE, one for each seed, on N preference pairs."""

from lens.cli.shared.arguments import add_thread_argument, settings


def add_arguments(parser):
    add_training_set_arguments(parser)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--latent", type=int, default=16)
    parser.add_argument(
        "--sharing",
        default="shared_trunk_separate_heads",
        choices=["share_everything", "shared_trunk_separate_heads", "separate_everything"],
        help="what preferred and rejected embeddings share (Table 5)",
    )
    parser.add_argument("--beta", type=float, default=1.0, help="weight of the KL term (Eq. 4)")
    parser.add_argument("--gamma", type=float, default=0.1, help="weight of the distance (Eq. 6)")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out-dir", required=True, help="gets seed_S.safetensors and metrics.json")


def add_training_set_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--embeddings", required=True, help="from embed-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs to spend")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument(
        "--validation-fraction", type=float, default=0.1, help="of the N pairs, by prompt"
    )
    add_thread_argument(parser)


def training_sets(pairs, embeddings, args):
    """{seed: its TrainingSet} for the arguments above."""
    from lens.reward.training_set import training_set

    return {
        seed: training_set(
            pairs,
            embeddings,
            n_pairs=args.n_pairs,
            seed=seed,
            validation_fraction=args.validation_fraction,
        )
        for seed in args.seeds
    }


def embedding_facts(part) -> dict[str, int]:
    """What a training set's embeddings lack."""
    return {
        "features": part.chosen.shape[1],
        "constant_features": part.constant_features,
        "identical_pairs": part.identical_pairs,
    }


def embedding_flags(part) -> list[tuple[str, str]]:
    from lens.core import diagnostics

    count = len(part.rows) + len(part.validation_rows)
    dim = part.chosen.shape[1]
    return diagnostics.of_embeddings(part.constant_features, dim, part.identical_pairs, count)


def run(args):
    from pathlib import Path

    from lens.core import diagnostics
    from lens.core.seeds import derive_seed
    from lens.files import artifacts
    from lens.files.embeddings import read_embedded
    from lens.language import loading
    from lens.latent.vae import diagnose, save_vae, train_vaes

    loading.set_threads(args.threads)
    data = training_sets(*read_embedded(args.pairs, args.embeddings), args)
    vaes = train_vaes(
        [(part.chosen, part.rejected) for part in data.values()],
        seeds=[derive_seed(seed, "vae") for seed in data],
        hidden=args.hidden,
        latent=args.latent,
        sharing=args.sharing,
        beta=args.beta,
        gamma=args.gamma,
        learning_rate=args.learning_rate,
        batch_size=args.batch_size,
        epochs=args.epochs,
    )
    by_seed, flags = {}, []
    for (seed, part), vae in zip(data.items(), vaes, strict=True):
        save_vae(Path(args.out_dir) / f"seed_{seed}.safetensors", vae)
        by_seed[str(seed)] = {
            "train": diagnose(vae, part.chosen, part.rejected),
            "validation": diagnose(vae, part.validation_chosen, part.validation_rejected),
            "embeddings": embedding_facts(part),
            "parameters": sum(value.numel() for value in vae.parameters()),
        }
        found = embedding_flags(part) + diagnostics.of_vae(by_seed[str(seed)]["train"])
        flags += diagnostics.named(found, seed=seed)
    artifacts.write_metrics(
        Path(args.out_dir) / "metrics.json",
        settings(args),
        {"pairs": args.pairs, "embeddings": args.embeddings},
        {"by_seed": by_seed, "flags": flags},
        {"parameters": by_seed[str(args.seeds[0])]["parameters"]}
        | {"trained": by_seed[str(args.seeds[0])]["parameters"]},
    )
