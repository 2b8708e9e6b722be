"""What a run will take, before anything is submitted: see docs/plan.md."""
