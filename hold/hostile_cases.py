"""Hostile."""

CASES = {}
