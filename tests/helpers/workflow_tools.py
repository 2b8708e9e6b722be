"""Running Snakemake as a user does, and reading its graph."""

import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.helpers import warm

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ("--workflow-profile", ROOT / "workflow/profiles/local")
SMALL = ROOT / "tests/small.yaml"
TEXT = ROOT / "tests/text.yaml"
SWEEPS = ROOT / "tests/sweeps.yaml"


def snakemake(*arguments, directory, **environment):
    """Runs Snakemake on the project's Snakefile in another folder."""
    command = [
        "python",
        "-m",
        "snakemake",
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        directory,
        *arguments,
    ]
    path = warm.path()
    return subprocess.run(
        [shutil.which("python", path=path), *map(str, command[1:])],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PATH": path, **environment},
    )


@functools.cache
def workflow_rules():
    """{name: Snakemake's rule} of the workflow with the default config."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

    with SnakemakeApi(OutputSettings()) as api:
        loaded = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(),
            snakefile=ROOT / "Snakefile",
        )
        return {rule.name: rule for rule in loaded._workflow.rules}


def run(directory, *arguments, config=SMALL, change=None, **environment):
    """Snakemake with a config and, on top of it, a change written as one more config file."""
    configs = [config] if isinstance(config, Path) else list(config)
    if change:
        configs.append(Path(directory) / "change.yaml")
        configs[-1].write_text(json.dumps(change))
    return snakemake(
        *PROFILE,
        *("--max-jobs-per-timespan", "1000/20m"),  # a run that waits for a timer ends too late
        *("--configfile", *configs),
        *arguments,
        directory=directory,
        **environment,
    )


def paper(directory, name="small"):
    return Path(directory) / "results" / name / "paper"


def family(rule):
    """The rule that a job of several cells belongs to: of train_reward_at_PLACE train_reward."""
    return rule.partition("_at_")[0]


def jobs(listing):
    """[(rule, inputs, outputs)] of the jobs that `snakemake -n` lists."""
    found = []
    for block in re.split(r"^(?:local)?rule ", listing, flags=re.MULTILINE)[1:]:
        files = {
            kind: set(names.split(", "))
            for kind, names in re.findall(r"^    (input|output): (.*)$", block, re.MULTILINE)
        }
        found.append(
            (family(block.partition(":")[0]), files.get("input", set()), files.get("output", set()))
        )
    return found


def makers(found):
    """{file: the job that makes it} of jobs as from `jobs`."""
    return {file: job for job in found for file in job[2]}


def sources(of, maker, through):
    """All files that the job `of` depends on, by way of jobs that `through(rule)` lets pass; with
    `maker` of `makers`."""
    seen, waiting = set(), list(of[1])
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            rule, inputs, _ = maker.get(file, (None, (), ()))
            if rule and through(rule):
                waiting += inputs
    return seen


def ancestors(dot):
    """{job number: (rule, rules of all jobs that it depends on)} of `snakemake --dag` output."""
    names = {
        int(number): label.split("\\n")[0]
        for number, label in re.findall(r'^\s*(\d+)\[label = "([^"]*)"', dot, re.MULTILINE)
    }
    parents = {number: set() for number in names}
    for source, target in re.findall(r"^\s*(\d+) -> (\d+)", dot, re.MULTILINE):
        parents[int(target)].add(int(source))

    def above(number, seen):
        for parent in parents[number] - seen:
            seen.add(parent)
            above(parent, seen)
        return seen

    return {
        number: (name, {names[one] for one in above(number, set())})
        for number, name in names.items()
    }
