"""The client: what is an error of which kind, what is tried again, and that no secret gets out."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from observe_dagster.errors import (
    PublishError,
    RateLimitedError,
    RefusedCredentialsError,
    TooLargeError,
    UnreachableError,
)
from observe_dagster.integrations.http import Client, parsed, retry_after_of
from tests.fakes.gateway import Gateway

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


def client(*answers: httpx.Response | Exception, **more: object) -> Client:
    waiting = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        given = waiting.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    headers = {"Authorization": "Bearer secret-1"}
    return Client("http://x/", headers, system="X", transport=httpx.MockTransport(answer), first_wait=0.01, **more)


@pytest.mark.parametrize(
    ("status", "kind", "permanent"),
    [
        (302, PublishError, True),
        (400, PublishError, True),
        (401, RefusedCredentialsError, True),
        (403, RefusedCredentialsError, True),
        (408, PublishError, False),
        (413, TooLargeError, True),
        (429, RateLimitedError, False),
        (500, PublishError, False),
        (503, PublishError, False),
    ],
)
def test_each_status_is_an_error_of_its_kind(status, kind, permanent):
    with pytest.raises(PublishError) as raised:
        client(httpx.Response(status, json={"code": "no"})).request("GET", "/")

    assert type(raised.value) is kind
    assert (raised.value.permanent, raised.value.status, raised.value.body) == (permanent, status, {"code": "no"})


def test_an_error_holds_no_secret_that_the_receiver_echoes():
    with pytest.raises(PublishError) as raised:
        client(httpx.Response(400, text="Bearer secret-1 and other-2"), secrets=("other-2",)).request("GET", "/")

    assert str(raised.value) == "X answered 400: ************ and ************"


def test_a_connection_that_fails_is_an_error_without_the_url():
    with pytest.raises(UnreachableError) as raised:
        client(httpx.ConnectError("no route")).request("GET", "/")

    assert str(raised.value) == "X could not be reached: no route"
    assert raised.value.__cause__ is None


def test_what_may_pass_is_tried_again_and_the_rest_is_not():
    tried = client(httpx.Response(500), httpx.ReadTimeout("slow"), httpx.Response(200, json={"a": 1}), attempts=3)

    assert tried.request("GET", "/").json() == {"a": 1}
    with pytest.raises(PublishError):
        client(httpx.Response(400), httpx.Response(200), attempts=3).request("GET", "/")


def test_a_long_retry_after_is_left_to_the_caller():
    with pytest.raises(RateLimitedError) as raised:
        client(httpx.Response(429, headers={"Retry-After": "600"}), httpx.Response(200), attempts=3).request("GET", "/")

    assert raised.value.retry_after == timedelta(minutes=10)


def test_an_answer_that_trickles_in_is_not_waited_for():
    class Trickle(Gateway):
        def answer(self, asked):
            return 200, {"content-length": "5"}, b"a"

    with Trickle() as gateway, Client(gateway.url, system="X", timeout=0.3) as slow, pytest.raises(UnreachableError):
        slow.request("GET", "/")


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("30", timedelta(seconds=30)),
        ("1.5", timedelta(seconds=1.5)),
        ("-5", timedelta()),
        ("Fri, 01 Mar 2024 12:02:00 GMT", timedelta(minutes=2)),
        ("Fri, 01 Mar 2024 11:00:00 GMT", timedelta()),
        ("99999999", timedelta(days=1)),
        ("soon", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, wait):
    assert retry_after_of(value, now=NOW) == wait


def test_a_comma_too_many_is_forgiven_and_what_is_no_json_is_none():
    assert parsed('{"a": [1, 2,], }') == {"a": [1, 2]}
    assert parsed("<html>") is None


def test_a_client_does_not_show_its_headers():
    assert "secret-1" not in repr(client())
