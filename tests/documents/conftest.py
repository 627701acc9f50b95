"""Readers that the tests of documents share, because starting recognition takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perdure.agents.documents.worker import DocumentReaders


@pytest.fixture(scope="session")
def readers() -> Iterator[DocumentReaders]:
    """One process that reads documents."""
    made = DocumentReaders(count=1)
    yield made
    made.close()
