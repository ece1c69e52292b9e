"""The same fixtures as the tests against a real engine have."""

from tests.engine.conftest import clean_engine, engine, proxy

__all__ = ["clean_engine", "engine", "proxy"]
