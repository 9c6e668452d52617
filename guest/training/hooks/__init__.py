"""What is changed about upstream's training programs from outside, in their own process.

Nothing here edits a file of upstream's: each module replaces one function or method of a library while the program
runs, and says why. `guest.training.launch` puts them on.
"""
