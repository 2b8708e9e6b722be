"""Model folders and ids of the Hub are told apart; a model too big for the GPU is said."""

import pytest
import torch

from lens.core.errors import LensError
from lens.language import loading
from lens.language.loading import require_model


def test_hub_ids_are_left_to_the_hub():
    require_model("meta-llama/Llama-3.1-8B-Instruct")
    with pytest.raises(LensError, match="no such model folder"):  # a path, though of the same shape
        require_model("./meta-llama/Llama-3.1-8B-Instruct")


class Weights(torch.nn.Module):
    """A model of 4,000 bytes whose move to a GPU is noted, or fails."""

    def __init__(self, full=False):
        super().__init__()
        self.values = torch.nn.Parameter(torch.zeros(1000))
        self.dtype, self.full, self.moved = torch.float32, full, None

    def to(self, device):
        if self.full:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.moved = device
        return self


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of so many bytes, all but one of them free."""

    def of(memory):
        monkeypatch.setattr(loading, "pick_device", lambda device: device)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (memory - 1, memory))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tiny GPU")

    return of


def test_a_model_too_big_for_the_gpu(gpu):
    gpu(4001)
    model = Weights()
    assert loading.move_to_device(model, "org/m", "cuda").moved == "cuda"
    gpu(4000)
    model = Weights()
    with pytest.raises(LensError, match=r"org/m: its weights take 0.0 GB as float32, but cuda "):
        loading.move_to_device(model, "org/m", "cuda")
    assert model.moved is None
    assert loading.move_to_device(model, "org/m", "cpu").moved == "cpu"


def test_the_message_has_both_sizes_and_what_to_do(gpu):
    gpu(80_000_000_000)
    model = Weights(full=True)
    with pytest.raises(LensError) as caught:
        loading.move_to_device(model, "org/m", "cuda:1")
    assert "cuda:1 (Tiny GPU) has 80.0 GB, 80.0 GB of them free" in str(caught.value)
    assert "larger or a free GPU in the profile, set `precision: fast`, or" in str(caught.value)
    model.dtype = torch.bfloat16
    with pytest.raises(LensError, match="in the profile, or choose a smaller model"):
        loading.move_to_device(model, "org/m", "cuda:1")
