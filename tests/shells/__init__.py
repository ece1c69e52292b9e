"""Sessions in containers: what can be shown without an engine."""
