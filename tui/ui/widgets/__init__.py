"""Widgets that know neither the monitor nor what a container is."""
