"""Estimate what a run needs before it starts: jobs, hours, disk, memory and the longest chain, from
measured seconds and stated constants (docs/plan.md)."""

import argparse


def add_arguments(parser):
    parser.add_argument("--snakefile", default="Snakefile")
    parser.add_argument("--configfile", nargs="+", default=[], help="as Snakemake has it")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--targets", nargs="+", default=[], help="rules or files, not all artefacts"
    )
    parser.add_argument(
        "--everything",
        action="store_true",
        help="count what is done already, not only what remains",
    )
    parser.add_argument("--out", nargs="+", default=[], help="files to write, .md or .json")
    parser.add_argument("--check", help="results/RUN of a finished run to compare the plan with")
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
    past = totals.measured(args.check) if args.check else None
    jobs, config = graph.resolve(
        args.snakefile,
        targets=args.targets,
        configfiles=args.configfile,
        config=args.config,
        everything=args.everything or bool(args.check),
        deployment=args.software_deployment_method,
    )
    # What is compared with a run is not corrected by it.
    plan = totals.plan(jobs, config, correct=not args.check)
    if past is None:
        text = "\n".join(render.sections(plan))
    else:
        plan["check"] = totals.compare(plan, past)
        text = render.check_section(plan["check"])
    for path in args.out:
        if Path(path).suffix == ".json":
            artifacts.write_json(path, plan)
        else:
            artifacts.write_text(path, text)
    print(text, end="")
