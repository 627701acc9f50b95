"""Running programs that agents wrote: isolated where the system can, limited everywhere."""
