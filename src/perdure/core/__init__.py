"""Pure rules: plain values in, new values and events out. Nothing here does input or output."""
