"""Metrics with errors."""
