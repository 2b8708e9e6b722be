"""A command's flags follow from a section of the config."""

import argparse

import pytest

from lens.cli.shared.arguments import add_settings
from lens.data.settings import PairsSettings
from lens.language.settings import LoadSettings
from lens.latent.settings import VaeSettings
from lens.textspace.settings import EndpointSettings, JudgingSettings


def parsed(section, *words, **which):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_settings(parser, section, **which)
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


def test_bounds_are_the_section_s():
    for words, reason in (
        (["--hidden", "0"], "--hidden: should be greater than or equal to 1"),
        (["--beta", "-1"], "--beta: should be greater than or equal to 0"),
    ):
        with pytest.raises(argparse.ArgumentError, match=reason):
            parsed(VaeSettings, *words)
    with pytest.raises(argparse.ArgumentError, match="--max-length: should be greater"):
        parsed(LoadSettings, "--model", "m", "--max-length", "0")
    assert parsed(LoadSettings, "--model", "m", "--max-length", "1")["max_length"] == 1


def test_a_key_in_place_of_its_variable_s_name_is_not_shown():
    with pytest.raises(argparse.ArgumentError, match="should be the name, in capitals") as refused:
        parsed(
            EndpointSettings, "--base-url", "http://x/v1", "--model", "m", "--key-variable", "sk-1"
        )
    assert "sk-1" not in str(refused.value)


def test_a_part_of_a_section():
    assert parsed(LoadSettings, only=("device",)) == {"device": "auto"}
