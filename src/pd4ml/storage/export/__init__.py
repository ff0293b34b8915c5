"""Data going out: events as files that other tools read, one module a format."""
