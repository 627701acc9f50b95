"""Routes, one file per noun: they translate and call one service method each."""
