"""Moving in and out: readers of what other products give, the import of it, and the export of everything."""
