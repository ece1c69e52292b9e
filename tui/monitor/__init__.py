"""Keeps the facts of one host fresh on its own threads, and carries out jobs."""
