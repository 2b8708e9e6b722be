"""Settings of trainings that take a moment."""

HEAD = {"hidden": 16, "learning_rate": 1e-2, "batch_size": 32, "epochs": 15, "patience": 5}
SYNTHESIS = {
    "noise_variance": 0.01,
    "candidates_per_kept": 2,
    "perturbation_variance": 0.01,
    "mixed_differences": 4,
    "posterior_widening": 1.0,
    "complement_noise": 10.0,
}
