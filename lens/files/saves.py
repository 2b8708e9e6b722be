"""What a killed job leaves for its next attempt: blocks of rows, and parts of a folder.

An interruption changes no result: each piece is made independently and saved with a hash of its
inputs, and an attempt with the same inputs uses it.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.core.processes import is_first
from lens.files import artifacts, cost

Payload: TypeAlias = Mapping[str, np.ndarray] | pd.DataFrame
Counts = Mapping[str, int]
Make: TypeAlias = Callable[[int, int], tuple[Payload, Counts, Counts]]
NOTED = {"metrics", "cost", "model", "seconds"}
# Arguments that do not change the result.
RUN_ONLY = ("out", "out_dir", "out_prompts", "out_pairs", "metrics", "shard", "shards")


@dataclass
class Made:
    """Blocks in order, their metrics and costs summed, and the hashes of the job's inputs."""

    inputs: dict[str, str]
    payloads: list[Any] = field(default_factory=list)
    metrics: dict[str, int] = field(default_factory=dict)
    cost: dict[str, Any] = field(default_factory=dict)


def blocks(
    folder: Path,
    spans: Sequence[tuple[int, int]],
    make: Make,
    *,
    settings: Mapping,
    inputs: Mapping[str, str | Path],
    model: Mapping[str, str],
) -> Made:
    """Blocks of rows, for each of the `spans` (first row, row after the last) one.

    Each block is either left in the folder by an earlier attempt or made by make(first, last + 1),
    which returns the block, its metrics and its cost (counts for `cost.measured`); metrics and
    costs are summed. An earlier block is used if `settings`, `inputs` (files), code and versions
    are the same. `model` identifies the weights. Raises LensError if a block was made by other
    weights: the model changed during the run.
    """
    made = Made({name: artifacts.sha256(path) for name, path in inputs.items()})
    named = digest(settings, made.inputs)
    for first, stop in spans:
        path = folder / f"{first:09d}-{stop:09d}.{named}"
        payload, about = _find(path, model) or _make(path, model, make, first, stop)
        made.payloads.append(payload)
        made.metrics = added(made.metrics, about["metrics"])
        made.cost = added(made.cost, about["cost"])
    return made


def result_settings(settings: Mapping) -> dict:
    """The settings that change the result."""
    return {name: value for name, value in settings.items() if name not in RUN_ONLY}


def digest(settings: Mapping, hashes: Mapping[str, str]) -> str:
    """A hash of settings (without the revision: records have the commit), inputs and code."""
    settings = {
        name: value for name, value in result_settings(settings).items() if name != "revision"
    }
    value = [settings, hashes, artifacts.versions(), artifacts.code_sha256()]
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _make(
    path: Path, model: Mapping[str, str], make: Make, first: int, stop: int
) -> tuple[Payload, dict]:
    begun = time.perf_counter()
    payload, facts, counts = make(first, stop)
    about: dict[str, Any] = {"metrics": dict(facts), "cost": dict(counts), "model": dict(model)}
    return _save(path, payload, about | {"seconds": time.perf_counter() - begun}), about


def added(counts: Counts, more: Counts) -> dict[str, int]:
    """Sums by name; for `parameters` the larger value."""
    total = dict(counts)
    for name, value in more.items():
        old = total.get(name, 0)
        total[name] = max(old, value) if name == "parameters" else old + value
    return total


def _find(path: Path, model: Mapping[str, str]) -> tuple[Payload, dict] | None:
    """(a saved block, its record), or None if it is missing or damaged."""
    note = path.with_name(f"{path.name}.json")
    if not note.is_file():
        return None
    try:
        about = artifacts.read_json(note)
        file = path.with_name(about["file"])
        whole = artifacts.sha256(file) == about["sha256"] and set(about) >= NOTED
    except (LensError, OSError, KeyError, TypeError):
        whole = False
    if not whole:
        logging.getLogger(__name__).warning("%s is damaged: this block is made again", path)
        return None
    if about["model"] != dict(model):
        raise LensError(
            f"{path} was made with another model than this job uses; the model changed during the "
            f"run: {difference(about['model'], model)}. Set `revision` to the first commit to "
            f"resume, or remove the folder {path.parent} to start again."
        )
    logging.getLogger(__name__).warning("%s: already complete, not made again", path)
    cost.took_before(about["seconds"])
    return artifacts.read_block(file), about


def _save(path: Path, payload: Payload, about: Mapping) -> Payload:
    """Saves a block and reads it back, so that an interruption does not change the result."""
    file = artifacts.write_block(path, payload)
    note = {**about, "file": file.name, "sha256": artifacts.sha256(file)}
    artifacts.write_json(path.with_name(f"{path.name}.json"), note)
    return artifacts.read_block(file)


def clear(folder: Path, spans: Sequence[tuple[int, int]]) -> None:
    """Removes all saved blocks of these rows. The folder stays, because other shards use it."""
    for file in list(folder.glob("*-*")) if spans else []:
        start = file.name.partition("-")[0]
        if start.isdigit() and spans[0][0] <= int(start) < spans[-1][1]:
            file.unlink(missing_ok=True)


def difference(one: Mapping, other: Mapping) -> str:
    """Where two mappings differ, as text: "name (first value and second value), ..."."""
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(f"{n} ({str(one.get(n))[:40]} and {str(other.get(n))[:40]})" for n in names)


@contextmanager
def unfinished(
    out: str | Path, settings: Mapping, inputs: Mapping[str, str | Path]
) -> Iterator[Path]:
    """A folder next to `out`, renamed to `out` at the end: for results of many pieces. It holds the
    pieces that an earlier attempt with the same inputs has finished; others are removed."""
    folder = Path(f"{out}.unfinished")
    note = folder / "made_from.json"
    made_from = digest(settings, {name: artifacts.sha256(path) for name, path in inputs.items()})

    def ready() -> bool:
        return note.is_file() and artifacts.read_json(note) == made_from

    if is_first() and not ready():
        rmtree(folder, ignore_errors=True)
        artifacts.write_json(note, made_from)
    while not ready():  # another process: until the first has removed what is not of this attempt
        time.sleep(0.1)
    yield folder
    if is_first():
        for left in [note, *folder.rglob("*.piece.json")]:
            left.unlink()
        rmtree(out, ignore_errors=True)
        folder.rename(out)


def piece(path: Path, make: Callable[[Path, Path], dict]) -> dict:
    """The facts that make(path, checkpoint) returns about a piece of an unfinished folder, saved at
    `path`, with the `seconds` that it took; those of an earlier attempt that finished it."""
    note = path.with_name(f"{path.name}.piece.json")
    if note.is_file():
        logging.getLogger(__name__).warning("%s: already complete, not made again", path)
        facts = artifacts.read_json(note)
        cost.took_before(facts["seconds"])
        return facts
    begun = time.perf_counter()
    facts = make(path, path.with_name(f"{path.name}.checkpoint"))
    facts["seconds"] = time.perf_counter() - begun
    if is_first():
        artifacts.write_json(note, facts)
    return facts


def checkpoint(out: str | Path, settings: Mapping, inputs: Mapping[str, str | Path]) -> Path:
    """The folder of checkpoints of a job that makes `out` in one piece, for these settings, inputs
    and code."""
    hashes = {name: artifacts.sha256(path) for name, path in inputs.items()}
    return Path(f"{out}.{digest(settings, hashes)}.checkpoint")
