"""Label pairs by self-evolution: train, add the pairs that the model ranks confidently, repeat."""

from typing import Any

from lens.cli.shared.arguments import add_batch_argument, add_settings, options
from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics
from lens.cli.shared.shards import unfinished
from lens.cli.shared.text import add_finetuning_arguments, finetuning, score_with, train_classifier


def add_arguments(parser):
    from lens.textspace.settings import SelfEvolvedSettings

    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs per seed")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--scales", type=int, nargs="+", required=True, help="above 1")
    parser.add_argument("--responses", required=True, help="from sample-responses")
    parser.add_argument("--annotated", help="the annotator's scores, to measure agreement with")
    add_settings(parser, SelfEvolvedSettings)
    add_model_arguments(parser)
    add_batch_argument(parser)
    add_finetuning_arguments(parser)
    add_stage_outputs(parser, "synthetic pairs of every seed (.parquet)")


def run(args):
    from pathlib import Path

    import pandas as pd

    from lens.core.processes import is_first
    from lens.files import artifacts
    from lens.language import loading
    from lens.language.finetuning import get_ready
    from lens.textspace import text_pairs

    get_ready("trl.trainer.reward_trainer")
    loading.set_threads(args.threads)
    pairs, responses = artifacts.read_table(args.pairs), artifacts.read_table(args.responses)
    annotated = artifacts.read_table(args.annotated) if args.annotated else None
    made: list[pd.DataFrame] = []
    by_scale: dict[str, dict] = {}
    inputs = input_files(args, "pairs", "responses") | loading.weight_files(args.model)
    blocks = Path(args.metrics).parent / "blocks"  # goes when the metrics are written
    with unfinished(args, blocks, inputs) as folder:
        models = Models(args, folder)
        for scale in args.scales:
            by_seed = by_scale.setdefault(str(scale), {})
            for seed in args.seeds:
                synthetic, rounds = evolved(args, pairs, responses, models, scale, seed)
                made.append(synthetic.assign(scale=scale))
                facts = {"synthetic_pairs": len(synthetic), "rounds": rounds}
                if annotated is not None:
                    facts["agrees_with_annotator"] = text_pairs.agreement(synthetic, annotated)
                by_seed[str(seed)] = facts
    if not is_first():
        return
    artifacts.write_table(args.out, pd.concat(made, ignore_index=True))
    write_metrics(args, inputs, {"by_scale": by_scale}, models.cost)


def evolved(args, pairs, responses, models, scale, seed):
    """What `lens.textspace.self_evolved.evolve` returns for one scale and seed."""
    from lens.textspace import text_pairs
    from lens.textspace.self_evolved import evolve

    rows = text_pairs.seed_rows(pairs, args.n_pairs, seed)
    mine = responses[responses["prompt"].isin(pairs["prompt"].iloc[rows])]

    def train_and_score(table):
        # The first round is the same at every scale.
        name = f"x{scale}_{len(table)}_pairs" if len(table) > len(rows) else "first"
        return models.scores(f"seed_{seed}/{name}", table, mine, seed)

    how = options(args, "rounds", "confidence")
    return evolve(pairs, rows, mine, train_and_score, scale=scale, seed=seed, **how)


class Models:
    """The reward models of all rounds, of each of which the scores of the responses are saved."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.tokens: Any = None  # the `AnswerTokens` of all texts so far
        self.known: dict[str, Any] = {}
        self.cost = {"tokens": 0, "parameters": 0, "trained": 0}

    def scores(self, name, table, responses, seed):
        """Scores of responses by a reward model trained on a table; those of an earlier attempt
        that got this far."""
        from functools import partial

        from lens.files import artifacts, saves

        if name not in self.known:
            train = partial(self.train_and_score, name, table, responses, seed)
            facts = saves.piece(self.folder / f"{name}.npy", train)
            self.cost["tokens"] += facts["tokens"]
            self.cost["parameters"] = self.cost["trained"] = facts["parameters"]
        if name not in self.known:
            self.known[name] = artifacts.read_npy(self.folder / f"{name}.npy")
        return self.known[name]

    def train_and_score(self, name, table, responses, seed, path, checkpoint):
        """Trains, scores and saves the scores; returns the tokens of all texts that were read."""
        from shutil import rmtree

        from lens.core.processes import from_first, is_first
        from lens.core.seeds import derive_seed
        from lens.files import artifacts

        args = self.args
        model, tokens, facts = train_classifier(
            args,
            table,
            args.pairs,
            self.tokens,
            finetuning(args),
            lora=None,
            seed=derive_seed(seed, "text") % 2**31,
            out=None,
            checkpoint=checkpoint,
        )
        scores, self.tokens, cost = score_with(
            args, tokens.tokenizer, model.eval(), responses, args.responses, tokens
        )
        self.known[name] = from_first(scores)
        if is_first():
            artifacts.write_npy(path, self.known[name])
            rmtree(checkpoint, ignore_errors=True)
        return {"tokens": facts["tokens"] + cost["tokens"], "parameters": facts["parameters"]}
