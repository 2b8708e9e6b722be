"""Requests per second of `lens serve`, beside direct calls of the same reward model.

Each request holds one text, as OpenRLHF's do. The server runs in a process of its own, with as
many threads as the direct calls; both have read the texts once before they are timed.
"""

import argparse
import http.client
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np

from lens import RewardModel
from lens.advice.preferences import read_pairs
from lens.core.errors import LensError
from lens.language.loading import set_threads


def direct(model: RewardModel, prompts: list, responses: list) -> tuple[float, float, np.ndarray]:
    """(seconds one by one, seconds at once, rewards)."""
    rewards = model.score(prompts, responses)
    start = perf_counter()
    for prompt, response in zip(prompts, responses, strict=True):
        model.score([prompt], [response])
    alone = perf_counter() - start
    start = perf_counter()
    model.score(prompts, responses)
    return alone, perf_counter() - start, rewards


def served(address: str, bodies: list[bytes], connections: int) -> tuple[float, np.ndarray]:
    """(seconds, rewards) of requests over so many connections that stay open."""
    host = urlsplit(address).netloc

    def client(start: int) -> list[float]:
        connection = http.client.HTTPConnection(host, timeout=300)
        found = []
        for body in islice(bodies, start, None, connections):
            connection.request("POST", "/get_reward", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise LensError(f"status {answer.status}: {content.decode()}")
            found += json.loads(content)["rewards"]
        return found

    start = perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        parts = list(pool.map(client, range(connections)))
    seconds = perf_counter() - start
    rewards = np.empty(len(bodies))
    for first, part in enumerate(parts):
        rewards[first::connections] = part
    return seconds, rewards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reward_model", help="folder that `lens fit` saved")
    parser.add_argument("source", help="pairs whose chosen answers are scored")
    parser.add_argument("--requests", type=int, default=512)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    table = read_pairs(args.source).table.head(args.requests)
    messages = [json.loads(prompt) for prompt in table["prompt"]]
    pairs = [(m[0]["content"], text) for m, text in zip(messages, table["chosen"], strict=True)]
    prompts, responses = map(list, zip(*pairs, strict=True))
    bodies = [json.dumps({"query": [p + "\n" + r], "prompts": [p]}).encode() for p, r in pairs]
    set_threads(args.threads)
    alone, together, expected = direct(RewardModel.load(args.reward_model), prompts, responses)
    count = len(pairs)
    print(
        f"{count} texts; direct: {count / alone:.0f}/s one by one, {count / together:.0f}/s at once"
    )
    command = [sys.executable, "-m", "lens", "serve", args.reward_model, "--port", "0"]
    command += ["--threads", str(args.threads), "--rate", "1000000"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split()[1].rstrip(",")
        served(address, bodies, max(args.connections))
        for connections in args.connections:
            seconds, rewards = served(address, bodies, connections)
            gap = np.abs(rewards - expected).max()
            print(
                f"served, {connections} connections: {count / seconds:.0f}/s, "
                f"{alone / seconds:.2f} of one by one, {together / seconds:.2f} of at once; "
                f"largest difference {gap:.1g}",
                flush=True,
            )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
