"""Estimate what a run needs before it starts: jobs, hours, disk, memory and the longest chain, from
measured seconds and stated constants (docs/plan.md)."""

import argparse


def add_arguments(parser):
    parser.add_argument("--snakefile", default="Snakefile")
    parser.add_argument("--configfile", nargs="+", default=[], help="as Snakemake has it")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--everything",
        action="store_true",
        help="count what is done already, not only what remains",
    )
    parser.add_argument(
        "--earlier",
        action="append",
        nargs="+",
        default=[],
        metavar="FILE",
        help="the config files of an earlier run on this machine, below this folder: seconds that "
        "its jobs took correct those of the same rules (repeat it for more runs)",
    )
    parser.add_argument(
        "--check",
        metavar="FOLDER",
        help="results/RUN of the config's own run, finished: predicted and measured seconds",
    )
    parser.add_argument("--out", nargs="+", default=[], help="files to write, .md or .json")
    parser.add_argument(
        "--software-deployment-method", nargs="+", default=[], help=argparse.SUPPRESS
    )


def run(args):
    from pathlib import Path

    from lens.core.errors import LensError
    from lens.files import artifacts
    from lens.plan import graph, render, totals

    if wrong := [path for path in args.out if Path(path).suffix not in (".md", ".json")]:
        raise LensError(f"--out {' '.join(wrong)}: the plan is written as .md or .json.")
    jobs, config = graph.resolve(
        args.snakefile,
        configfiles=args.configfile,
        config=args.config,
        everything=args.everything or bool(args.check),
        deployment=args.software_deployment_method,
    )
    earlier = [graph.resolve(args.snakefile, configfiles=files) for files in args.earlier]
    plan = totals.plan(jobs, config, earlier)
    if args.check and Path(args.check).name != config.run:
        raise LensError(
            f"--check {args.check}: these config files are of the run {config.run}. Give its own, "
            f"or --check results/{config.run}."
        )
    if args.check and not plan["checked"]:
        raise LensError(
            f"--check {args.check}: no job of it has been measured. Run it first: snakemake "
            f"--configfile {' '.join(args.configfile) or 'config.yaml'}"
        )
    text = render.check(plan) if args.check else "\n".join(render.sections(plan))
    for path in args.out:
        if Path(path).suffix == ".json":
            artifacts.write_json(path, plan)
        else:
            artifacts.write_text(path, text)
    print(text, end="")
