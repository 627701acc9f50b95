"""Perdure under the names and shapes that other programs expect."""
