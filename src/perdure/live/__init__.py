"""Feeding readers: wake-ups say "look again", the log is the queue, and a reader is only a cursor."""
