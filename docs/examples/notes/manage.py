"""Django's command line for Notes."""

import os
import sys

from django.core.management import execute_from_command_line

# Not setdefault(): the environment may name Picard's settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "notes.settings"

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
