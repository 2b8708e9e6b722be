"""Describe the offline world: how noisy its labels are, how good its gold model, how hard it is."""

from lens.cli.shared.arguments import settings
from lens.cli.shared.publish import add_out_arguments


def add_arguments(parser):
    parser.add_argument("--truth", required=True, help="truth.json from build-world")
    parser.add_argument("--gold-model", required=True, help="metrics.json from train-gold-model")
    parser.add_argument("--kinds", nargs="+", required=True, help="dialogue, summary: a table each")
    parser.add_argument("--candidates", nargs="+", required=True, help="from generate-candidates")
    parser.add_argument("--gold", nargs="+", required=True, help="from score-candidates")
    parser.add_argument("--learning-curve", required=True, help="learning_curve.csv")
    add_out_arguments(parser, "gets world.md, .html and .json", paper=False)


def run(args):
    from pathlib import Path

    from lens.evaluation.judge import with_gold
    from lens.files.artifacts import read_json, read_table, write_metrics
    from lens.paper import world_card
    from lens.report.files import write_page

    sampled = {}
    for kind, candidates, gold in zip(args.kinds, args.candidates, args.gold, strict=True):
        scored = with_gold(read_table(candidates), read_table(gold), gold)
        sampled[kind] = world_card.gold_against_truth(kind, scored)
    truth, curve = read_json(args.truth), read_table(args.learning_curve)
    write_page(args.out_dir, "world", world_card.printed(truth, sampled, curve))
    gold_model = read_json(args.gold_model)["metrics"]
    write_metrics(
        Path(args.out_dir) / "world.json",
        settings(args),
        {"truth": args.truth, "gold_model": args.gold_model, "curve": args.learning_curve},
        {"labels": truth, "sampled_answers": sampled, "gold_model": gold_model},
    )
