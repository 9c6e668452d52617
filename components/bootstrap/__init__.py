"""From settings to user data and second stage: how the Windows machine installs itself. Pure, no I/O but own files.

>>> rendered = render(BootstrapInputs(...))
"""

from components.bootstrap.render import BootstrapInputs, Rendered, UserDataTooLargeError, render
from components.bootstrap.settings import BootstrapSettings

__all__ = ["BootstrapInputs", "BootstrapSettings", "Rendered", "UserDataTooLargeError", "render"]
