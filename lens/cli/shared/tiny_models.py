"""Training the tiny models of the offline world."""

from lens.cli.shared.arguments import add_settings, options
from lens.cli.shared.outputs import write_metrics


def add_tiny_model_arguments(parser, section):
    """Arguments from the model's section of the config, and the output folder."""
    add_settings(parser, section)
    parser.add_argument("--out", required=True, help="model folder")
    parser.add_argument("--metrics", required=True)


def optimiser(args) -> dict:
    """The keyword arguments of a training, from `add_tiny_model_arguments`."""
    return options(args, "steps", "batch_size", "learning_rate", "seed")


def save(args, inputs, model, tokenizer, losses, **facts) -> None:
    """Saves the model, and metrics with `facts` and a summary of its losses."""
    from lens.world import tiny_models

    tiny_models.save(args.out, model, tokenizer)
    size = model.num_parameters()
    facts = {"parameters": size, **tiny_models.describe_losses(losses), **facts}
    write_metrics(args, inputs, facts, {"parameters": size, "trained": size})
