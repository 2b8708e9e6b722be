"""The probes by name: linear rewards that add no pairs and need no torch."""

from lens import evidence, linear

PROBES = {
    "mean_difference": linear.mean_difference,
    "linear_probe": linear.linear_probe,
    "evidence_probe": evidence.evidence_probe,
}
