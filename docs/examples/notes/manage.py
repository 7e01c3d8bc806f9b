"""Django's commands for Notes."""

import os
import sys

from django.core.management import execute_from_command_line

# Set, not defaulted: this is never the site whose example it is.
os.environ["DJANGO_SETTINGS_MODULE"] = "notes.settings"

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
