#!/usr/bin/env python
"""Command-line entry point."""

import os
import sys

UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703"  # PostgreSQL error codes


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    from picard.config.checks import BadSettings

    try:
        execute_from_command_line(sys.argv)
    except BadSettings as error:
        sys.exit(str(error))
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None):  # raised by a statement, so the database was reached
            raise
        sys.exit(f"Cannot connect to the database: {error}")
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) not in (UNDEFINED_TABLE, UNDEFINED_COLUMN):
            raise
        sys.exit(
            "The database schema does not match this version. Run `manage.py migrate`, or start Picard once."
        )


if __name__ == "__main__":
    main()
