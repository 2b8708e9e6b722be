"""Write Table 2: what synthesis and training cost, as text and in latent space."""

from lens.cli.shared.publish import add_out_arguments, publish

STAGES = (
    "sample_responses",
    "score_responses",
    "label_pairs",
    "train_annotator",
    "train_text",
    "train_text_repeat",
    "embed_pairs",
    "train_vae",
    "train_reward",
    "train_reward_repeat",
    "mean_difference",
    "linear_probe",
)
WITHOUT = ("mean_difference", "linear_probe")


def add_arguments(parser):
    parser.add_argument("--datasets", nargs="+", required=True)
    parser.add_argument("--models", nargs="+", required=True, help="one for each of the datasets")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--n-pairs", type=int, required=True)
    parser.add_argument("--scale", type=int, required=True)
    for stage in STAGES:
        parser.add_argument(
            f"--{stage.replace('_', '-')}",
            nargs="+",
            required=stage not in WITHOUT,
            help="folder with its metrics.json and cost.json, for each of the datasets",
        )
    add_out_arguments(parser, "gets table_2.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    import pandas as pd

    from lens.paper import table_2
    from lens.report.paper_comparison import verdicts
    from lens.report.reported import is_paper_setting

    given = {stage: getattr(args, stage) for stage in STAGES if getattr(args, stage)}
    measures, inputs = [], {}
    for i, (dataset, model) in enumerate(zip(args.datasets, args.models, strict=True)):
        folders = {stage: Path(paths[i]) for stage, paths in given.items()}
        stages = {stage: table_2.Stage.read(folder) for stage, folder in folders.items()}
        labels = {"dataset": dataset, "model": model, "n_pairs": args.n_pairs}
        paper = is_paper_setting(args.paper_names, dataset, model)
        measures.append(table_2.measure(stages, labels, args.seeds, args.scale, paper))
        for stage, folder in folders.items():
            inputs[f"{dataset}/{model}/{stage}/cost"] = folder / "cost.json"
    tables, jobs, blocks, rows = zip(*measures, strict=True)
    publish(
        args,
        table=pd.concat(tables, ignore_index=True),
        observations=pd.concat(jobs, ignore_index=True),
        parts=[table_2.page(list(blocks))],
        compared=verdicts("table_2", [row for part in rows for row in part], comparable=False),
        inputs=inputs,
    )
