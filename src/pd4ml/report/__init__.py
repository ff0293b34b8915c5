"""Tables and pages, made only from records."""
