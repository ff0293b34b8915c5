"""Command lines, run in forks of a process that is warm, and what befalls them at a change of the disk."""
