"""The machine's Python: this computer's interpreter under the rules of Windows.

`os.name` is `nt` and `sys.platform` is `win32`; paths have backslashes and lead to drive C:; files that somebody has
open cannot be removed, renamed or replaced; text is in code page 936 unless PYTHONUTF8 says otherwise; programs are the
machine's. It says that it is Python 3.10, which the machine has, and is whatever this computer has.
"""
