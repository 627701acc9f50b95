"""The embedded model: weights from packages, a child process that serves them, its pydantic-ai model."""
