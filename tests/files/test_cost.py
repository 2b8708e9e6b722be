"""What a stage costs, beside its results and not among them."""

import json
import time

from lens.files import artifacts, cost


def test_time_memory_and_counts_are_written_beside_the_metrics(tmp_path):
    cost.start()
    end = time.process_time() + 0.02
    while time.process_time() < end:
        pass
    path = tmp_path / "metrics.json"
    artifacts.write_metrics(path, {}, {}, {}, {"tokens": 7, "new_tokens": 3, "parameters": 5})
    found = json.loads((tmp_path / "cost.json").read_text())
    assert (found["tokens"], found["new_tokens"], found["parameters"]) == (7, 3, 5)
    assert found["trained_parameters"] == 0
    assert 0.02 <= found["wall_seconds"] < 60
    assert found["cpu_seconds"] >= 0.02
    assert found["device_seconds"] >= 0.02  # without a GPU, the processor's
    assert found["device"] == "cpu"
    assert found["peak_memory_bytes"] > 10_000_000
    assert "seconds" not in path.read_text()


def test_start_counts_anew():
    cost.start()
    time.sleep(0.02)
    before = cost.measured()["wall_seconds"]
    cost.start()
    assert cost.measured()["wall_seconds"] < before


def test_a_gpu_counts_from_when_it_is_held():
    cost.start()
    time.sleep(0.02)
    cost.uses("cuda:0")
    found = cost.measured()
    assert found["device_seconds"] < found["wall_seconds"] - 0.01
    cost.uses("cuda:0")  # a second model does not begin anew
    time.sleep(0.02)
    assert cost.measured()["device_seconds"] >= 0.02
    cost.start()


def test_a_table_has_no_cost(tmp_path):
    artifacts.write_metrics(tmp_path / "table_1_settings.json", {}, {}, {})
    assert not (tmp_path / "cost.json").exists()
