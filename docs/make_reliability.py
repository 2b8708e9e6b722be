"""Puts what the last `make torture` has found into docs/reliability.md, between its two marks.

python docs/make_reliability.py

Fails where a part of that run is missing: one that failed, or was made alone, is no record.
"""

import os
import platform
import sys
from collections import defaultdict
from pathlib import Path

from lens.files.artifacts import read_json, versions, write_text
from lens.report.render import escape_markdown, markdown_table

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
        f"Commit {commit}, {int(seconds) / 60:.0f} minutes in all; {os.cpu_count()} cores, "
        f"{platform.machine()}, {', '.join(parts)}."
    )


def kills(found):
    what = "; ".join(f"{name} {count} times" for name, count in sorted(found["by_what"].items()))
    rules = ", ".join(f"{rule} {count}" for rule, count in sorted(found["by_rule"].items()))
    return (
        f"**Kills.** {found['kills']} by SIGKILL in {found['seconds']:.0f} s and "
        f"{found['starts']} starts: {what}. Stages that were running: {rules}. "
        f"Runs brought to their end: {found['runs_compared']}; {found['files_compared']} files of "
        "each compared with those of a run that was left alone, "
        f"{len(found['different'])} different. Ends with an error though no stage had been killed: "
        f"{found['failures_without_a_kill']}."
    )


def disturbances(found):
    rows = [
        [
            name,
            escape_markdown(one["message"]),
            f"{one['jobs_before']} + {one['jobs_after']} of {one['jobs_due']}",
            str(len(one["different"])),
        ]
        for name, one in sorted(found.items())
    ]
    header = ["disturbance", "what is said", "jobs before + after", "files different"]
    return markdown_table(header, rows)


def determinism(found):
    return (
        f"**Another machine.** {found['files_equal']} of {found['files_compared']} files equal, "
        "byte for byte."
    )


def mutation(found):
    header = ["module", "mutants", "killed", "by time", "share"]
    rows = [
        [
            name,
            *(str(one[key]) for key in ("mutants", "killed", "timed_out")),
            f"{one['share']:.1%}",
        ]
        for name, one in found["modules"].items()
    ]
    total = found["total"]
    rows.append(["all", str(total["mutants"]), str(total["killed"]), "", f"{total['share']:.1%}"])
    reasons = defaultdict(list)
    for name, one in found["modules"].items():
        for each in one["survivors"]:
            reasons[each["why"] or "**not explained**"].append((name, each))
    lines = [f"Mutants, in {total['seconds']:.0f} s:", "", markdown_table(header, rows), ""]
    lines += ["Those that survive, and why:", ""]
    for why, survivors in reasons.items():
        lines.append(f"- {why}:")
        lines += [
            f"  - `{name}.{each['function']}`: `{each['original']}` → `{each['mutated']}`"
            for name, each in survivors
        ]
    return "\n".join(lines)


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
