"""TopTagging: hadronic top-quark jets against QCD jets."""
