"""Large stages in shards: separate jobs that save block by block and resume after an interruption.

A stage's rows are cut into blocks of `flush` rows, each computed independently; a shard is a range
of whole blocks. So neither the number of shards nor an interruption changes a result. While a shard
is computed its blocks are in the folder `blocks/` next to it, each with a JSON file that holds its
hash and its inputs. The finished shard replaces them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from lens.core.errors import LensError
from lens.files import artifacts, cost, saves
from lens.files.saves import Payload
from lens.files.tracking import track

IGNORED = {"revision": None}  # settings that may differ: `model` holds the commit
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
        first, end = (shard * count // self.shards for shard in (self.shard, self.shard + 1))
        return [(i * self.flush, min(rows, (i + 1) * self.flush)) for i in range(first, end)]


def run(
    share: Share,
    rows: int,
    make: saves.Make,
    join_blocks: Callable[[list[Payload]], None],
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
    join_blocks(blocks) writes the blocks to `out`. Then the report is written and the blocks are
    removed.

    Other arguments as for `saves.blocks`.
    """
    folder, spans = Path(out).parent / "blocks", share.blocks(rows)
    made = saves.blocks(folder, spans, make, settings=settings, inputs=inputs, model=model)
    join_blocks(made.payloads)
    artifacts.write_json(
        report,
        {
            "metrics": made.metrics,
            "settings": saves.result_settings(settings),
            "inputs": made.inputs | dict(model),
            "versions": artifacts.versions(),
            "cost": cost.measured(**made.cost),
            "model": dict(model),
            "rows": [spans[0][0], spans[-1][1]] if spans else None,
            "all_rows": rows,
            "sha256": artifacts.sha256(out),
        },
    )
    saves.clear(folder, spans)


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
                f"the run: {saves.difference(report['model'], first['model'])}. Pin its "
                f"`revision`. {again(shard)}"
            )
        for what in ("inputs", "settings"):
            differ = saves.difference(report[what] | IGNORED, first[what] | IGNORED)
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
        facts = saves.added(facts, report["metrics"])
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
