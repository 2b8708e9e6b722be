"""A reward model as a service that trainers call: OpenRLHF's `POST /get_reward`.

Requests that wait are scored together, in one thread, so that many small ones cost as little as one
large one. Nothing is kept between requests: a server that was killed and started again gives the
same rewards.
"""

import asyncio
import base64
import binascii
import hmac
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lens.core.errors import LensError
from lens.serving.queries import read_request
from lens.serving.reward_model import PROBE, RewardModel

TOKEN = "LENS_SERVE_TOKEN"
BODY_SECONDS = 30  # in which a request has to arrive
BATCH = 256  # texts that are scored together
WAITING = 16384  # texts that may wait
ADDRESSES = 10_000  # whose rates are remembered

Score = Callable[[Sequence, Sequence], Iterable[float]]  # of prompts and responses
Job = tuple[list, list, asyncio.Future]  # prompts, responses, their rewards


@dataclass(frozen=True)
class Limits:
    """Of one request: bytes of its body and texts; and requests per second from one address."""

    bytes: int = 8 * 2**20
    texts: int = 1024
    rate: float = 1000.0


DEFAULT = Limits()


class Batches:
    """Scores what waits, up to `BATCH` texts at a time, in another thread."""

    def __init__(self, score: Score):
        self.score = score
        self.queue: asyncio.Queue[Job] = asyncio.Queue()
        self.waiting = 0

    async def rewards(self, prompts: list, responses: list) -> list[float]:
        """Rewards of texts, once their turn has come; LensError where there is none."""
        answered: asyncio.Future = asyncio.get_running_loop().create_future()
        self.waiting += len(prompts)
        try:
            self.queue.put_nowait((prompts, responses, answered))
            return await answered
        finally:
            self.waiting -= len(prompts)

    async def run(self) -> None:
        """Continues until it is cancelled."""
        while True:
            jobs = [await self.queue.get()]
            while sum(len(prompts) for prompts, _, _ in jobs) < BATCH and not self.queue.empty():
                jobs.append(self.queue.get_nowait())
            jobs = [job for job in jobs if not job[2].done()]  # others have gone away
            try:
                await self._answer(jobs)
            except Exception:
                for job in jobs:  # so that a text that cannot be scored spoils no other request
                    await self._answer_alone(job)

    async def _answer(self, jobs: list[Job]) -> None:
        prompts = [prompt for texts, _, _ in jobs for prompt in texts]
        responses = [response for _, texts, _ in jobs for response in texts]
        rewards = iter(await asyncio.to_thread(self.score, prompts, responses))
        for texts, _, answered in jobs:
            scores = [float(next(rewards)) for _ in texts]
            if not answered.done():
                answered.set_result(scores)

    async def _answer_alone(self, job: Job) -> None:
        try:
            await self._answer([job])
        except Exception as error:
            if not job[2].done():
                job[2].set_exception(error)


@dataclass
class Rates:
    """Which addresses ask too often: each has a store of a second's requests, which fills again."""

    per_second: float
    left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def allows(self, address: str, now: float) -> bool:
        """Whether one more request is allowed at `now` (seconds), and counts it."""
        if len(self.left) >= ADDRESSES:
            self.left.clear()
        full = max(1.0, self.per_second)
        store, then = self.left.get(address, (full, now))
        store = min(full, store + (now - then) * self.per_second)
        self.left[address] = (store - 1 if store >= 1 else store, now)
        return store >= 1


def application(score: Score, *, token: str | None = None, limits: Limits = DEFAULT) -> Starlette:
    """The service of a function that gives rewards of (prompts, responses).

    `POST /get_reward` answers `{"rewards": [...], "scores": [...], "extra_logs": {}}`, `GET
    /health` that it is up. Errors are `{"error": "..."}` with status 400 (what was sent cannot be
    scored), 401 (no token), 413 (too large), 429 (too often), 503 (too much waits).
    """
    batches, rates = Batches(score), Rates(limits.rate)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(batches.run())
        yield
        task.cancel()

    async def get_reward(request: Request) -> Response:
        if token is not None and not _has_token(request, token):
            return _error(401, f"a token is needed: Authorization: Bearer ${TOKEN}.")
        address = request.client.host if request.client else ""
        if not rates.allows(address, asyncio.get_running_loop().time()):
            return _error(429, f"more than {limits.rate:g} requests per second.")
        body = await _body(request, limits.bytes)
        if isinstance(body, Response):
            return body
        try:
            prompts, responses = await asyncio.to_thread(read_request, body, limits.texts)
            if batches.waiting + len(prompts) > WAITING:
                return _error(503, "too many texts wait. Send them again later.")
            rewards = await batches.rewards(prompts, responses) if prompts else []
        except LensError as error:
            return _error(400, str(error))
        return JSONResponse({"rewards": rewards, "scores": rewards, "extra_logs": {}})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    routes = [
        Route("/get_reward", get_reward, methods=["POST"]),
        Route("/health", health, methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def _error(status: int, text: str) -> Response:
    headers = {429: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}.get(status, {})
    headers |= {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"error": text}, status, headers)


async def _body(request: Request, most: int) -> bytes | Response:
    """The request's body; an answer that refuses it, if it is larger, slow or no JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return _error(415, "Content-Type must be application/json.")  # no page of a browser's
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    return _error(413, f"the body is larger than {most} bytes.")
                parts.append(part)
    except (TimeoutError, ClientDisconnect):
        return _error(408, "the body did not arrive.")
    return b"".join(parts)


def _has_token(request: Request, token: str) -> bool:
    """Whether the request carries the token as a bearer's, or as the password of an address such as
    http://lens:TOKEN@host/get_reward, for clients that set no headers."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    elif kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.encode(), token.encode())


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(model: RewardModel, *, host: str, port: int, limits: Limits) -> None:
    """Serves a reward model until it is stopped. The token is read from the environment variable
    `LENS_SERVE_TOKEN`; LensError where it is missing and others can reach the address."""
    token = os.environ.get(TOKEN) or None
    if token is None and not is_loopback(host):
        raise LensError(
            f"{host} can be reached from other machines: a token is needed. Set one, for instance "
            f'export {TOKEN}="$(openssl rand -hex 32)", or leave --host out.'
        )
    model.score(PROBE[:1], PROBE[1:])  # loads the encoder and checks that it is the right one
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise LensError(f"{host}, port {port}: {error}. Choose another --port.") from error
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/get_reward"
    print(f"serving {address}" + f", token: {TOKEN}" * (token is not None), flush=True)
    config = uvicorn.Config(
        application(model.score, token=token, limits=limits),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listening])
