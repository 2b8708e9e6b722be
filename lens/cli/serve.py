"""Serve a reward model to trainers over HTTP, as OpenRLHF's `POST /get_reward`.

Only this machine can reach it, unless you set --host; that needs a token in the environment
variable LENS_SERVE_TOKEN.
"""

from lens.cli.shared.your_data import add_reward_model_arguments, positive


def add_arguments(parser):
    add_reward_model_arguments(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=5000, help="0: any that is free")
    parser.add_argument(
        "--max-bytes", type=positive, default=8 * 2**20, help="of one request's body"
    )
    parser.add_argument("--max-texts", type=positive, default=1024, help="in one request")
    parser.add_argument(
        "--rate", type=positive, default=1000, help="requests per second from one address"
    )


def run(args):
    from importlib.util import find_spec

    from lens.cli.shared.your_data import reward_model
    from lens.core.errors import LensError

    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise LensError('starlette or uvicorn is missing. Run `pip install "lens-rm[serve]"`.')
    from lens.serving.server import Limits, serve

    limits = Limits(args.max_bytes, args.max_texts, args.rate)
    serve(reward_model(args), host=args.host, port=args.port, limits=limits)
