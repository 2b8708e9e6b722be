"""Configs as the workflow reads them: config.yaml, with other files and changes on top."""

from copy import deepcopy

import yaml
from snakemake.utils import update_config

from lens.workflow.resolve import resolve
from tests.helpers.workflow_tools import ROOT

DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def raw_config(*changes):
    """What Snakemake hands over; each change is a dict, or a config file below the root."""
    found = deepcopy(DEFAULT)
    for change in changes:
        own = yaml.safe_load((ROOT / change).read_text()) if isinstance(change, str) else change
        update_config(found, deepcopy(own))
    return found


def resolved(*changes):
    """The same, resolved."""
    return resolve(raw_config(*changes), ROOT)
