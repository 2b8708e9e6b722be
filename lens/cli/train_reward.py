"""Train the reward model of one method and scale, one for each seed, on N preference pairs."""

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.outputs import input_files, write_metrics
from lens.cli.shared.training_sets import (
    add_training_set_arguments,
    embedding_facts,
    embedding_flags,
    read_training_sets,
)

SIDES = ("chosen", "rejected")


def add_arguments(parser):
    from lens.latent.settings import SynthesisSettings
    from lens.reward.settings import HeadSettings

    add_training_set_arguments(parser)
    parser.add_argument("--method", required=True, help="original, repeat, lens, ...")
    parser.add_argument("--scale", type=int, default=1, help="pairs in training per original pair")
    parser.add_argument("--vae-dir", help="from train-vae, for lens and others that decode latents")
    parser.add_argument("--synthetic", help="from label-pairs, for embedding_mlp")
    parser.add_argument("--responses", help="that they are made of, from sample-responses")
    parser.add_argument("--response-embeddings", help="from embed-responses")
    add_settings(parser, SynthesisSettings)
    add_settings(parser, HeadSettings)
    parser.add_argument("--out-dir", required=True, help="gets seed_S.safetensors and metrics.json")


def with_text(args, data, inputs):
    """Training sets with synthetic text added; the files they come from are added to `inputs`."""
    from lens.core.errors import LensError
    from lens.files.artifacts import read_table
    from lens.files.embeddings import check_same_model, read_embedded
    from lens.textspace.text_embeddings import with_synthetic

    if not (args.synthetic and args.responses and args.response_embeddings):
        raise LensError(
            "method embedding_mlp needs --synthetic, --responses and --response-embeddings."
        )
    check_same_model(args.embeddings, args.response_embeddings)
    responses, embeddings = read_embedded(args.responses, args.response_embeddings)
    synthetic = read_table(args.synthetic)
    for name in ("synthetic", "responses", "response_embeddings"):
        inputs[name] = getattr(args, name)
    sets = {}
    for seed, part in data.items():
        count = (args.scale - 1) * args.n_pairs
        mine = synthetic[synthetic["seed"] == seed].iloc[:count]
        if len(mine) < count:
            raise LensError(
                f"{args.synthetic}: {len(mine)} pairs of seed {seed} are too few for scale "
                f"{args.scale}. Label pairs again."
            )
        sets[seed] = with_synthetic(part, mine, responses, embeddings["responses"])
    return sets


def train(args, data, inputs):
    """Trainings by seed; the VAEs that they use are added to `inputs`."""
    from pathlib import Path

    from lens.core.errors import LensError
    from lens.latent.settings import SynthesisSettings
    from lens.reward import methods
    from lens.reward.settings import HeadSettings

    vaes, method, scale = {}, args.method, args.scale
    if method == "embedding_mlp":
        data, method, scale = with_text(args, data, inputs), "original", 1
    if methods.named(method).needs_vae:
        if not args.vae_dir:
            raise LensError(f"method {args.method} needs --vae-dir, a folder that train-vae made.")
        from lens.latent.vae import load_vae

        for seed in args.seeds:
            inputs[f"vae_seed_{seed}"] = Path(args.vae_dir) / f"seed_{seed}.safetensors"
            vaes[seed] = load_vae(inputs[f"vae_seed_{seed}"])
    return methods.train(
        method,
        data,
        scale=scale,
        vaes=vaes,
        settings=options(args, *SynthesisSettings.model_fields),
        head=options(args, *HeadSettings.model_fields),
    )


def run(args):
    from pathlib import Path

    from lens.core import diagnostics
    from lens.language import loading
    from lens.reward import methods
    from lens.reward.head import RewardHead

    table_row = methods.METHODS.get(args.method)  # embedding_mlp is none of them
    _, embeddings, data = read_training_sets(args, active=bool(table_row and table_row.active))
    inputs = input_files(args, "pairs", "embeddings")
    if args.method in methods.PROBES:
        loading.set_numpy_threads(args.threads)
    else:
        loading.set_threads(args.threads)
    trainings = train(args, data, inputs)
    by_seed, flags = {}, []
    for seed, training in trainings.items():
        part, losses = data[seed], training.metrics.get("validation_losses", [])
        model = RewardHead(training.weights, part.standardiser)
        model.save(Path(args.out_dir) / f"seed_{seed}.safetensors")
        by_seed[str(seed)] = {
            **training.metrics,
            "embeddings": embedding_facts(part),
            "pair_accuracy": accuracies(model, embeddings, part),
        }
        seed_flags = embedding_flags(part) + diagnostics.loss_flags(losses)
        seed_flags += diagnostics.reconstruction_flags(
            training.metrics.get("vae_variance_explained")
        )
        flags += diagnostics.named(seed_flags, seed=seed)
    size = sum(value.size for value in trainings[args.seeds[0]].weights.values())
    cost = {"parameters": size, "trained": size}
    write_metrics(args, inputs, {"by_seed": by_seed, "flags": flags}, cost)


def accuracies(model, embeddings, part) -> dict[str, float]:
    """The share of a training set's pairs, except for ties, that the model orders as labelled."""
    from lens.reward.head import pair_accuracy

    rows = {"train": part.rows, "validation": part.validation_rows}
    if part.labels is not None:
        rows["train"] = rows["train"][part.labels != 0.5]
        rows["validation"] = rows["validation"][part.validation_labels != 0.5]
    return {
        name: float(pair_accuracy(*(model(embeddings[side][at]) for side in SIDES)).mean())
        for name, at in rows.items()
    }
