"""Alerts: which health events open and resolve them, and the messages about them."""

from observe_dagster.alerts.events import HealthEvent
from observe_dagster.alerts.message import Message, compose
from observe_dagster.alerts.notifier import send_message
from observe_dagster.alerts.processor import PUBLISHER, ProcessedEvents, process_events
from observe_dagster.alerts.transitions import FORGOTTEN_AFTER, Event, Transition, due_reminders, transitions

__all__ = [
    "FORGOTTEN_AFTER",
    "PUBLISHER",
    "Event",
    "HealthEvent",
    "Message",
    "ProcessedEvents",
    "Transition",
    "compose",
    "due_reminders",
    "process_events",
    "send_message",
    "transitions",
]
