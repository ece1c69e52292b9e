"""Ways into the containers: which one is taken, what runs at their end, and what is left when they close."""
