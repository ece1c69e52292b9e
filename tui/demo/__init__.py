"""A make-believe workstation behind the same protocols as a real one, for trying envtui out and for tests."""
