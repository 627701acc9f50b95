"""Requests that leave the server for agents: what may be reached, and how much of it is read."""
