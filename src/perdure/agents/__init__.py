"""Who does the work inside a step: roles, models, prices and tools."""
