"""Sockets: three addresses, one protocol, one way of writing."""
