"""The line to the machine: WinRM with a pinned certificate, and the waiting until the machine is ready."""
