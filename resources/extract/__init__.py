"""Reading the text out of a file somebody gave us.

Nothing in this package imports Django: `child` runs in a process of its own that is confined before it
opens the file. `runner` is the parent's side. One module per file type.
"""
