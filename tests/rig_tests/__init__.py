"""Tests of the rig itself, on real components."""
