"""Puts what the last `make torture` has found into docs/reliability.md, between its two marks.

python docs/make_reliability.py

Fails where a part of that run is missing: one that failed, or was made alone, is no record.
"""

import os
import sys
from pathlib import Path

from lens.files.artifacts import read_json, versions, write_text
from lens.files.cost import processor

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reliability.md"
RESULTS = ROOT / "results/torture"
BEGIN, END = "<!-- from make torture -->\n", "<!-- to here -->\n"


DISTURBANCES = {
    "full disk",
    "read-only results",
    "read-only folder",
    "clock set back",
    "memory limit",
}


def missing():
    """What of a whole run of `make torture` is not there."""
    names = [f"{name}.json" for name in PARTS] + ["commit.txt", "seconds.txt"]
    lacking = [name for name in names if not _has_content(RESULTS / name)]
    if "disturbances.json" not in lacking:
        found = read_json(RESULTS / "disturbances.json")
        lacking += [f"disturbances.json: {name}" for name in sorted(DISTURBANCES - set(found))]
    return lacking


def _has_content(path):
    return path.is_file() and path.stat().st_size > 0


def machine():
    own = versions()
    parts = [f"Python {own['python']}"] + [f"{name} {own[name]}" for name in ("torch", "pandas")]
    commit, seconds = (
        (RESULTS / f"{name}.txt").read_text().strip() for name in ("commit", "seconds")
    )
    return (
        f"Commit {commit}, {int(seconds) / 60:.0f} minutes in all; {os.cpu_count()} cores "
        f"({processor()}), {', '.join(parts)}."
    )


def kills(found):
    what = "; ".join(f"{name} {count} times" for name, count in sorted(found["by_what"].items()))
    return (
        f"**Kills.** {found['kills']} by SIGKILL in {found['seconds']:.0f} s and "
        f"{found['starts']} starts, in {len(found['by_rule'])} stages: {what}. "
        f"Runs then finished: {found['runs_compared']}; of the {found['files_compared']} files of "
        f"each, {len(found['different'])} differ from an undisturbed run's. Errors although no "
        f"stage had been killed: {found['failures_without_a_kill']}."
    )


def disturbances(found):
    different = sum(len(one["different"]) for one in found.values())
    return (
        f"**Disturbances.** {', '.join(sorted(found)).capitalize()}: each run was then finished. "
        f"Files that differ: {different}."
    )


def determinism(found):
    return (
        "**Changed surroundings (same machine; other time zone, locale, hash seed, threads and "
        f"clock).** {found['files_equal']} of {found['files_compared']} files identical."
    )


def mutation(found):
    total, modules = found["total"], found["modules"]
    worst = min(modules, key=lambda name: modules[name]["share"])
    return (
        f"**Changes of the code.** Tests noticed {total['killed']} of {total['mutants']} "
        f"({total['share']:.1%}), fewest in `{worst}` ({modules[worst]['share']:.1%})."
    )


PARTS = {
    "kills": kills,
    "disturbances": disturbances,
    "determinism": determinism,
    "mutation": mutation,
}


if __name__ == "__main__":
    if lacking := missing():
        sys.exit(
            f"{RESULTS}: {', '.join(lacking)} missing or empty. Run `make torture` to its end."
        )
    found = [machine()]
    found += [write(read_json(RESULTS / f"{name}.json")) for name, write in PARTS.items()]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    write_text(PAGE, before + BEGIN + "\n" + "\n\n".join(found) + "\n\n" + END + after)
