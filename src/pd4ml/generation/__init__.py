"""How simulators are run: chunks, seeds, workers, resume."""
