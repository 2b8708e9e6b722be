"""Export a linear reward model for other tools.

A reward model on the last token of a causal model becomes a Hugging Face sequence classifier, any
other a sentence-transformers model with a dense head.
"""

from lens.cli.shared.your_data import add_reward_model_arguments

LOAD = {
    "classifier": "load it with AutoModelForSequenceClassification, or as a text-classification "
    "pipeline; its one logit is the reward. Give it the chat template's text without its "
    "beginning-of-sequence token where the tokenizer adds one.",
    "sentence-transformers": "load it with SentenceTransformer; what `encode` gives for the text "
    'PROMPT + "\\n\\n" + ANSWER is the reward.',
}


def add_arguments(parser):
    add_reward_model_arguments(parser)
    parser.add_argument("--out", required=True, help="folder; must be new")


def run(args):
    from pathlib import Path

    from lens.cli.shared.your_data import reward_model
    from lens.core.errors import LensError
    from lens.serving.export import export

    if Path(args.out).exists():
        raise LensError(f"{args.out}: is there already. Choose another --out, or remove it first.")
    form = export(reward_model(args), args.out)
    print(f"{args.out}: {LOAD[form]}")
