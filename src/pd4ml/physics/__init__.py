"""Physics that more than one simulator uses."""
