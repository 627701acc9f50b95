"""Rows and the event log, on SQLite or PostgreSQL. No driver or ORM detail leaves this package."""
