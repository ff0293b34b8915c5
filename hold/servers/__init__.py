"""A server on this machine, and all that servers do wrong."""
