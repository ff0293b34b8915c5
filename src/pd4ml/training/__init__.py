"""Recipes, the Lightning module and the data module."""
