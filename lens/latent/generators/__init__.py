"""Ways of making synthetic pairs beyond the paper's, one short module each (docs/study.md).

Each gives a *source* for `synthesis`, so that all train on one path and draw batch by batch.
"""
