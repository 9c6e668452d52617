"""Downloads the files of the manifest: several at a time, resumable, from the next source when one fails, checked.

What has arrived is kept in `PATH.part` and never fetched twice, unless it turns out to be wrong; a file gets its own
name once it is whole, checked and safe on the disk. A step whose file does not serve gives it back by renaming it to
`PATH.part`: then its hash decides anew.
"""
