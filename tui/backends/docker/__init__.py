"""The Docker Engine API: of Docker itself and of Podman's imitation of it."""
