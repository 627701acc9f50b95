"""What tests stand on: a real browser and a real PostgreSQL, without anything installed on the machine."""
