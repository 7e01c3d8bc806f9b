"""Run Notes next to a running Picard: register it once, migrate its database and serve it."""

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
URL = f"http://127.0.0.1:{PORT}"


def main() -> None:
    if ENV.exists():
        say(f"Notes is already registered with the settings in {ENV}.")
    else:
        register_app()
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=HERE, check=True)
    say(f"Notes is running at {URL}")
    os.chdir(HERE)
    os.execv(sys.executable, [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{PORT}"])  # noqa: S606


def register_app() -> None:
    """Run Picard's register_client, and write the printed settings to a file that only its owner can read."""
    command = [sys.executable, "manage.py", "register_client", "Notes", f"{URL}/callback/"]
    done = subprocess.run(command, cwd=PICARD, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("Could not register Notes with Picard. Start Picard first, in another terminal: make run")
    own_settings = f"NOTES_URL={URL}\nNOTES_SECRET_KEY={secrets.token_urlsafe(48)}\n"
    own_settings += f"NOTES_TOKEN_KEY={Fernet.generate_key().decode()}\n"
    HOME.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(ENV, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(done.stdout + own_settings)
    say(f"Registered Notes with Picard. The settings are in {ENV}.")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
