"""Models that serve every dataset."""
