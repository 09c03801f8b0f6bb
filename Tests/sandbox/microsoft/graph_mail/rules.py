"""Message rules: what a mailbox does by itself with a mail that arrives."""

from collections.abc import Callable
from typing import Any

from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message


def apply_rules(mailbox: Mailbox, message: Message) -> None:
    """Run the enabled rules on ``message``, which is in the inbox, in the order of their sequence."""
    for rule in sorted(mailbox.rules, key=lambda known: known['sequence']):
        if not rule['isEnabled'] or not _holds(rule.get('conditions') or {}, message, mailbox):
            continue
        if rule.get('exceptions') and _holds(rule['exceptions'], message, mailbox):
            continue
        actions = rule.get('actions') or {}
        _act(actions, message, mailbox)
        if actions.get('stopProcessingRules'):
            return


def _within(text: str, words: list[str]) -> bool:
    return any(word.casefold() in text.casefold() for word in words)


def _addresses(addresses: list[EmailAddress]) -> str:
    return ' '.join(f'{one.name} {one.address}' for one in addresses)


def _is_one_of(known: list[EmailAddress], wanted: list[dict[str, Any]]) -> bool:
    addresses = {one['emailAddress']['address'].casefold() for one in wanted}
    return any(one.address.casefold() in addresses for one in known)


CONDITIONS: dict[str, Callable[[Message, Any, Mailbox], bool]] = {
    'subjectContains': lambda message, words, _: _within(message.subject, words),
    'bodyContains': lambda message, words, _: _within(message.text, words),
    'bodyOrSubjectContains': lambda message, words, _: _within(f'{message.subject} {message.text}', words),
    'senderContains': lambda message, words, _: _within(_addresses([message.sender]), words),
    'recipientContains': lambda message, words, _: _within(_addresses(message.recipients), words),
    'headerContains': lambda message, words, _: _within('\n'.join(map(': '.join, mime.headers(message))), words),
    'fromAddresses': lambda message, wanted, _: _is_one_of([message.sender], wanted),
    'sentToAddresses': lambda message, wanted, _: _is_one_of(message.recipients, wanted),
    'categories': lambda message, wanted, _: bool(set(message.categories) & set(wanted)),
    'hasAttachments': lambda message, wanted, _: message.has_attachments is wanted,
    'importance': lambda message, wanted, _: message.importance == wanted,
    'sentToMe': lambda message, wanted, mailbox: (mailbox.owner.address in [one.address for one in message.to]) is wanted,
    'sentCcMe': lambda message, wanted, mailbox: (mailbox.owner.address in [one.address for one in message.cc]) is wanted,
}


def _holds(conditions: dict[str, Any], message: Message, mailbox: Mailbox) -> bool:
    """Return whether all of them hold; an unknown one never does."""
    stated = {name: value for name, value in conditions.items() if value is not None}
    return all(name in CONDITIONS and CONDITIONS[name](message, value, mailbox) for name, value in stated.items())


def _act(actions: dict[str, Any], message: Message, mailbox: Mailbox) -> None:
    if actions.get('markAsRead'):
        message.is_read = True
    if actions.get('markImportance'):
        message.importance = actions['markImportance']
    message.categories += [name for name in actions.get('assignCategories') or [] if name not in message.categories]
    mailbox.touch(message)
    steps: dict[str, Callable[[Message, str], Message]] = {'copyToFolder': mailbox.copy, 'moveToFolder': mailbox.move}
    for name, carry_out in steps.items():
        if actions.get(name) and mailbox.folder(actions[name]):
            carry_out(message, actions[name])
    if actions.get('delete'):
        mailbox.delete(message)
    if actions.get('permanentDelete'):
        mailbox.remove(message)
