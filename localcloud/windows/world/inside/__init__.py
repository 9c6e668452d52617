"""What runs inside a machine of the Windows world: programs, task scheduler, process table, rules of the file system.

Every module here runs in processes of the machine, with the standard library alone. `where` knows the surroundings.

A machine's life starts some eighty of these processes, so what each of them loads (starting, command_line, where,
plain, table, memory, scheduler) does without `typing`, `dataclasses` and `pathlib`: they take longer than all the rest.
"""
