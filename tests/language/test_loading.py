"""Model folders and ids of the Hub are told apart."""

import pytest

from lens.core.errors import LensError
from lens.language.loading import require_model


def test_hub_ids_are_left_to_the_hub():
    require_model("meta-llama/Llama-3.1-8B-Instruct")
    with pytest.raises(LensError, match="no such model folder"):  # a path, though of the same shape
        require_model("./meta-llama/Llama-3.1-8B-Instruct")
