"""Run one command several times in one process, which saves start-up time. Workflow jobs use it to
train or judge several reward models on the same embeddings."""


def add_arguments(parser):
    parser.add_argument("--command", dest="shared", required=True, help="with its shared flags")
    parser.add_argument(
        "--cells", nargs="+", required=True, metavar="NAME FLAGS", help="one text for each run"
    )
    parser.add_argument("--record", help="file that gets the names, as a JSON list")


def run(args):
    import shlex
    import time

    from lens.cli import build_parser
    from lens.files import artifacts, cost

    shared = shlex.split(args.shared)
    parser = build_parser(shared[0])
    names: list[str] = []
    for cell in args.cells:
        name, *arguments = shlex.split(cell)
        print(name, flush=True)
        command = parser.parse_args([*shared, *arguments])
        cost.start(time.process_time() if names else 0.0)
        command.run(command)
        names.append(name)
    if args.record:
        artifacts.write_json(args.record, names)
