"""NVIDIA's GPUs and their driver."""
