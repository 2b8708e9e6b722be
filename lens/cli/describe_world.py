"""Say what the offline world is: how noisy its labels, how good its gold model, how hard it is."""

from lens.cli.shared.arguments import settings


def add_arguments(parser):
    parser.add_argument("--truth", required=True, help="truth.json from build-world")
    parser.add_argument("--gold-model", required=True, help="metrics.json from train-gold-model")
    parser.add_argument("--kinds", nargs="+", required=True, help="dialogue, summary: a table each")
    parser.add_argument("--candidates", nargs="+", required=True, help="from generate-candidates")
    parser.add_argument("--gold", nargs="+", required=True, help="from score-candidates")
    parser.add_argument("--learning-curve", required=True, help="learning_curve.csv")
    parser.add_argument("--out-dir", required=True, help="gets world.md, .html and .json")


def run(args):
    from pathlib import Path

    from lens.evaluation.judge import with_gold
    from lens.files import artifacts
    from lens.paper import world_card
    from lens.report import files

    sampled = {}
    for kind, candidates, gold in zip(args.kinds, args.candidates, args.gold, strict=True):
        scored = with_gold(artifacts.read_table(candidates), artifacts.read_table(gold), gold)
        sampled[kind] = world_card.gold_against_truth(kind, scored)
    truth = artifacts.read_json(args.truth)
    curve = artifacts.read_table(args.learning_curve)
    out = Path(args.out_dir)
    files.write_page(out, "world", world_card.printed(truth, sampled, curve))
    artifacts.write_metrics(
        out / "world.json",
        settings(args),
        {"truth": args.truth, "gold_model": args.gold_model, "curve": args.learning_curve},
        {
            "labels": truth,
            "sampled_answers": sampled,
            "gold_model": artifacts.read_json(args.gold_model)["metrics"],
        },
    )
