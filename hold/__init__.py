"""What the package promises when a process is killed, a file is hostile, many come at once or a year has passed.

``python -m hold`` tries it at length (``make hold``, an hour), and writes ``hold/results.json`` and the page made
from it. Tests run the same cases at their short size.
"""
