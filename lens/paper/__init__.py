"""From data frames to the paper's tables and figures, beside the numbers it reported."""
