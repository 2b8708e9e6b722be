"""A finished run's seconds beside those that the plan predicts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lens.core.errors import LensError


def measured(results: str | Path) -> dict[str, tuple[int, float]]:
    """{rule: (jobs, seconds from their starts to their ends)} of a run's folder, by Snakemake's
    benchmarks. LensError where there are none."""
    root = Path(results) / "benchmarks"
    found: dict[str, tuple[int, float]] = {}
    for file in sorted(root.glob("**/*.jsonl")):
        rule = file.relative_to(root).with_suffix("").parts[0]
        jobs, seconds = found.get(rule, (0, 0.0))
        lines = file.read_text(encoding="utf-8").splitlines()
        found[rule] = jobs + 1, seconds + sum(float(json.loads(line)["s"]) for line in lines)
    if not found:
        raise LensError(
            f"{results}: no benchmarks/**/*.jsonl. Give the folder of a finished run, results/RUN."
        )
    return found


def compare(plan: Mapping[str, Any], found: Mapping[str, tuple[int, float]]) -> dict[str, Any]:
    """Stages that both have, the longest measured first, with their ratios (predicted through
    measured), and the total over them; and what only one of the two has."""
    stages = plan["stages"]
    rows = [
        {
            "rule": rule,
            "jobs": stages[rule]["jobs"],
            "measured_jobs": jobs,
            "predicted": stages[rule]["seconds"],
            "measured": seconds,
            "ratio": stages[rule]["seconds"] / seconds,
        }
        for rule, (jobs, seconds) in sorted(found.items(), key=lambda item: -item[1][1])
        if rule in stages
    ]
    total = {key: sum(row[key] for row in rows) for key in ("predicted", "measured")}
    return {
        "stages": rows,
        "total": total | {"ratio": total["predicted"] / total["measured"] if rows else None},
        "only_planned": sorted(set(stages) - set(found)),
        "only_measured": sorted(set(found) - set(stages)),
    }
