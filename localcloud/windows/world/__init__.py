"""A Windows to run the machine's scripts in, byte for byte, on this computer: PowerShell 7 with the rules of Windows.

`machine.WindowsWorld` is one machine: its drive, its power button, its remote shell. What runs inside it lives in
`inside/` (programs by their Windows names, the task scheduler, Python's rules) and `powershell/` (the commands that
only Windows has). `docs/windows-world.md` says how to use it, and how each real command behaves.
"""
