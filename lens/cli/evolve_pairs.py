"""Label pairs by self-evolution: the reward model ranks, confident pairs join, it trains again."""

from lens.cli.shared.arguments import add_model_arguments, settings
from lens.cli.shared.text import add_finetuning_arguments, finetuning, token_ids, train_classifier


def add_arguments(parser):
    parser.add_argument("--pairs", required=True, help="pair table from prepare-pairs")
    parser.add_argument("--n-pairs", type=int, required=True, help="labelled pairs to spend")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--scales", type=int, nargs="+", required=True, help="above 1")
    parser.add_argument("--responses", required=True, help="from sample-responses")
    parser.add_argument("--annotated", help="the annotator's scores, to measure agreement with")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--confidence", type=float, default=0.6, help="probability from which a pair joins"
    )
    add_model_arguments(parser)
    parser.add_argument("--batch-tokens", type=int, default=8192, help="tokens in one batch")
    add_finetuning_arguments(parser)
    parser.add_argument("--out", required=True, help="synthetic pairs of every seed (.parquet)")
    parser.add_argument("--metrics", required=True)


def run(args):
    import pandas as pd

    from lens.files import artifacts
    from lens.language import loading
    from lens.language.finetuning import get_ready, is_first
    from lens.textspace import text_pairs
    from lens.textspace.self_evolved import evolve

    get_ready("trl.trainer.reward_trainer")
    loading.set_threads(args.threads)
    pairs, responses = artifacts.read_table(args.pairs), artifacts.read_table(args.responses)
    annotated = artifacts.read_table(args.annotated) if args.annotated else None
    made, by_scale, costs = [], {}, []
    first_scores, tokens = {}, None
    for scale in args.scales:
        for seed in args.seeds:
            rows = text_pairs.spent_rows(pairs, args.n_pairs, seed)
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

            found, rounds = evolve(
                pairs,
                rows,
                mine,
                train_and_score,
                scale=scale,
                rounds=args.rounds,
                confidence=args.confidence,
                seed=seed,
            )
            made.append(found.assign(scale=scale))
            facts = {"synthetic_pairs": len(found), "rounds": rounds}
            if annotated is not None:
                facts["agrees_with_annotator"] = text_pairs.agreement(found, annotated)
            by_scale.setdefault(str(scale), {})[str(seed)] = facts
    if not is_first():
        return
    artifacts.write_table(args.out, pd.concat(made, ignore_index=True))
    inputs = {"pairs": args.pairs, "responses": args.responses, **loading.weight_files(args.model)}
    cost = {"tokens": sum(read for read, _ in costs), "parameters": costs[0][1]}
    artifacts.write_metrics(
        args.metrics,
        settings(args),
        inputs,
        {"by_scale": by_scale},
        cost | {"trained": cost["parameters"]},
    )


def _train_and_score(args, table, responses, seed, tokens):
    """(scores of the responses by a reward model trained on the table, tokens of all texts, (how
    many were read, parameters))."""
    from lens.core.seeds import derive_seed
    from lens.language import gold
    from lens.language.finetuning import from_first

    start = derive_seed(seed, "text") % 2**31
    model, tokens, facts = train_classifier(
        args, table, args.pairs, tokens, finetuning(args), lora=None, seed=start, out=None
    )
    answers = token_ids(tokens, responses, "response", args.responses)
    scores = gold.score(
        model.eval(), answers, batch_tokens=args.batch_tokens, groups=list(responses["prompt_id"])
    )
    read = facts["tokens"] + sum(map(len, answers))
    return from_first(scores), tokens, (read, facts["parameters"])
