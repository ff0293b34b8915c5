"""A scintillator-steel calorimeter in a test beam: so far its geometry."""
