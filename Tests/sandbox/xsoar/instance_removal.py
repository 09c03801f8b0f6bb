"""The end of an instance, and of the commands that it would have run again."""

from .components import Components
from .entries import error_entry


def remove_instance(components: Components, instance_id: str) -> None:
    """Delete an instance. Say below each command that waits for its next run that there will be none.

    Raises:
        NotFound: there is none of this id.
    """
    name = next((each.name for each in components.instances.all() if each.id == instance_id), '')
    waiting = [
        each
        for each in components.schedules.all()
        if each.instance_id == instance_id and not components.background_jobs.is_running(('schedule', each.id))
    ]
    components.instances.delete(instance_id)
    for schedule in waiting:
        parent = components.war_room.entry(schedule.parent_id)
        sentence = f'!{schedule.command} does not go on: the instance {name!r} was deleted; run it on another one.'
        origin = {'parentId': parent['id'], 'parentContent': parent['contents']}
        components.war_room.add(schedule.investigation_id, error_entry(sentence), **origin)
