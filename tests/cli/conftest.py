"""What the tests of the commands share."""

import pytest

from lens.cli import main
from tests.helpers.word_pairs import jsonl, some_rows


@pytest.fixture(scope="session")
def workplace(tmp_path_factory, llama_folder):
    """A folder with pairs, an advice on them and a reward model fitted from it."""
    folder = tmp_path_factory.mktemp("workplace")
    source = jsonl(folder / "pairs.jsonl", some_rows(60))
    advise = f"advise {source} --model {llama_folder} --out {folder}/advice --scales 2 --rounds 2"
    main(f"{advise} --device cpu --threads 1".split())
    main(f"fit --advice {folder}/advice --out {folder}/model".split())
    return folder
