"""A finished run's seconds beside those that the plan predicts."""

import json
from collections.abc import Mapping
from pathlib import Path

from lens.core.errors import LensError


def measured(results: str | Path) -> dict[str, tuple[int, float]]:
    """{rule: (jobs, seconds)} of a run's folder: the seconds from a job's start to its end that
    Snakemake noted under benchmarks/, or where a rule has none there, those of its cost.json files
    (without what its imports took). LensError where there are neither."""
    root = Path(results)
    found: dict[str, list[float]] = {}
    for file in sorted((root / "benchmarks").glob("**/*.jsonl")):
        rule = file.relative_to(root / "benchmarks").with_suffix("").parts[0]
        lines = file.read_text(encoding="utf-8").splitlines()
        found.setdefault(rule, []).append(sum(float(json.loads(line)["s"]) for line in lines))
    costs: dict[str, list[float]] = {}
    for file in sorted(root.glob("*/**/cost.json")):
        rule = file.relative_to(root).parts[0]
        costs.setdefault(rule, []).append(json.loads(file.read_text())["wall_seconds"])
    found = {**costs, **found}
    if not found:
        raise LensError(
            f"{results}: no benchmarks/**/*.jsonl and no cost.json. Give the folder of a finished "
            "run, results/RUN."
        )
    return {rule: (len(seconds), sum(seconds)) for rule, seconds in found.items()}


def compare(plan: Mapping, found: Mapping[str, tuple[int, float]]) -> dict:
    """Stages that both have, the longest measured first, with their ratios (predicted through
    measured), and the total over them; and what only one of the two has."""
    stages = plan["stages"]
    both = [rule for rule in sorted(found, key=lambda rule: -found[rule][1]) if rule in stages]
    rows = [
        {
            "rule": rule,
            "jobs": stages[rule]["jobs"],
            "measured_jobs": found[rule][0],
            "predicted": stages[rule]["seconds"],
            "measured": found[rule][1],
            "ratio": stages[rule]["seconds"] / found[rule][1],
        }
        for rule in both
    ]
    total = {key: sum(row[key] for row in rows) for key in ("predicted", "measured")}
    return {
        "stages": rows,
        "total": total | {"ratio": total["predicted"] / total["measured"] if rows else None},
        "only_planned": sorted(set(stages) - set(found)),
        "only_measured": sorted(set(found) - set(stages)),
    }
