"""Programs that run inside the peers' own environments; each prints its seconds as JSON."""
