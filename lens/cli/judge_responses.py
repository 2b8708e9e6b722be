"""Let the base model judge pairs of its own responses, in both orders (self-rewarding)."""

from lens.cli.shared.arguments import add_settings
from lens.cli.shared.judge import add_judge_arguments, judge_locally
from lens.cli.shared.outputs import add_stage_outputs, input_files, write_metrics


def add_arguments(parser):
    from lens.textspace.settings import SelfRewardingSettings

    parser.add_argument("--responses", required=True, help="from sample-responses")
    add_settings(parser, SelfRewardingSettings, only=("pairs", "seed"))
    add_judge_arguments(parser)
    add_stage_outputs(parser, "pairs with their verdicts (.parquet)")


def run(args):
    import pandas as pd

    from lens.core.seeds import derive_seed
    from lens.files import artifacts
    from lens.language import loading
    from lens.textspace import judging
    from lens.textspace.text_pairs import pairs_to_judge

    responses = artifacts.read_table(args.responses)
    rows = []
    for (key, prompt), part in responses.groupby(["prompt_id", "prompt"], sort=False):
        texts = part["response"].str.strip().tolist()
        for a, b in pairs_to_judge(texts, args.pairs, derive_seed(args.seed, "judge", key)):
            rows.append((key, prompt, texts[a], texts[b]))
    table = pd.DataFrame(rows, columns=["prompt_id", "prompt", "a", "b"])
    judged, cost = judge_locally(args, table, input_files(args, "responses"))
    artifacts.write_table(args.out, judged)
    inputs = input_files(args, "responses") | loading.weight_files(args.model)
    write_metrics(args, inputs, {"pairs": len(table), **judging.describe(judged)}, cost)
