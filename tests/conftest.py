"""What every test gets: the real event loop for async tests, and nothing of the user's own files."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"
