"""Addresses in environment variables."""

from observe_dagster.errors import SettingsError


def web_address(name: str, url: str, *, example: str, login: bool = True) -> str:
    """A variable's address without a slash at its end; raises SettingsError. Without `login` it may hold none."""
    if not url.startswith(("http://", "https://")) or (not login and "@" in url):
        more = "" if login else ", without a password in it"
        raise SettingsError(f"{name} must be an address such as {example}{more}.")
    return url.rstrip("/")
