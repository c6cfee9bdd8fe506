"""Telling people: which failing checks and runs, to whom, how often, and that it is over."""

from observe_dagster.alerts.delivery import Delivered, deliver
from observe_dagster.alerts.events import Verdict
from observe_dagster.alerts.message import Message, compose
from observe_dagster.alerts.notifier import AppriseNotifier, Notifier
from observe_dagster.alerts.processor import PUBLISHER, TakenIn, take_in
from observe_dagster.alerts.transitions import FORGOTTEN_AFTER, Change, Event, decide, due_again

__all__ = [
    "FORGOTTEN_AFTER",
    "PUBLISHER",
    "AppriseNotifier",
    "Change",
    "Delivered",
    "Event",
    "Message",
    "Notifier",
    "TakenIn",
    "Verdict",
    "compose",
    "decide",
    "deliver",
    "due_again",
    "take_in",
]
