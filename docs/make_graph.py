"""Prints the stages of a config as a Mermaid flowchart, each with its number of jobs, for docs.

python docs/make_graph.py workflow/configs/paper.yaml
"""

import sys
from collections import Counter
from pathlib import Path

from lens.plan.graph import resolve

ROOT = Path(__file__).resolve().parents[1]
DRAWN = "tables and figures"


def stages(jobs):
    """({stage: jobs}, {(before, after)}): drawing is one stage, gathering belongs to its stage."""
    readers = {before for job in jobs for before in job.after}
    by_number = {job.number: job for job in jobs}

    def name(job):
        if job.rule.startswith("gather_"):
            return by_number[job.after[0]].rule
        return job.rule if not job.after or (job.number in readers and job.wildcards) else DRAWN

    edges = {(name(by_number[one]), name(job)) for job in jobs for one in job.after}
    counts = Counter(name(job) for job in jobs if not job.rule.startswith("gather_"))
    return counts, {(one, other) for one, other in edges if one != other}


def reduced(edges):
    """The edges that no longer way round makes needless."""
    after = {}
    for one, other in edges:
        after.setdefault(one, set()).add(other)

    def reaches(start, end):
        return start == end or any(reaches(each, end) for each in after.get(start, ()))

    return sorted(
        (one, other)
        for one, other in edges
        if not any(reaches(each, other) for each in after[one] - {other})
    )


if __name__ == "__main__":
    counts, edges = stages(
        resolve(ROOT / "Snakefile", configfiles=sys.argv[1:], everything=True)[0]
    )
    print("```mermaid\nflowchart LR")
    for stage in sorted(counts):
        print(f'  {stage.replace(" ", "_")}["{stage}<br>{counts[stage]}"]')
    for one, other in reduced(edges):
        print(f"  {one.replace(' ', '_')} --> {other.replace(' ', '_')}")
    print("```")
