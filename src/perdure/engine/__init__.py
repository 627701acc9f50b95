"""Runs as durable workflows. Nothing outside this package knows which engine executes them."""
