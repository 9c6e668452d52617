"""A small Tencent Cloud in one process: it answers the official SDK and the official plug-in on this machine.

Three layers: routes (`api`, `control`, `metadata`) speak HTTP, `wire` translates through the official SDK's
models, and `services/` hold the rules. `python -m localcloud --help` runs it by hand.
"""
