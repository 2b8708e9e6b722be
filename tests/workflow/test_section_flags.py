"""A command's flags follow from a section of the config."""

import argparse

import pytest

from lens.cli.shared.arguments import add_settings
from lens.data.settings import PairsSettings
from lens.language.settings import LoadSettings
from lens.latent.settings import VaeSettings
from lens.textspace.settings import JudgingSettings


def parsed(section, *words, without=()):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_settings(parser, section, without=without)
    return vars(parser.parse_args(list(words)))


@pytest.mark.parametrize("section", [VaeSettings, JudgingSettings, PairsSettings])
def test_defaults_are_the_section_s(section):
    assert parsed(section) == {name: field.default for name, field in section.model_fields.items()}


def test_values_have_the_section_s_kinds():
    assert parsed(VaeSettings, "--hidden", "8", "--beta", "2")["beta"] == 2.0
    found = parsed(LoadSettings, "--model", "a/b", "--trust-remote-code", "--max-length", "9")
    assert (found["trust_remote_code"], found["max_length"]) == (True, 9)
    assert parsed(JudgingSettings, "--labels", "x", "y")["labels"] == ["x", "y"]
    assert parsed(PairsSettings, "--where", '{"a": "b"}')["where"] == {"a": "b"}
    assert "gamma" not in parsed(VaeSettings, without=("gamma",))


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (VaeSettings, ["--sharing", "some"]),
        (VaeSettings, ["--hidden", "8.5"]),
        (PairsSettings, ["--where", "[1]"]),
    ],
)
def test_other_values_are_refused(section, words):
    with pytest.raises(argparse.ArgumentError):
        parsed(section, *words)
