"""`manage.py doctor`: check the installation and print hints."""

import json
import sys

from django.core.management.base import BaseCommand, CommandParser

from picard.observability import doctor
from picard.observability.doctor import Finding, State


class Command(BaseCommand):
    help = "Check the installation and print hints. Exits with 1 if a check failed, otherwise with 0."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON array")

    def handle(self, *_: object, **options: object) -> None:
        if options["json"]:
            findings = list(doctor.run_diagnostics())
            self.stdout.write(json.dumps([finding.as_dict() for finding in findings], indent=2))
        else:
            findings = [self._print_finding(finding) for finding in doctor.run_diagnostics()]
        sys.exit(1 if any(finding.state == State.FAIL for finding in findings) else 0)

    def _print_finding(self, finding: Finding) -> Finding:
        """Print and flush a finding immediately, because some checks take seconds."""
        styles = {State.OK: self.style.SUCCESS, State.WARN: self.style.WARNING, State.FAIL: self.style.ERROR}
        self.stdout.write(f"{styles[finding.state](f'{finding.state:4}')}  {finding.check}: {finding.said}")
        if finding.hint:
            self.stdout.write(f"      {finding.hint}")
        self.stdout.flush()
        return finding
