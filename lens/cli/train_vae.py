"""Train the contrastive VAE, one for each seed, on N preference pairs."""

from typing import Any

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.outputs import input_files, write_metrics
from lens.cli.shared.training_sets import (
    add_training_set_arguments,
    embedding_facts,
    embedding_flags,
    read_training_sets,
)


def add_arguments(parser):
    from lens.latent.settings import VaeSettings

    add_training_set_arguments(parser)
    add_settings(parser, VaeSettings)
    parser.add_argument("--active", action="store_true", help="on pairs that are chosen, not drawn")
    parser.add_argument("--out-dir", required=True, help="gets seed_S.safetensors and metrics.json")


def run(args):
    from pathlib import Path

    from lens.core import diagnostics
    from lens.core.seeds import derive_seed
    from lens.language import loading
    from lens.latent.settings import VaeSettings
    from lens.latent.vae import diagnose, save_vae, train_vaes

    loading.set_threads(args.threads)
    _, _, data = read_training_sets(args, active=args.active)
    vaes = train_vaes(
        [(part.chosen, part.rejected) for part in data.values()],
        seeds=[derive_seed(seed, "vae") for seed in data],
        **options(args, *VaeSettings.model_fields),
    )
    by_seed: dict[str, dict[str, Any]] = {}
    flags = []
    for (seed, part), vae in zip(data.items(), vaes, strict=True):
        save_vae(Path(args.out_dir) / f"seed_{seed}.safetensors", vae)
        by_seed[str(seed)] = {
            "train": diagnose(vae, part.chosen, part.rejected),
            "validation": diagnose(vae, part.validation_chosen, part.validation_rejected),
            "embeddings": embedding_facts(part),
            "parameters": sum(value.numel() for value in vae.parameters()),
        }
        seed_flags = embedding_flags(part) + diagnostics.vae_flags(by_seed[str(seed)]["train"])
        flags += diagnostics.named(seed_flags, seed=seed)
    size = by_seed[str(args.seeds[0])]["parameters"]
    inputs = input_files(args, "pairs", "embeddings")
    cost = {"parameters": size, "trained": size}
    write_metrics(args, inputs, {"by_seed": by_seed, "flags": flags}, cost)
