"""What ties the rules to lens.workflow, where their functions are; the other rule files define rules
and nothing else."""

import json
import os
import re
import shlex
import sys
from functools import partial
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import report as in_report  # `report` at a line's beginning is a directive

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))

from lens.core import slurm
from lens.core.errors import LensError
from lens.report.gold_model import held_out_accuracy
from lens.warm import server, timers
from lens.workflow import artefacts, batches, cells, checks, flags, inputs, resources
from lens.workflow.artefacts import ARTEFACTS, DRAWN
from lens.workflow.resources import grows, lasts


def resolved():
    """The config of this run; Snakemake's own `config` becomes the same, for `lens plan` to read."""
    from lens.workflow.resolve import resolve

    try:
        found = resolve(config, ROOT)
        checks.check_folder(found)
        checks.check_templates(found)
        if not workflow.deployment_settings.deployment_method:  # else jobs have their own packages
            checks.check_packages(found)
    except LensError as error:
        raise WorkflowError(str(error)) from None
    config.update(found.given())
    return found


def gold_accuracy():
    """For captions, which the report draws once the gold model is made."""
    cards = filter(os.path.isfile, artefacts.gold_card(CONFIG, "overview"))
    return " ".join(map(held_out_accuracy, cards))


CONFIG = resolved()
config["gold_accuracy"] = gold_accuracy()
BATCHES = list(batches.batches(CONFIG))


def told(function, *own):
    """A function of the config, of `own` and of what a job has, with the first of them given."""
    return partial(function, CONFIG, *own)


def code(command, **about):
    """The source files that a subcommand runs."""
    return inputs.code(ROOT, command, **about)


def shown(artefact):
    """Files of an artefact for the report."""
    return [
        in_report(
            f"<results>/paper/{file}",
            caption=f"../report/{caption}.rst",
            category=artefact.category,
            labels=labels,
        )
        for file, caption, labels in artefacts.shown_files(artefact)
    ]


def artefact_files(ending=""):
    """What the artefacts but the overview write, or those of it that end so; as plain texts, since
    a flag set on a rule's own output would hold for every rule that reads it."""
    return [
        str(file)
        for artefact in CONFIG.artefacts
        if artefact != "overview"
        for file in getattr(rules, artefact).output
        if file.endswith(ending)
    ]


def same_config(wildcards):
    """The command line by which another Snakemake reads the config that this one has read."""
    given = ["--snakefile", workflow.main_snakefile]
    if workflow.overwrite_configfiles:
        given += ["--configfile", *map(str, workflow.overwrite_configfiles)]
    if workflow.config_settings.config:
        values = workflow.config_settings.config.items()
        given += ["--config", *(f"{key}={json.dumps(value)}" for key, value in values)]
    if workflow.deployment_settings.deployment_method:
        methods = workflow.deployment_settings.deployment_method
        given += ["--software-deployment-method", *map(str, methods)]
    return shlex.join(given)


def one_of(names, *patterns):
    """A wildcard's constraint to these names, or to what has one of the patterns."""
    return "|".join([*patterns, *map(re.escape, names)])
