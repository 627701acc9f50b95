"""The edge: REST, sockets, event streams and the console. It translates and decides nothing."""
