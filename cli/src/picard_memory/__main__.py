"""`python -m picard_memory`: the command `picard`."""

from picard_memory.commands.main import main

main()
