"""Telling people: which failing checks and runs, to whom, how often, and that it is over."""

from observe_dagster.alerts.events import HealthEvent
from observe_dagster.alerts.message import Message, compose
from observe_dagster.alerts.notifier import AppriseNotifier, Notifier
from observe_dagster.alerts.processor import PUBLISHER, ProcessedEvents, process_events
from observe_dagster.alerts.transitions import FORGOTTEN_AFTER, Change, Event, due_reminders, transitions

__all__ = [
    "FORGOTTEN_AFTER",
    "PUBLISHER",
    "AppriseNotifier",
    "Change",
    "Event",
    "HealthEvent",
    "Message",
    "Notifier",
    "ProcessedEvents",
    "compose",
    "due_reminders",
    "process_events",
    "transitions",
]
