"""Tests of envtui: fast ones beside the modules they test, slow ones against real components."""
