"""Shells in containers: how one begins with an environment active."""
