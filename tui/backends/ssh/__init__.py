"""SSH to hosts and containers: the connection, and what decides whom it trusts and how it logs in."""
