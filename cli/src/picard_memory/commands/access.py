"""Subcommands for log-ins."""

from __future__ import annotations

import contextlib
import platform
import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from picard_memory import pages
from picard_memory.commands.session import Session, as_json, pass_session, write_json, write_note, write_text
from picard_memory.errors import ConfigurationError, NotLoggedInError, PicardError

if TYPE_CHECKING:
    from picard_memory import Whoami
    from picard_memory.profiles import Credentials, Profile

SCOPES = ("memories:read", "memories:write")
RECENT = 20  # events of `picard apps`
MAX_NAME = 80  # of an app, as the server shortens it


@click.command(short_help="Log in to a server by a code, or with --token.")
@click.argument("url", envvar="PICARD_URL")
@click.option(
    "--token",
    "with_token",
    is_flag=True,
    help="Use an access token: from PICARD_TOKEN, standard input, or a prompt.",
)
@click.option("--read-only", is_flag=True, help="Request read access only.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Request this scope instead of reading and writing; repeatable.",
)
@click.option("--name", help="Name of this log-in; by default the host of the server.")
@click.option(
    "--open", "in_browser", is_flag=True, help="Open the log-in page in a browser on this computer."
)
@click.option("--insecure", is_flag=True, help="Allow http: others on the network can then read the token.")
@pass_session
def login(
    session: Session,
    url: str,
    with_token: bool,
    read_only: bool,
    scopes: tuple[str, ...],
    name: str | None,
    in_browser: bool,
    insecure: bool,
) -> None:
    """Log in to the server at URL, without a browser on this computer.

    Prints a code to enter on any computer or phone, where you also limit access. With --token, uses an access token
    (Apps > Access tokens): picard login URL --token < token.txt
    """
    from picard_memory import oauth, profiles
    from picard_memory.auth import is_loopback, normalize_url

    server = normalize_url(url)
    parts = urlsplit(server)
    if parts.scheme == "http" and not is_loopback(parts.hostname or "") and not insecure:
        raise ConfigurationError(
            f"{server} has no https: others on the network could read the token. Allow it by --insecure."
        )
    name = name or session.profile or re.sub("[^A-Za-z0-9.]+", "-", parts.netloc).strip("-.")
    profile = profiles.Profile(name=name, url=server)
    earlier = _find_earlier(profile)
    if with_token:
        profile = profiles.replace_credentials(profile, profiles.Credentials(_read_token(server)))
    else:
        profile = _log_in_by_device(
            profile, earlier, ["memories:read"] if read_only else list(scopes or SCOPES), in_browser
        )
    account = _check_credentials(profile)
    with profiles.lock_profile(name):
        profiles.save_profile(profile)
        profiles.save_current(name)
    if earlier is not None and earlier.client_id is not None:
        with contextlib.suppress(PicardError):  # they expire
            oauth.revoke_credentials(earlier)
    write_note(f"Logged in to {server} as {_describe_person(account)} ({', '.join(account.scopes)}).")


@click.command(short_help="Log out, and revoke the tokens.")
@pass_session
def logout(session: Session) -> None:
    """Revoke the tokens of this log-in, and forget them on this computer."""
    from picard_memory import oauth, profiles

    name = profiles.choose_profile(session.profile)
    with profiles.lock_profile(name):
        profile = profiles.load_profile(name)
        profiles.delete_profile(name)
    is_personal = profile.client_id is None
    try:
        if not is_personal:
            oauth.revoke_credentials(profile)
    except PicardError:
        write_note(
            f"Deleted the tokens on this computer, but could not revoke them: disconnect the app at "
            f"{profile.url}{pages.APPS}"
        )
        raise
    write_note(f"Logged out of {profile.url}.")
    if is_personal:
        write_note(f"The access token stays valid. Revoke it at {profile.url}{pages.TOKENS}")


@click.command(short_help="Show server, user and access.")
@as_json
@pass_session
def status(session: Session, as_json: bool) -> None:
    """Show which server and account the log-in is of, and what it may do."""
    from picard_memory import profiles

    others = [
        name for name in profiles.list_profiles() if name != (session.profile or profiles.find_current())
    ]
    with session.open_client(timeout=15, max_retry_wait=5) as picard:
        account = picard.whoami()
        tags = {tag.id: tag.name for tag in picard.iter_tags()} if account.only_tags is not None else {}
    if as_json:
        write_json(
            {"url": picard.url, "profile": session.profile or profiles.find_current(), "account": account}
        )
        return
    write_text(f"Server  {picard.url}")
    write_text(f"User    {_describe_person(account)}")
    write_text(f"Access  {_describe_access(account, tags)}")
    if others:
        write_text(f"Other log-ins  {', '.join(others)}")


