"""Physics Data for Machine Learning."""
