"""Keeps secrets out of files and out of outputs: where they may be written, what they are, and how they are hidden."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from observe_dagster.config.models.connections import PROVIDER_NAMES
from observe_dagster.config.yaml.nodes import Path
from observe_dagster.config.yaml.templates import literal_part
from observe_dagster.redaction import MASK

_FIELDS = ("password", "service_account_key")
_IN_QUERY = frozenset({"password", "sslpassword", "passfile"})
_HINT = 'a secret must come from the environment; write "{{ env.NAME }}"'


def literal_secrets(connection: Any) -> Iterator[tuple[Path, str]]:
    """Find secrets that are written out in a file: a path below the connection and a message for each."""
    config = connection.get("config") if isinstance(connection, Mapping) else None
    if not isinstance(config, Mapping):
        return
    for name in _FIELDS:
        value = config.get(name)
        if isinstance(value, int | float) or (isinstance(value, str) and literal_part(value)):
            yield ("config", name), _HINT
    url = config.get("url")
    if isinstance(url, str) and url_passwords(literal_part(url)):
        yield ("config", "url"), f"the password in it is written out: {_HINT}"


def url_passwords(url: str) -> tuple[str, ...]:
    """The passwords inside a URL, as they are written there and percent-decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return (url,)
    user_info = parts.netloc.rpartition("@")[0]
    passwords = [user_info.partition(":")[2]]
    passwords.extend(value for name, value in parse_qsl(parts.query) if name.lower() in _IN_QUERY)
    return tuple(dict.fromkeys(form for text in passwords if text for form in (text, unquote(text))))


def secrets_of(connection: BaseModel) -> tuple[str, ...]:
    """Every secret text of a connection in every form it may be printed in, the longest first."""
    config = getattr(connection, "config", None)
    secrets: set[str] = set()
    for value in dict(config or {}).values():
        if isinstance(value, SecretStr) and (secret := value.get_secret_value()):
            secrets.update((secret, *url_passwords(secret)) if "://" in secret else (secret, *_key_parts(secret)))
    forms = {
        form for text in secrets for form in (text, quote(text, safe=""), json.dumps(text)[1:-1], repr(text)[1:-1])
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _key_parts(secret: str) -> Iterator[str]:
    try:
        content = json.loads(secret)
    except ValueError:
        return
    if isinstance(content, dict):
        for name in ("private_key", "private_key_id"):
            value = content.get(name)
            if isinstance(value, str) and value:
                yield value


def masked(declared: BaseModel) -> dict[str, Any]:
    """Give a declared model as JSON-ready values under the names a user writes, each secret as `************`."""
    values = declared.model_dump(mode="json", by_alias=True)
    hidden = _hide(declared, values)
    provider = hidden.get("service_provider")
    if isinstance(provider, str):
        hidden["service_provider"] = PROVIDER_NAMES.get(provider, provider)
    return hidden


def _hide(declared: BaseModel, values: Mapping[str, Any]) -> dict[str, Any]:
    masked_values = dict(values)
    for name, field in type(declared).model_fields.items():
        key, value = field.alias or name, getattr(declared, name)
        if isinstance(value, SecretStr):
            masked_values[key] = MASK
        elif isinstance(value, BaseModel):
            masked_values[key] = _hide(value, values[key])
    return masked_values
