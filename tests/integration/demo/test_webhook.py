"""The example's receiver takes what Apprise sends, and nothing else."""

import httpx

from observe_dagster.alerts import send_message
from observe_dagster.config.models.alerts import Channel
from observe_dagster.demo.webhook import ReceivedMessage, Receiver


def test_a_message_of_a_channel_arrives_whole():
    with Receiver() as receiver:
        channel = Channel.model_validate({"id": "team", "url": receiver.url})
        record = {"title": "1 alert", "text": "It is late.", "markdown": "It is *late*.", "level": "error"}
        send_message(channel, record)

        assert receiver.messages == [ReceivedMessage(title="1 alert", text="It is late.", type="failure")]


def test_what_is_no_message_is_refused():
    with Receiver() as receiver:
        url = receiver.url.replace("json://", "http://")

        assert [httpx.post(url, content=body).status_code for body in ("", "[]", '{"title": "x"}')] == [400] * 3
        assert receiver.messages == []
