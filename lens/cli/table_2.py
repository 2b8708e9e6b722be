"""Write Table 2: what synthesis and training cost, as text and in latent space."""

from lens.cli.shared.arguments import add_paper_arguments, settings

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
    add_paper_arguments(parser)
    parser.add_argument("--out-dir", required=True, help="gets table_2.csv, .tex, .md, ...")


def run(args):
    from pathlib import Path

    import pandas as pd

    from lens.paper import table_2
    from lens.report import files, paper_comparison
    from lens.report.reported import MODEL_OF_TABLE_1

    found = {stage: getattr(args, stage) for stage in STAGES if getattr(args, stage)}
    tables, jobs, blocks, rows, inputs = [], [], [], [], {}
    for place, (dataset, model) in enumerate(zip(args.datasets, args.models, strict=True)):
        folders = {stage: Path(given[place]) for stage, given in found.items()}
        stages = {stage: table_2.Stage.read(folder) for stage, folder in folders.items()}
        labels = {"dataset": dataset, "model": model, "n_pairs": args.n_pairs}
        seconds = pd.DataFrame(table_2.per_seed(stages, args.seeds, args.n_pairs, args.scale))
        long = table_2.routes(seconds)
        parameters = {
            "textual": stages["sample_responses"].cost["parameters"],
            "latent": stages["train_vae"].cost["parameters"],
        }
        names = (args.paper_names.get(dataset), args.paper_names.get(model))
        paper = names == ("hh_rlhf", MODEL_OF_TABLE_1)
        table = table_2.summary(long, parameters, args.scale, paper)
        blocks.append((table_2.title(labels, stages), table_2.printed(table)))
        tables.append(pd.DataFrame([labels]).merge(table, how="cross"))
        jobs.append(pd.DataFrame([labels]).merge(seconds, how="cross"))
        if paper:
            rows += table_2.compared(long, parameters)
        for stage, folder in folders.items():
            inputs |= {f"{dataset}/{model}/{stage}/cost": folder / "cost.json"}
    files.write_table(
        args.out_dir,
        "table_2",
        table_2.page(blocks),
        table=pd.concat(tables, ignore_index=True),
        observations=pd.concat(jobs, ignore_index=True),
        compared=paper_comparison.beside("table_2", rows, comparable=False),
        settings=settings(args),
        inputs=inputs,
    )
