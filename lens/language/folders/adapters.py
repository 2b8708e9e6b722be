"""Adapters of peft, merged into the model that they were trained on (extra `text`)."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens.core.errors import LensError
from lens.files import artifacts

if TYPE_CHECKING:
    from transformers import PreTrainedModel as Model

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def is_adapter(path: str) -> bool:
    """Whether a folder holds an adapter and no model. LensError where it holds both, since one
    cannot tell whether the adapter is merged already."""
    folder = Path(path)
    if not (folder / CONFIG).is_file():
        return False
    whole = (folder / "config.json").is_file() and any(folder.glob("model*.safetensors"))
    if whole and any((folder / name).is_file() for name in (WEIGHTS, "adapter_model.bin")):
        raise LensError(
            f"{path}: holds a model (model.safetensors) and an adapter ({WEIGHTS}). If the adapter "
            f"is merged already, remove {CONFIG}; if not, keep {CONFIG} and {WEIGHTS} alone in a "
            "folder and give that."
        )
    return not whole


def base_model(path: str) -> tuple[str, str | None]:
    """(path, revision) of the model that the adapter in a folder belongs to. LensError where its
    weights are missing or pickled, or where no model is named."""
    folder = Path(path)
    if not (folder / WEIGHTS).is_file():
        pickled = " (adapter_model.bin is pickled, and only safetensors are read)"
        raise LensError(
            f"{path}: holds an adapter's config, but not its weights, {WEIGHTS}"
            f"{pickled if (folder / 'adapter_model.bin').is_file() else ''}. Copy them there, or "
            "give the folder of a model."
        )
    config = artifacts.read_json(folder / CONFIG)
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise LensError(
            f"{path}: {CONFIG} does not name the model that the adapter was trained on. Set "
            "`base_model_name_or_path` in it."
        )
    return base, config.get("revision")


def merged(auto_class: Any, path: str, load_base: Callable[..., "Model"]) -> "Model":
    """The adapter's base model with the adapter merged into its weights. `load_base` loads the base
    by a class of transformers, with more settings of its config. LensError where the two do not
    belong together."""
    try:
        from peft import PeftModel
    except ImportError as error:
        raise LensError(
            f'{path}: adapters need the package peft. Run `pip install "lens-rm[text]"`, or merge '
            "it into its model: peft's `merge_and_unload()`, then `save_pretrained`."
        ) from error
    import transformers

    task = artifacts.read_json(Path(path) / CONFIG).get("task_type")
    classes = {
        "CAUSAL_LM": transformers.AutoModelForCausalLM,
        "SEQ_CLS": transformers.AutoModelForSequenceClassification,
    }
    base = load_base(classes.get(task, auto_class), **_labels(path, task))
    whole = PeftModel.from_pretrained(base, path)
    _check_keys(path, whole)
    model = whole.merge_and_unload()
    if auto_class is transformers.AutoModel:
        return model.base_model  # without its head
    if not isinstance(model, tuple(auto_class._model_mapping.values())):
        raise LensError(
            f"{path}: the adapter was trained for {task}, which this stage does not do. Choose "
            "another model."
        )
    return model


def _labels(path: str, task: str | None) -> dict[str, int]:
    """How many labels the classifier that was trained with the adapter has."""
    from safetensors import safe_open

    if task != "SEQ_CLS":
        return {}
    with safe_open(Path(path) / WEIGHTS, "pt") as file:
        heads = [key for key in file.keys() if key.endswith(("score.weight", "out_proj.weight"))]  # noqa: SIM118
        return {"num_labels": file.get_slice(heads[0]).get_shape()[0]} if heads else {}


def _check_keys(path: str, model: Any) -> None:
    """LensError where the adapter's weights are not those that its config makes."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(Path(path) / WEIGHTS, "pt") as file:
        saved = set(file.keys())
    expected = set(get_peft_model_state_dict(model))
    if saved != expected:
        odd = sorted(saved ^ expected)
        raise LensError(
            f"{path}: the adapter does not fit its model: {len(odd)} of its weights have no "
            f"counterpart ({odd[0]}, ...). Check `base_model_name_or_path` in {CONFIG}."
        )


def base_error(path: str, error: LensError) -> LensError:
    """What to do where an adapter's base model cannot be loaded."""
    return LensError(
        f"{path}: an adapter, whose base model cannot be loaded: {error} Set "
        f"`base_model_name_or_path` in {CONFIG} to where that model is."
    )
