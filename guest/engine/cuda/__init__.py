"""What runs on an NVIDIA card only: kernels, their compilation on the machine, and the graph of one token's step."""
