"""Label pairs by self-evolution: train, add the pairs that the model ranks confidently, repeat."""

from lens.cli.shared.arguments import add_batch_argument, add_settings, options
from lens.cli.shared.model import add_model_arguments
from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics
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
    import pandas as pd

    from lens.core.processes import is_first
    from lens.files import artifacts
    from lens.language import loading
    from lens.language.finetuning import get_ready
    from lens.textspace import text_pairs
    from lens.textspace.self_evolved import evolve

    get_ready("trl.trainer.reward_trainer")
    loading.set_threads(args.threads)
    pairs, responses = artifacts.read_table(args.pairs), artifacts.read_table(args.responses)
    annotated = artifacts.read_table(args.annotated) if args.annotated else None
    made, costs, tokens = [], [], None
    by_scale: dict[str, dict] = {}
    first_scores: dict = {}
    for scale in args.scales:
        for seed in args.seeds:
            rows = text_pairs.seed_rows(pairs, args.n_pairs, seed)
            mine = responses[responses["prompt"].isin(pairs["prompt"].iloc[rows])]

            def train_and_score(table, seed=seed, rows=rows, mine=mine):
                nonlocal tokens
                if len(table) == len(rows) and seed in first_scores:
                    return first_scores[seed]  # the first round is the same at every scale
                scores, tokens, cost = _train_and_score(args, table, mine, seed, tokens)
                costs.append(cost)
                if len(table) == len(rows):
                    first_scores[seed] = scores
                return scores

            synthetic, rounds = evolve(
                pairs,
                rows,
                mine,
                train_and_score,
                scale=scale,
                seed=seed,
                **options(args, "rounds", "confidence"),
            )
            made.append(synthetic.assign(scale=scale))
            facts = {"synthetic_pairs": len(synthetic), "rounds": rounds}
            if annotated is not None:
                facts["agrees_with_annotator"] = text_pairs.agreement(synthetic, annotated)
            by_scale.setdefault(str(scale), {})[str(seed)] = facts
    if not is_first():
        return
    artifacts.write_table(args.out, pd.concat(made, ignore_index=True))
    inputs = input_files(args, "pairs", "responses") | loading.weight_files(args.model)
    size = costs[0][1]
    cost = {"tokens": sum(read for read, _ in costs), "parameters": size, "trained": size}
    write_metrics(args, inputs, {"by_scale": by_scale}, cost)


def _train_and_score(args, table, responses, seed, tokens):
    """(scores of the responses by a reward model trained on the table, tokens of all texts, (how
    many were read, parameters))."""
    from lens.core.processes import from_first
    from lens.core.seeds import derive_seed

    start, how = derive_seed(seed, "text") % 2**31, finetuning(args)
    model, tokens, facts = train_classifier(
        args, table, args.pairs, tokens, how, lora=None, seed=start, out=None
    )
    scores, tokens, cost = score_with(
        args, tokens.tokenizer, model.eval(), responses, args.responses, tokens
    )
    return from_first(scores), tokens, (facts["tokens"] + cost["tokens"], facts["parameters"])
