"""Papers of arXiv: finding their identifiers in a text, asking about them, and fetching them."""
