"""The paper's tables and figures from data frames, compared with the numbers that it reports."""
