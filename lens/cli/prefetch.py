"""Download what a run reads from the Hugging Face Hub, so that its jobs need no network."""

from lens.report.render import size


def add_arguments(parser):
    parser.add_argument("--models", nargs="*", default=[], metavar="ID@REVISION")
    parser.add_argument(
        "--models-with-code",
        nargs="*",
        default=[],
        metavar="ID@REVISION",
        help="models whose own code is run: their Python files too",
    )
    parser.add_argument("--datasets", nargs="*", default=[], metavar="ID@REVISION")
    parser.add_argument("--out", help="record (.json) of ids, revisions, commits, bytes, folders")


def run(args):
    from huggingface_hub import constants

    from lens.core.errors import LensError
    from lens.data.sources import load_hub
    from lens.files import artifacts, hub

    wanted = [hub.parse(spec, "model") for spec in args.models]
    wanted += [hub.parse(spec, "model", code=True) for spec in args.models_with_code]
    wanted += [hub.parse(spec, "dataset") for spec in args.datasets]
    wanted = list(dict.fromkeys(wanted))
    if not wanted:
        print("No model or dataset of the Hub is used: nothing to download.")
    elif constants.is_offline_mode():
        raise LensError("HF_HUB_OFFLINE is set, so nothing can be downloaded. Unset it for this.")
    downloads, refused = [], []
    for one in wanted:
        try:
            downloads.append(hub.download(one))
            if one.kind == "dataset":
                load_hub(one.name, downloads[-1]["commit"])  # into tables, so that jobs only read
        except LensError as error:
            refused.append(str(error))
        else:
            print(line(downloads[-1]), flush=True)
    if refused:
        raise LensError(
            f"{len(refused)} of {len(wanted)} are not there; what was downloaded stays, and the "
            "same command continues from there.\n" + "\n".join(refused)
        )
    if downloads:
        total = sum(one["bytes"] for one in downloads)
        print(f"{size(total)} in {constants.HF_HUB_CACHE}. Jobs can run with HF_HUB_OFFLINE=1.")
    if args.out:
        artifacts.write_json(args.out, downloads)


def line(download: dict) -> str:
    """What was downloaded, and what to pin where the revision may move."""
    size_and_commit = f"{size(download['bytes'])}, commit {download['commit']}"
    text = f"{download['kind']} {download['id']}: {size_and_commit}"
    if download["revision"] == download["commit"]:
        return text + " (pinned)"
    return f"{text} ({download['revision']!r} may move: pin `revision: {download['commit']}`)"
