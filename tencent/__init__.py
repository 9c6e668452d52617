"""Tencent Cloud through its official SDK: facts, look-ups, deletions. Knows nothing of Pulumi."""
