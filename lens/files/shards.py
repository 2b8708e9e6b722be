"""Big work in shards: jobs of their own that save block by block, and go on where one was stopped.

A stage's rows are cut into blocks of `flush` rows, each made by itself; a shard is a run of whole
blocks. So neither the number of shards nor a job that was stopped changes a result. While a shard
is under way its blocks lie in `blocks/` beside it, each with a JSON file that holds its hash and
says what it was made from; the shard's own file, put together from them, replaces them.
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
SAME = {"revision": None}  # of settings: what it came to is in `model`
NOTED = {"metrics", "cost", "model", "seconds"}
RUN_ONLY = ("out", "metrics", "shard", "shards")  # arguments that decide where, not what
SUMMED = ("wall_seconds", "cpu_seconds", "device_seconds", "tokens", "new_tokens")
LARGEST = (
    "peak_memory_bytes",
    "peak_device_memory_bytes",
    "parameters",
    "trained_parameters",
)


@dataclass(frozen=True)
class Share:
    """Shard number `shard` (from 0) of `shards`, in blocks of `flush` rows."""

    shard: int
    shards: int
    flush: int

    def __post_init__(self) -> None:
        if not (0 <= self.shard < self.shards and self.flush > 0):
            raise LensError(
                f"shard {self.shard} of {self.shards}, {self.flush} rows a block: shards count "
                "from 0, below their number, and a block has a row or more."
            )

    def blocks(self, rows: int) -> list[tuple[int, int]]:
        """(first row, row after the last) of this shard's blocks; none where blocks are fewer than
        shards."""
        count = -(-rows // self.flush)
        mine = range(self.shard * count // self.shards, (self.shard + 1) * count // self.shards)
        return [(block * self.flush, min(rows, (block + 1) * self.flush)) for block in mine]


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

    Its blocks are each what an earlier attempt has left, or made by make(first, last + 1), which
    returns the block, its metrics and its cost (counts for `cost.measured`), both of which are
    summed; whole(blocks) writes them to `out`. The report follows last, then the blocks go.

    `settings`, the `inputs` (files) and the code decide whether an earlier block is the same;
    `model` says which weights made it. Raises LensError when those are not this job's: the model
    has changed in the middle of a run.
    """
    settings = {name: value for name, value in settings.items() if name not in RUN_ONLY}
    hashes = {name: artifacts.sha256(path) for name, path in inputs.items()}
    what = {name: value for name, value in settings.items() if name != "revision"}  # see `model`
    digest = _digest([what, hashes, artifacts.versions(), artifacts.code_sha256()])[:16]
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
    """(a block, what is said of it, the seconds that it took an earlier attempt that left it)."""
    if found := _find(path, model):
        return *found, found[1]["seconds"]
    begun = time.perf_counter()
    payload, facts, counts = make(first, stop)
    about: dict[str, Any] = {"metrics": dict(facts), "cost": dict(counts), "model": dict(model)}
    payload = _save(path, payload, about | {"seconds": time.perf_counter() - begun})
    return payload, about, 0.0


def _added(counts: Counts, more: Counts) -> dict[str, int]:
    """Sums by name; of `parameters` the larger."""
    total = dict(counts)
    for name, value in more.items():
        old = total.get(name, 0)
        total[name] = max(old, value) if name == "parameters" else old + value
    return total


def _find(path: Path, model: Mapping[str, str]) -> tuple[Payload, dict] | None:
    """A block that is there and whole, or None."""
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
        logging.getLogger(__name__).warning("%s is damaged: this block is made anew", path)
        return None
    if about["model"] != dict(model):
        raise LensError(
            f"{path} was made with another model than this job has, which has changed in the "
            f"middle of a run: {difference(about['model'], model)}. Set `revision` to the first "
            f"commit to go on, or remove the folder {path.parent} to begin anew."
        )
    logging.getLogger(__name__).warning("%s: found whole, not made again", path)
    return artifacts.read_block(file), about