@click.command(short_help="Show what this log-in did.")
@click.option("--open", "in_browser", is_flag=True, help="Open the page of your connected apps in a browser.")
@as_json
@pass_session
def apps(session: Session, in_browser: bool, as_json: bool) -> None:
    """Show what this log-in did with your memories last, and where all connected apps are.

    No app can see the other apps: these are on the website.
    """
    from itertools import islice

    with session.open_client() as picard:
        url = picard.url + pages.APPS
        events = list(islice(picard.iter_activity(page_size=RECENT), RECENT))
    for event in events:
        if as_json:
            write_json(event)
        else:
            write_text(
                f"{event.happened_at.astimezone():%Y-%m-%d %H:%M}  {event.action}  {event.memory_count}"
            )
    write_note(f"All connected apps: {url}")
    if in_browser:
        click.launch(url)


def _read_token(server: str) -> str:
    """Return an access token, never from the arguments: other users of the computer can read these."""
    from picard_memory.auth import FixedToken, read_environment_token

    token = read_environment_token(server)
    if token is None:
        token = (
            click.prompt("Access token", hide_input=True, err=True)
            if sys.stdin.isatty()
            else sys.stdin.readline()
        )
    return FixedToken(token).get_token()


def _log_in_by_device(
    profile: Profile, earlier: Profile | None, scopes: list[str], in_browser: bool
) -> Profile:
    """Return the profile with the tokens that the user approved."""
    from dataclasses import replace

    from picard_memory import oauth, profiles

    metadata = oauth.discover_endpoints(profile.url)
    client_id = (
        None if earlier is None else earlier.client_id
    )  # the user sees one app, not one for each log-in
    try:
        if client_id is None:
            raise oauth.OAuthError("invalid_client", "not registered")
        device = oauth.start_device_flow(metadata, client_id, scopes)
    except oauth.OAuthError as error:
        if error.error not in ("invalid_client", "unauthorized_client"):
            raise
        client_id = oauth.register_client(
            metadata, f"Picard CLI on {platform.node() or 'a computer'}"[:MAX_NAME]
        )
        device = oauth.start_device_flow(metadata, client_id, scopes)
    write_note(f"Open {device.verification_uri} on any computer or phone, and enter the code:")
    write_note(f"\n    {device.user_code}\n")
    if device.verification_uri_complete:
        write_note(f"Or open {device.verification_uri_complete}")
    if in_browser:
        click.launch(device.verification_uri_complete or device.verification_uri)
    credentials: Credentials = oauth.wait_for_approval(metadata, client_id, device)
    connected = replace(
        profile,
        client_id=client_id,
        token_endpoint=metadata.token_endpoint,
        revocation_endpoint=metadata.revocation_endpoint,
    )
    return profiles.replace_credentials(connected, credentials)


def _find_earlier(profile: Profile) -> Profile | None:
    """Return the log-in of this name, if it is of the same server."""
    from picard_memory import profiles

    try:
        earlier = profiles.load_profile(profile.name)
    except PicardError:
        return None
    return earlier if earlier.url == profile.url else None


def _check_credentials(profile: Profile) -> Whoami:
    """Return whose tokens these are. Raises PicardError if the server does not accept them."""
    from picard_memory import Picard

    if profile.credentials is None:
        raise NotLoggedInError("There is no token.")
    with Picard(profile.url, profile.credentials.access_token) as picard:
        return picard.whoami()


def _describe_person(account: Whoami) -> str:
    """Return the name, which many users never enter, and the handle."""
    handle = f"@{account.person.handle}"
    return f"{account.person.display_name} ({handle})" if account.person.display_name else handle


def _describe_access(account: Whoami, tags: dict[str, str]) -> str:
    parts = [", ".join(account.scopes) or "nothing"]
    if account.only_tags is not None:
        parts.append(
            "only memories tagged " + " or ".join(tags.get(each, each) for each in account.only_tags)
        )
    if account.until is not None:
        parts.append(f"until {account.until.astimezone():%Y-%m-%d %H:%M}")
    return "; ".join(parts)
