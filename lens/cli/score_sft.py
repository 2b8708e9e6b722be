"""Score the answers of SFT models with the gold reward model."""

from lens.cli.shared.gold import add_scoring_arguments, scorer
from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics
from lens.cli.shared.shards import add_flush_argument, in_blocks


def add_arguments(parser):
    add_scoring_arguments(parser)
    add_flush_argument(parser, unit="rows", flush=4096)
    add_stage_outputs(parser, "prompt_id, candidate, gold (.parquet)")


def run(args):
    from lens.evaluation.judge import describe_gold
    from lens.files import artifacts
    from lens.language import loading

    table, score = artifacts.read_table(args.candidates), scorer(args)

    def make(first, stop):
        scored, shortened, used = score(table.iloc[first:stop])
        return scored, {"texts_shortened": shortened}, used

    inputs = input_files(args, "candidates")
    scored, facts, used = in_blocks(args, len(table), make, inputs=inputs)
    artifacts.write_table(args.out, scored[["prompt_id", "candidate", "gold"]])
    facts |= describe_gold(scored)
    write_metrics(args, inputs | loading.weight_files(args.model), facts, used)
