"""What the server does by itself: runs scheduled commands when they are due, and fetches incidents."""

import threading
import time
from functools import partial
from typing import Any

from . import commands
from .background_jobs import run_and_log_errors
from .components import Components
from .content_check import is_interval
from .entries import error_entry
from .errors import Refusal
from .instances import Instance
from .schedules import Schedule


class Background:
    """A thread that looks for work that is due.

    Args:
        second: how long a second of schedules and fetch intervals lasts, in seconds.
        fetches: whether instances that fetch do so by themselves.
    """

    def __init__(self, components: Components, second: float, fetches: bool) -> None:
        self._components = components
        self._second = second
        self._fetches = fetches
        self._thread = threading.Thread(target=self._look, name='xsoar-background', daemon=True)
        self._stopping = threading.Event()
        self._next_fetch: dict[str, float] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Start nothing more and wait for what goes on."""
        self._stopping.set()
        self._thread.join()
        self._components.background_jobs.stop()

    def _look(self) -> None:
        while not self._stopping.wait(max(0.1, min(0.25, self._second / 4))):
            run_and_log_errors(self._begin_what_is_due)

    def _begin_what_is_due(self) -> None:
        for schedule in self._components.schedules.all():
            if schedule.due <= time.time():
                self._components.background_jobs.start(('schedule', schedule.id), partial(self._run, schedule))
        if self._fetches:
            for instance in self._components.instances.all():
                self._fetch_if_due(instance)

    def _fetch_if_due(self, instance: Instance) -> None:
        if not instance.enabled or not instance.values.get('isFetch'):
            self._next_fetch.pop(instance.id, None)
        elif self._next_fetch.get(instance.id, 0) <= time.time():
            interval = instance.values.get('incidentFetchInterval')
            minutes = int(str(interval)) if is_interval(interval) else 1
            self._next_fetch[instance.id] = time.time() + minutes * 60 * self._second
            self._components.background_jobs.start(('fetch', instance.id), partial(self._components.runner.fetch, instance.id))

    def _run(self, schedule: Schedule) -> None:
        if not self._components.schedules.holds(schedule):
            return  # it came to its end while somebody looked at what is due
        origin: dict[str, Any] = {'parentId': schedule.parent_id}
        try:
            origin['parentContent'] = self._components.war_room.entry(schedule.parent_id)['contents']
            self._run_again(schedule, origin)
        except Refusal as refusal:
            self._components.war_room.add(schedule.investigation_id, error_entry(str(refusal)), **origin)
        self._components.schedules.remove(schedule)

    def _run_again(self, schedule: Schedule, origin: dict[str, Any]) -> None:
        instance = self._components.instances.get(schedule.instance_id)
        integration = self._components.catalogue.integration(instance.integration_id)
        origin.update(instance=instance.name, brand=integration.name)
        if not instance.enabled:
            raise Refusal(f'!{schedule.command} does not go on: enable the instance {instance.name!r} and run the command again.')
        if schedule.due > schedule.deadline:
            raise Refusal(
                f'!{schedule.command} does not go on: its time is over; run it again, with a longer timeout if it has one.'
            )
        if schedule.command not in integration.commands:
            raise Refusal(
                f'!{schedule.command} does not go on: {integration.name} has no such command; name one in ScheduledCommand.'
            )
        arguments = commands.bind(schedule.command, integration.commands[schedule.command], schedule.arguments)
        job = self._components.runner.job(integration, instance, schedule.command, arguments, schedule.investigation_id)
        _, polling = self._components.runner.run(job, origin)
        if polling:
            self._components.schedules.add(schedule.investigation_id, schedule.parent_id, instance.id, polling, schedule.deadline)
