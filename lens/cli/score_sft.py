"""Score the answers of SFT models with the gold reward model."""

from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics
from lens.cli.shared.text import add_scoring_arguments, scorer


def add_arguments(parser):
    add_scoring_arguments(parser)
    add_stage_outputs(parser, "prompt_id, candidate, gold (.parquet)")


def run(args):
    from lens.evaluation.judge import describe_gold
    from lens.files import artifacts
    from lens.language import loading

    table, shortened, used = scorer(args)(artifacts.read_table(args.candidates))
    artifacts.write_table(args.out, table[["prompt_id", "candidate", "gold"]])
    facts = {"texts_shortened": shortened, **describe_gold(table)}
    inputs = input_files(args, "candidates") | loading.weight_files(args.model)
    write_metrics(args, inputs, facts, used)
