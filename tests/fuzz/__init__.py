"""Coverage-guided fuzzing: each harness is a process of its own, run for a number of inputs from a seed."""
