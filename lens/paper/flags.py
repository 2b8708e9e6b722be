"""The flags of a run's stages, collected for the report's first page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from lens.core.diagnostics import FLAGS, words
from lens.files.artifacts import read_json
from lens.report.pages import Section

COLUMNS = ["stage", "place", "flag", "scale", "seed", "detail", "meaning"]
HEADER = ["what", "where", "seeds", "measured"]
TITLE = "What to beware of"
SHOWN = 3  # jobs listed in one row; more are only counted


def gather(results: str | Path) -> tuple[pd.DataFrame, int]:
    """(one row per flag, how many jobs check for flags) of a run's folder: `flags` of metrics.json
    files, of the pairs' report.json and of the theory's constants.json."""
    rows, looked = [], 0
    for file in _files(Path(results)):
        stage, *job = file.parent.relative_to(results).parts
        values = read_json(file)
        is_theory = file.name == "constants.json"
        flags = list(_theory(values) if is_theory else _stage(values["metrics"]))
        looked += None not in flags
        rows += [{"stage": stage, "place": "/".join(job)} | flag for flag in flags if flag]
    return pd.DataFrame(rows, columns=COLUMNS), looked


def _files(results: Path) -> list[Path]:
    patterns = ("**/metrics.json", "prepare_pairs/*/report.json", "theory/**/constants.json")
    return sorted(file for pattern in patterns for file in sorted(results.glob(pattern)))


def _stage(metrics: dict) -> Iterator[dict | None]:
    """Flags of a stage, or of each scale in it; None if it does not check for flags."""
    parts: list[tuple[int | None, dict]] = [(None, metrics)]
    parts += [(int(scale), part) for scale, part in metrics.get("by_scale", {}).items()]
    known = [(scale, part["flags"]) for scale, part in parts if "flags" in part]
    if not known:
        yield None
    for scale, flags in known:
        for flag in flags:
            yield {"scale": scale} | flag | {"meaning": FLAGS[flag["flag"]]}


def _theory(constants: dict) -> Iterator[dict]:
    for flag in constants["flags"]:
        yield {"flag": flag, "detail": "", "meaning": f"{constants['flag_meanings'][flag]}."}


def section(flags: pd.DataFrame, looked: int) -> Section:
    """The section on flags: what each means, and which jobs raised it."""
    if flags.empty:
        return Section(
            TITLE,
            [
                f"Nothing: {looked:,} jobs checked their numbers, and none found a collapsed VAE, "
                "a reward model no better than a coin flip, an exploding loss, constant features "
                "or rewards, or near-duplicate prompts on both sides of a split."
            ],
        )
    places = flags[["stage", "place"]].drop_duplicates()
    return Section(
        TITLE,
        [
            f"{len(places):,} of {looked:,} jobs that check their numbers raised a flag. Read the "
            "results that depend on them with care. overview_flags.csv lists all flags, also of "
            "earlier settings whose results are still in the run's folder."
        ],
        [
            f"{words(flag)}: {meaning}"
            for flag, meaning in flags[["flag", "meaning"]].drop_duplicates().to_numpy()
        ],
        table=(HEADER, _rows(flags)),
    )


def _rows(flags: pd.DataFrame) -> list[list[str]]:
    """One row per flag and measured value; jobs with the same value share a row."""
    rows: dict[tuple, list[str]] = {}
    by = ["flag", "stage", "place", "scale"]
    for (flag, stage, job, scale), part in flags.groupby(by, sort=False, dropna=False):
        seeds = ", ".join(str(int(seed)) for seed in part["seed"].dropna())
        details = part["detail"].tolist()  # seed by seed, where they differ
        measured = details[0] if len(set(details)) == 1 else "; ".join(details)
        rows.setdefault((words(flag), seeds, measured), []).append(_where(stage, job, scale))
    return [
        [flag, _first_ones(jobs), seeds or "-", measured or "-"]
        for (flag, seeds, measured), jobs in rows.items()
    ]


def _where(stage: str, job: str, scale: float) -> str:
    parts = [re.sub(r"^n(\d+)$", r"N = \1", part) for part in job.split("/")]
    parts = [re.sub(r"^x(\d+)$", r"\1x", part) for part in parts]
    parts += [f"{scale:.0f}x"] if scale == scale else []
    return f"{stage.replace('_', '-')}: {', '.join(parts)}"


def _first_ones(jobs: list[str]) -> str:
    more = len(jobs) - SHOWN
    return "; ".join(jobs[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
