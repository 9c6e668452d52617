"""Parking a machine that nobody uses, and bringing it back: what the machine and `chatglm guard` decide alike."""
