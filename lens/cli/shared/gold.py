"""The gold reward model of a command: a sequence classifier, or what `lens fit` saved."""

from lens.cli.shared.arguments import add_batch_argument, options
from lens.cli.shared.model import add_model_arguments, loader
from lens.cli.shared.text import score_with


def add_scoring_arguments(parser) -> None:
    """Arguments for the gold reward model and the table that it scores."""
    parser.add_argument("--candidates", required=True, help="candidate table")
    add_model_arguments(parser)
    add_batch_argument(parser)


def scorer(args):
    """A function from a candidate table to (the table with `gold`, texts shortened, cost). The gold
    model is loaded at the first call."""
    from lens.files.artifacts import is_fitted
    from lens.language import loading

    loading.set_threads(args.threads)
    if is_fitted(args.model):
        return fitted_scorer(args)

    loaded = loader(args, "AutoModelForSequenceClassification")

    def score(table):
        tokenizer, model, _ = loaded()
        rewards, tokens, used = score_with(args, tokenizer, model, table, args.candidates)
        return table.assign(gold=rewards), tokens.shortened, used

    return score


def fitted_scorer(args):
    """As `scorer`, for a gold model of `lens fit`. It reads texts as its folder says."""
    import json
    from functools import cache

    from lens.serving.reward_model import RewardModel

    @cache
    def loaded():
        names = ("device", "batch_tokens", "trust_remote_code")
        return RewardModel.load(args.model, **options(args, *names))

    def score(table):
        gold = loaded()
        cut_before = gold.encoder.cut if gold.encoder else 0
        rewards = gold.score([json.loads(text) for text in table["prompt"]], table["response"])
        return table.assign(gold=rewards), gold.encoder.cut - cut_before, {}

    return score
