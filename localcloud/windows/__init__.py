"""The local guest: what each machine of the local cloud runs in place of Windows.

Where this computer has PowerShell the machine executes its own scripts (`world`; `world.player` for the local cloud).
Elsewhere a twin in Python plays it: it reads the user data as cloudbase-init would, plays the bootstrap that it finds
there on the cloud's clock, answers WinRM over HTTPS to the real pywinrm, and shows a page on the demo's port; where the
machine would run the project's Python, the same Python runs, for real. The twin cannot run PowerShell, and says so.

`runtime` is the way in; the local cloud knows nothing else of this package.
"""
