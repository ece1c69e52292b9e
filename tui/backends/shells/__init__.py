"""Ways into containers: which there are, what begins there, and what is taken away again."""
