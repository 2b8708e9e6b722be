"""Write the offline world's version of RewardBench, on prompts that no pair has."""

from lens.cli.shared.arguments import add_settings
from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics


def add_arguments(parser):
    from lens.world.settings import BenchSettings

    add_settings(parser, BenchSettings)
    parser.add_argument("--apart-from", required=True, help="pairs whose prompts are left out")
    add_stage_outputs(parser, "rows in RewardBench's form (.jsonl)")


def run(args):
    from lens.data.sources import read_rows
    from lens.files import artifacts
    from lens.world import bench, texts

    taken = {row["prompt"] for _, row in read_rows(args.apart_from)}
    rows = bench.draw_bench(args.kind, args.count, args.seed, taken)
    artifacts.write_jsonl(args.out, rows)
    margins = [
        texts.true_reward(args.kind, row["prompt"], row["chosen"])
        - texts.true_reward(args.kind, row["prompt"], row["rejected"])
        for row in rows
    ]
    facts = {"pairs": len(rows), "least_true_margin": min(margins)}
    write_metrics(args, input_files(args, "apart_from"), facts)
