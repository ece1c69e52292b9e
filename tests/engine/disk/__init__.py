"""Tests against a real, private engine."""
