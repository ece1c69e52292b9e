"""Finds out what Python environments containers hold, from their files alone."""
