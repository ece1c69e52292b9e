"""The rig: starts and steers real components (engine, terminal) for tests; knows nothing of envtui."""
