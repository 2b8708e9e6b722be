"""Large stages in shards: separate jobs that save block by block and resume after an interruption.

A stage's rows are cut into blocks of `flush` rows, each computed independently; a shard is a range
of whole blocks. So neither the number of shards nor an interruption changes a result. While a shard
is computed its blocks are in the folder `blocks/` next to it, each with a JSON file that holds its
hash and its inputs. The finished shard replaces them.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from lens.core.errors import LensError
from lens.files import artifacts, cost
from lens.files.tracking import track

Payload: TypeAlias = Mapping[str, np.ndarray] | pd.DataFrame
Counts = Mapping[str, int]
IGNORED = {"revision": None}  # settings that may differ: `model` holds the commit
BLOCK_KEYS = {"metrics", "cost", "model", "seconds"}
RUN_ONLY = ("out", "metrics", "shard", "shards")  # arguments that do not change the result
SUMMED = ("wall_seconds", "cpu_seconds", "device_seconds", "tokens", "new_tokens")
LARGEST = (
    "peak_memory_bytes",
    "peak_device_memory_bytes",
    "parameters",
    "trained_parameters",
)


@dataclass(frozen=True)
class Share:
    """Shard number `shard` (from 0) of `shards`, in blocks of `flush` rows. Raises LensError."""

    shard: int
    shards: int
    flush: int

    def __post_init__(self) -> None:
        if not (0 <= self.shard < self.shards and self.flush > 0):
            raise LensError(
                f"shard {self.shard} of {self.shards}, {self.flush} rows per block: shards count "
                "from 0 up to their number minus 1, and a block needs at least one row."
            )

    def blocks(self, rows: int) -> list[tuple[int, int]]:
        """(first row, row after the last) of each block of this shard; may be empty if there are
        fewer blocks than shards."""
        count = -(-rows // self.flush)
        own = range(self.shard * count // self.shards, (self.shard + 1) * count // self.shards)
        return [(block * self.flush, min(rows, (block + 1) * self.flush)) for block in own]


def run(
    share: Share,
    rows: int,
    make: Callable[[int, int], tuple[Payload, Counts, Counts]],
    whole: Callable[[list[Payload]], None],
    *,
    out: str | Path,
    report: str | Path,
    settings: Mapping,
    inputs: Mapping[str, str | Path],
    model: Mapping[str, str],
) -> None:
    """Makes one shard of a stage of `rows` rows.

    Each block is either left by an earlier attempt or made by make(first, last + 1), which returns
    the block, its metrics and its cost (counts for `cost.measured`); metrics and costs are summed.
    whole(blocks) writes the blocks to `out`. Then the report is written and the blocks are removed.

    An earlier block is used if `settings`, `inputs` (files), code and versions are the same.
    `model` identifies the weights. Raises LensError if a block was made by other weights: the model
    changed during the run.
    """
    settings = {name: value for name, value in settings.items() if name not in RUN_ONLY}
    hashes = {name: artifacts.sha256(path) for name, path in inputs.items()}
    keyed = {name: value for name, value in settings.items() if name not in IGNORED}
    digest = _digest([keyed, hashes, artifacts.versions(), artifacts.code_sha256()])[:16]
    folder, blocks = Path(out).parent / "blocks", share.blocks(rows)
    made: list[Payload] = []
    metrics: dict[str, int] = {}
    counted: dict[str, Any] = {}
    earlier = 0.0
    for first, stop in blocks:
        path = folder / f"{first:09d}-{stop:09d}.{digest}"
        payload, about, seconds = _block(path, model, make, first, stop)
        earlier += seconds
        made.append(payload)
        metrics, counted = _added(metrics, about["metrics"]), _added(counted, about["cost"])
    whole(made)
    used = cost.measured(**counted)
    used |= {name: used[name] + earlier for name in ("wall_seconds", "device_seconds")}
    artifacts.write_json(
        report,
        {
            "metrics": metrics,
            "settings": settings,
            "inputs": hashes | dict(model),
            "versions": artifacts.versions(),
            "cost": used,
            "model": dict(model),
            "rows": [blocks[0][0], blocks[-1][1]] if blocks else None,
            "all_rows": rows,
            "sha256": artifacts.sha256(out),
        },
    )
    _clear(folder, blocks)


def _block(
    path: Path,
    model: Mapping[str, str],
    make: Callable[[int, int], tuple[Payload, Counts, Counts]],
    first: int,
    stop: int,
) -> tuple[Payload, dict, float]:
    """(a block, its record, the seconds that an earlier attempt needed for it, or 0)."""
    if saved := _find(path, model):
        return *saved, saved[1]["seconds"]
    begun = time.perf_counter()
    payload, facts, counts = make(first, stop)
    about: dict[str, Any] = {"metrics": dict(facts), "cost": dict(counts), "model": dict(model)}
    payload = _save(path, payload, about | {"seconds": time.perf_counter() - begun})
    return payload, about, 0.0


def _added(counts: Counts, more: Counts) -> dict[str, int]:
    """Sums by name; for `parameters` the larger value."""
    total = dict(counts)
    for name, value in more.items():
        old = total.get(name, 0)
        total[name] = max(old, value) if name == "parameters" else old + value
    return total


def _find(path: Path, model: Mapping[str, str]) -> tuple[Payload, dict] | None:
    """(a saved block, its record), or None if it is missing or damaged."""
    record_file = path.with_name(f"{path.name}.json")
    if not record_file.is_file():
        return None
    try:
        record = artifacts.read_json(record_file)
        file = path.with_name(record["file"])
        whole = artifacts.sha256(file) == record["sha256"] and set(record) >= BLOCK_KEYS
    except (LensError, OSError, KeyError, TypeError):
        whole = False
    if not whole:
        logging.getLogger(__name__).warning("%s is damaged: this block is made again", path)
        return None
    if record["model"] != dict(model):
        raise LensError(
            f"{path} was made with another model than this job uses; the model changed during the "
            f"run: {difference(record['model'], model)}. Set `revision` to the first commit to "
            f"resume, or remove the folder {path.parent} to start again."
        )
    logging.getLogger(__name__).warning("%s: already complete, not made again", path)
    return artifacts.read_block(file), record


def _save(path: Path, payload: Payload, about: Mapping) -> Payload:
    """Saves a block and reads it back, so that an interruption does not change the shard."""
    file = artifacts.write_block(path, payload)
    record = {**about, "file": file.name, "sha256": artifacts.sha256(file)}
    artifacts.write_json(path.with_name(f"{path.name}.json"), record)
    return artifacts.read_block(file)


def _clear(folder: Path, blocks: Sequence[tuple[int, int]]) -> None:
    """Removes all saved blocks of these rows. The folder stays, because other shards use it."""
    for file in list(folder.glob("*-*")) if blocks else []:
        start = file.name.partition("-")[0]
        if start.isdigit() and blocks[0][0] <= int(start) < blocks[-1][1]:
            file.unlink(missing_ok=True)


def read_reports(shards: Sequence[str]) -> list[dict]:
    """The shards' reports, in order. LensError unless the shards are undamaged, have the same
    inputs, settings and weights, and cover all rows in order."""
    reports: list[dict] = []
    row = 0
    for shard in shards:
        report = artifacts.read_json(Path(shard).with_suffix(".json"))
        check_whole(shard, report["sha256"])
        first = reports[0] if reports else report
        if report["model"] != first["model"]:
            raise LensError(
                f"{shard} was made with another model than {shards[0]}; the model changed during "
                f"the run: {difference(report['model'], first['model'])}. Pin its `revision`. "
                f"{again(shard)}"
            )
        for what in ("inputs", "settings"):
            differ = difference(report[what] | IGNORED, first[what] | IGNORED)
            if differ:
                raise LensError(
                    f"{shard} and {shards[0]} differ in {what}: {differ}. {again(shard)}"
                )
        start, stop = report["rows"] or (row, row)
        if start != row:
            raise LensError(f"{shard} begins at row {start}, not {row}. {again(shard)}")
        row = stop
        reports.append(report)
    if row != reports[0]["all_rows"]:
        raise LensError(
            f"{shards[-1]} ends at row {row} of {reports[0]['all_rows']}. {again(shards[-1])}"
        )
    return reports


def check_whole(shard: str | Path, sha256: str) -> None:
    """LensError unless the shard has this hash. A file SHARD.damaged marks a damaged one for
    Snakemake, which renames it after the run (not now: jobs that are retried still need it)."""
    if artifacts.sha256(shard) == sha256:
        return
    Path(f"{shard}.damaged").touch()
    raise LensError(
        f"{shard} is damaged: its hash has changed since it was written. After this run it is "
        f"renamed to {Path(shard).name}.damaged; run Snakemake again to make it again. Without "
        "Snakemake, remove it and make it again."
    )


def again(shard: str | Path) -> str:
    """The advice to remove a shard and make it again."""
    return f"Remove {shard} and run Snakemake again to make it again."


def merged(reports: Sequence[dict]) -> tuple[dict, dict]:
    """(metrics summed over shards, their cost: summed, but the largest peak and size). LensError if
    the stage has no rows."""
    facts: dict[str, int] = {}
    for report in reports:
        facts = _added(facts, report["metrics"])
    if not reports[0]["all_rows"]:
        raise LensError("the stage has no rows: nothing was read, sampled or scored.")
    costs = [report["cost"] for report in reports]
    total = {name: sum(shard_cost[name] for shard_cost in costs) for name in SUMMED}
    total |= {name: max(shard_cost[name] for shard_cost in costs) for name in LARGEST}
    for name in ("machine", "device"):
        total[name] = ", ".join(sorted({shard_cost[name] for shard_cost in costs}))
    return facts, total | {"seconds": {}}


def write_metrics(
    path: str | Path, reports: Sequence[Mapping], facts: Mapping, used: Mapping
) -> None:
    """Saves the metrics and the cost of a stage from its shards' reports. Blocks that interrupted
    jobs left are removed."""
    rmtree(Path(path).parent / "shards/blocks", ignore_errors=True)
    artifacts.write_json(Path(path).with_name("cost.json"), used)
    metrics = {name: reports[0][name] for name in ("settings", "inputs", "versions")}
    artifacts.write_json(path, metrics | {"metrics": facts})
    track(str(Path(path).with_suffix("")), metrics["settings"], facts)


def difference(one: Mapping, other: Mapping) -> str:
    """Where two mappings differ, as text: "name (first value and second value), ..."."""
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(f"{n} ({str(one.get(n))[:40]} and {str(other.get(n))[:40]})" for n in names)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
