"""Python that runs on the machine itself: installing, serving and fine-tuning ChatGLM-6B.

Only the standard library is imported at the top of these modules, so that they run in the machine's Python 3.10
before anything is installed, and on the operator's computer too.
"""

import os

from guest.libraries import find_libraries

# Before anything else of this package: its modules import what needs those libraries.
if os.name == "nt":
    find_libraries(os.environ)
