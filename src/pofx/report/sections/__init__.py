"""The sections of a page, one to a file: each a function of a `Study` and of the seconds it may take."""
