"""Messages arrive once: whoever else is at work, whatever happens to the receiver or to a worker."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from inline_snapshot import snapshot

from observe_dagster.alerts import PUBLISHER


def test_two_daemons_at_once_send_one_message(watch):
    watch.evaluate(passed=False)
    cursor, others = watch.cursor, [watch.process() for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda process: watch.tick(process, cursor), others))
    for process in others:
        process.close()

    assert len(watch.receiver.messages) == 1


def test_a_tick_whose_cursor_was_lost_tells_nothing_twice(watch):
    before = watch.cursor
    watch.evaluate(passed=False)
    watch.run(fail=True)
    watch.evaluate(passed=True)
    watch.tick()
    arrived = list(watch.receiver.messages)

    assert watch.tick(cursor=before) == "0 opened, 0 resolved; 0 enqueued, 0 sent, 0 pending."
    assert watch.receiver.messages == arrived


@pytest.mark.parametrize("trouble", [500, 429, "reset"])
def test_a_receiver_in_trouble_gets_the_message_once_it_is_well(watch, trouble):
    watch.receiver.always = trouble
    watch.evaluate(passed=False)
    assert watch.tick().endswith("0 sent, 1 pending.")
    watch.evaluate(passed=True)
    watch.tick()
    assert watch.receiver.messages == []

    watch.receiver.always = 200
    watch.later(minutes=20)
    watch.tick()

    assert [message["type"] for message in watch.receiver.messages] == ["failure", "success"]


def test_a_receiver_that_does_not_answer_is_tried_again(watch):
    watch.declare(channels=[{"id": "team", "url": f"{watch.receiver.url()}?rto=0.2"}])
    watch.receiver.answers = ["slow"]
    watch.evaluate(passed=False)
    watch.tick()

    watch.later(minutes=20)
    watch.tick()

    assert len(watch.receiver.messages) == 1


def test_a_refused_message_is_kept_with_the_reason_and_holds_nothing_up(watch):
    watch.receiver.answers = [403]
    watch.evaluate(passed=False)
    said = watch.tick()
    watch.evaluate(passed=True)
    watch.tick()

    (dead,) = watch.outbox.items(PUBLISHER, states=["dead"])
    assert said == snapshot(
        "1 opened, 0 resolved; 1 enqueued, 0 sent, 0 pending, "
        "1 dead-lettered (`observe publications list` shows the reasons)."
    )
    assert dead.last_error == snapshot("Failed to send JSON POST notification: error=403.")
    assert [message["type"] for message in watch.receiver.messages] == ["success"]

    assert watch.outbox.requeue(PUBLISHER, now=watch.observe.clock()) == 1
    watch.tick()
    assert len(watch.receiver.messages) == 2


def test_a_worker_killed_before_it_sent_leaves_the_message_to_the_next(watch):
    watch.receiver.answers = [500]
    watch.evaluate(passed=False)
    watch.tick()
    watch.later(minutes=20)
    # The worker claims the message and is gone.
    assert watch.outbox.claim(PUBLISHER, limit=1, lease=timedelta(minutes=2), now=watch.observe.clock())

    assert watch.tick().endswith("0 sent, 1 pending.")
    watch.later(minutes=23)
    watch.tick()

    assert len(watch.receiver.messages) == 1


def test_a_channel_that_is_declared_no_more_gives_its_messages_up(watch):
    watch.receiver.always = 500
    watch.evaluate(passed=False)
    watch.tick()
    watch.declare(channels=[{"id": "other", "url": watch.receiver.url()}])
    watch.later(minutes=20)
    watch.tick()

    (dead,) = watch.outbox.items(PUBLISHER, states=["dead"])
    assert dead.last_error == "There is no channel 'team' any more."


@pytest.mark.parametrize("trouble", [200, 500, 403, "reset"])
def test_no_part_of_a_channels_url_is_logged_or_kept(watch, query, caplog, trouble):
    caplog.set_level(logging.DEBUG)
    secrets = ("pass-word-17", "hook-secret-path", watch.receiver.url())
    watch.receiver.always = trouble
    watch.evaluate(passed=False, check="leaky")
    said = watch.tick()

    kept = [said, caplog.text, watch.cursor, repr(watch.project), repr(watch.sensor.description)]
    for table in ("publication", "alert"):
        kept.extend(str(row) for row in query(f"SELECT to_jsonb(t) FROM observe.{table} AS t"))
    assert "leaky" in "".join(kept)
    assert [secret for secret in secrets for text in kept if secret in text] == []
