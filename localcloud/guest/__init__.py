"""The local guest: what each machine of the local cloud runs in place of Windows.

It reads the machine's user data as cloudbase-init would, plays the bootstrap that it finds there on the cloud's clock,
answers WinRM over HTTPS to the real pywinrm, and shows a page on the demo's port. Where the machine would run the
project's Python, the same Python runs, for real. It cannot run PowerShell, and says so wherever it is asked to.

`runtime` is the way in; the local cloud knows nothing else of this package.
"""