def _save(path: Path, payload: Payload, about: Mapping) -> Payload:
    """The block as it is read again, so that a shard is the same whether it was stopped or not."""
    file = artifacts.write_block(path, payload)
    note = {**about, "file": file.name, "sha256": artifacts.sha256(file)}
    artifacts.write_json(path.with_name(f"{path.name}.json"), note)
    return artifacts.read_block(file)


def _clear(folder: Path, blocks: Sequence[tuple[int, int]]) -> None:
    """Removes the blocks of these rows, whatever they were made from. The folder stays until all is
    gathered: other shards write to it."""
    for file in list(folder.glob("*-*")) if blocks else []:
        start = file.name.partition("-")[0]
        if start.isdigit() and blocks[0][0] <= int(start) < blocks[-1][1]:
            file.unlink(missing_ok=True)


def read_reports(shards: Sequence[str]) -> list[dict]:
    """The reports beside shards, in order; LensError unless the shards are whole, made from the
    same by the same weights, and follow one another from the first row to the last."""
    reports: list[dict] = []
    row = 0
    for shard in shards:
        report = artifacts.read_json(Path(shard).with_suffix(".json"))
        check_whole(shard, report["sha256"])
        first = reports[0] if reports else report
        if report["model"] != first["model"]:
            raise LensError(
                f"{shard} was made with another model than {shards[0]}, which has changed in the "
                f"middle of a run: {difference(report['model'], first['model'])}. Pin its "
                f"`revision`. {again(shard)}"
            )
        for what in ("inputs", "settings"):
            differ = difference(report[what] | SAME, first[what] | SAME)
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
    """LensError unless the shard has this hash. A mark is put beside a damaged one, by which
    Snakemake sets it aside when the run has ended: jobs that are tried again still find it."""
    if artifacts.sha256(shard) == sha256:
        return
    Path(f"{shard}.damaged").touch()
    raise LensError(
        f"{shard} is damaged: it has not the hash that it was written with. When this run has "
        f"ended it is renamed to {Path(shard).name}.damaged; run Snakemake again to make it anew. "
        "Without Snakemake, remove it and make it again."
    )


def again(shard: str | Path) -> str:
    return f"Remove {shard} and run Snakemake again to make it anew."


def merged(reports: Sequence[dict]) -> tuple[dict, dict]:
    """(facts summed over shards, cost summed over them; of peaks and sizes the largest)."""
    facts: dict[str, int] = {}
    for report in reports:
        facts = _added(facts, report["metrics"])
    if not reports[0]["all_rows"]:
        raise LensError("the stage has no rows: nothing was read, sampled or scored.")
    costs = [report["cost"] for report in reports]
    total = {name: sum(each[name] for each in costs) for name in SUMMED}
    total |= {name: max(each[name] for each in costs) for name in LARGEST}
    for name in ("machine", "device"):
        total[name] = ", ".join(sorted({each[name] for each in costs}))
    return facts, total | {"seconds": {}}


def write_metrics(
    path: str | Path, reports: Sequence[Mapping], facts: Mapping, used: Mapping
) -> None:
    """Saves the whole stage's metrics and, beside them, its cost, as of a stage without shards.
    What stopped jobs have left is removed."""
    rmtree(Path(path).parent / "shards/blocks", ignore_errors=True)
    artifacts.write_json(Path(path).with_name("cost.json"), used)
    metrics = {name: reports[0][name] for name in ("settings", "inputs", "versions")}
    artifacts.write_json(path, metrics | {"metrics": facts})
    track(str(Path(path).with_suffix("")), metrics["settings"], facts)


def difference(one: Mapping, other: Mapping) -> str:
    """What two mappings do not have in common: "name (the one's and the other's)"."""
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(f"{n} ({str(one.get(n))[:40]} and {str(other.get(n))[:40]})" for n in names)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
