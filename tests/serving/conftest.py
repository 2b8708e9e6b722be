"""A reward model of the small language model, fitted and saved once."""

import pytest

from lens.advice.fit import fit
from lens.advice.own_pairs import embed_pairs, read_pairs
from lens.language.encoder import Encoder
from lens.reward.recipes import Recipe
from tests.helpers.word_pairs import some_rows


@pytest.fixture(scope="session")
def data(llama_folder):
    return embed_pairs(read_pairs(some_rows()), Encoder(str(llama_folder), device="cpu"))


@pytest.fixture(scope="session")
def model(data):
    return fit(data, Recipe("evidence_probe"), command="lens fit")


@pytest.fixture(scope="session")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save(folder)
    return folder
