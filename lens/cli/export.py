"""Export a linear reward model as a Hugging Face sequence classifier."""

from lens.cli.shared.your_data import add_reward_model_arguments


def add_arguments(parser):
    add_reward_model_arguments(parser)
    parser.add_argument("--out", required=True, help="folder; must be new")


def run(args):
    from pathlib import Path

    from lens.cli.shared.your_data import reward_model
    from lens.core.errors import LensError
    from lens.serving.export import export_classifier

    if Path(args.out).exists():
        raise LensError(f"{args.out}: is there already. Choose another --out, or remove it first.")
    model = reward_model(args)
    export_classifier(model, args.out)
    print(
        f"{args.out}: load it with AutoModelForSequenceClassification, or as a text-classification "
        "pipeline; its one logit is the reward. Give it the chat template's text without its "
        "beginning-of-sequence token where the tokenizer adds one."
    )
