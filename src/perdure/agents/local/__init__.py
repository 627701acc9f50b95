"""The embedded model: weights from data packages, a child process that serves them, and its pydantic-ai model."""
