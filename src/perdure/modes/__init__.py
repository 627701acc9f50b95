"""Ways of working. Each mode is one class over the run context of `contract`, built in or from a plug-in."""
