"""Run Notes beside a running Picard: register it there once, migrate, serve."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

HERE = Path(__file__).resolve().parent
PICARD = HERE.parents[2]
HOME = Path(os.environ.get("NOTES_HOME", HERE))
ENV = HOME / ".env"
PORT = os.environ.get("NOTES_PORT", "8100")
ADDRESS = f"http://127.0.0.1:{PORT}"


def main() -> None:
    if ENV.exists():
        say(f"Notes is registered already; {ENV} says how.")
    else:
        register()
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=HERE, check=True)
    say(f"Notes runs at {ADDRESS}")
    os.chdir(HERE)
    os.execv(sys.executable, [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{PORT}"])  # noqa: S606


def register() -> None:
    """As any developer would, by Picard's command: what it prints goes to a file that only its owner reads."""
    command = [sys.executable, "manage.py", "register_client", "Notes", f"{ADDRESS}/callback/"]
    done = subprocess.run(command, cwd=PICARD, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("Picard did not register Notes. Start Picard first, in another terminal: make run")
    own = f"NOTES_URL={ADDRESS}\nNOTES_SECRET_KEY={secrets.token_urlsafe(48)}\n"
    own += f"NOTES_TOKEN_KEY={Fernet.generate_key().decode()}\n"
    HOME.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(ENV, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(done.stdout + own)
    say(f"Notes is registered with Picard; {ENV} says how.")


def say(words: str) -> None:
    print(words, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
